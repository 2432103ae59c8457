// Following real files.
#include "app/config_follower.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/asio/executor_work_guard.hpp>
#include <filesystem>
#include <fstream>

namespace peerzone::app {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::IsEmpty;

struct Follower : ::testing::Test {
    fs::path folder =
        fs::temp_directory_path() / ("peerzone-follower-" + std::to_string(::getpid()));

    Follower() { fs::create_directories(folder); }
    ~Follower() override { fs::remove_all(folder); }
    std::string put(const std::string& name, const std::string& text) const {
        std::ofstream(folder / name, std::ios::binary) << text;
        return (folder / name).string();
    }
};

// The files were read before the follower began, and changed before it looked for the first time.
TEST_F(Follower, WhatIsChangedInTheMomentOfTheStartIsSeen) {
    const std::string file = put("a.yaml", "zones: {corp.internal: {records: ['db A 10.0.0.1']}}");
    FileStamps before = stamps_of({file});
    fs::rename(put("b", "zones: {corp.internal: {records: ['db A 10.0.0.2']}}"), file);
    boost::asio::io_context io;
    const auto work = boost::asio::make_work_guard(io);
    std::vector<std::string> records;
    std::string why;
    const auto status = std::make_shared<resolver::ConfigStatus>();
    std::optional<std::uint64_t> digest;
    ConfigFollower follower(
        io, file,
        [&](const Reading& reading) {
            if (reading.config) records = reading.config->zones.front().records;
            why = reading.why;
            digest = reading.digest;
            io.stop();
        },
        status);
    follower.start(std::move(before));
    io.run_for(std::chrono::seconds(20));
    EXPECT_THAT(records, testing::ElementsAre("db A 10.0.0.2"));
    EXPECT_EQ(why, file + " changed");
    EXPECT_TRUE(status->seen().is_changing) << "until it is taken over";
    EXPECT_EQ(digest, digest_of({file}));
}

TEST_F(Follower, NothingIsReadToItsEndOnceItIsStopped) {
    const std::string zone = put("a.zone", "nonsense\n");
    const std::string file = put("a.yaml", "zones: {corp.internal: {file: a.zone}}");
    ASSERT_FALSE(config::load(file).config);
    std::stop_source stop;
    EXPECT_TRUE(digest_of({file, zone}, stop.get_token()));
    stop.request_stop();
    EXPECT_THAT(config::load(file, stop.get_token()).problems, IsEmpty()) << "its zone is not read";
    EXPECT_FALSE(digest_of({file, zone}, stop.get_token()));
    config::Config config;
    config.zones.emplace_back().file = zone;
    const auto zones = load_zones(config, stop.get_token());
    ASSERT_FALSE(zones);
    EXPECT_THAT(zones.error().message, HasSubstr("stopped"));
}

}  // namespace
}  // namespace peerzone::app
