// status, flush, hold and release against admin HTTP of this process.
#include "cli/operate.hpp"

#include <gmock/gmock.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "support/admin_fixture.hpp"

namespace peerzone::cli {
namespace {

namespace asio = boost::asio;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

struct Operate : ::testing::Test, peerzone::testing::AdminFixture {
    std::ostringstream out;
    std::ostringstream err;

    Operate() { start(); }
    ServerChoice here() const { return {address().to_text(), ""}; }
};

TEST_F(Operate, StatusPrintsTheTableOrJson) {
    EXPECT_EQ(status(here(), false, out, err), 0);
    EXPECT_THAT(out.str(), StartsWith("peerzone 0.1.0  node"));
    EXPECT_THAT(out.str(), HasSubstr("10.2.0.10:53"));
    out.str("");
    EXPECT_EQ(status(here(), true, out, err), 0);
    EXPECT_THAT(out.str(), StartsWith("{\"version\":"));
    out.str("");
    EXPECT_EQ(status({"localhost:" + std::to_string(address().port), ""}, false, out, err), 0);
    EXPECT_EQ(err.str(), "");
}

TEST_F(Operate, CommandsReachTheServer) {
    EXPECT_EQ(flush(here(), "name", "db.westus.test", out, err), 0);
    EXPECT_EQ(flush(here(), "zone", "westus.test", out, err), 0);
    EXPECT_EQ(flush(here(), "peer", "westus", out, err), 0);
    EXPECT_EQ(hold(here(), "westus", out, err), 0);
    EXPECT_EQ(release(here(), "westus", out, err), 0);
    EXPECT_EQ(hold(here(), ".", out, err), 0);
    EXPECT_THAT(host.told,
                ElementsAre("flush name db.westus.test", "flush zone westus.test",
                            "flush peer westus", "hold westus", "release westus", "hold ."));
    EXPECT_THAT(out.str(), HasSubstr("flushed 3 entries of zone 'westus.test'\n"));
    EXPECT_EQ(err.str(), "");
}

TEST_F(Operate, WhatTheServerRefusesIsStatusOneAndItsWords) {
    EXPECT_EQ(hold(here(), "east us&peer=westus", out, err), 1);
    EXPECT_EQ(err.str(), "there is no peer 'east?us&peer=westus'; known are westus, local, .\n");
    err.str("");
    EXPECT_EQ(flush(here(), "name", "a..b", out, err), 1);
    EXPECT_EQ(err.str(), "'a..b' is not a domain name\n");
    EXPECT_EQ(out.str(), "");
    EXPECT_THAT(host.told, ::testing::IsEmpty());
}

TEST_F(Operate, AServerThatIsNotThere) {
    stop();
    EXPECT_EQ(status(here(), false, out, err), 1);
    EXPECT_THAT(err.str(), StartsWith("peerzone: no answer from " + address().to_text() +
                                      ": Connection refused\nIs the server running?"));
    err.str("");
    EXPECT_EQ(status({"nowhere", ""}, false, out, err), 1);
    EXPECT_EQ(err.str(),
              "peerzone: 'nowhere' is not an IP address (hint: --server takes ADDRESS or "
              "ADDRESS:PORT, such as 127.0.0.1:9153)\n");
}

// Takes one connection, reads what comes, says `reply`, and closes.
class Stranger {
public:
    explicit Stranger(std::string reply) : reply_(std::move(reply)) {
        thread_ = std::thread([this] {
            asio::ip::tcp::socket client(io_);
            boost::system::error_code ignored;
            acceptor_.accept(client, ignored);
            std::array<char, 4096> request{};
            client.read_some(asio::buffer(request), ignored);
            asio::write(client, asio::buffer(reply_), ignored);
        });
    }
    ~Stranger() { thread_.join(); }
    ServerChoice here() const {
        return {"127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port()), ""};
    }

private:
    asio::io_context io_;
    asio::ip::tcp::acceptor acceptor_{io_, {asio::ip::address_v4::loopback(), 0}};
    std::string reply_;
    std::thread thread_;
};

TEST_F(Operate, AnotherProgramsPortIsNamedAsSuch) {
    const auto said = [&](const std::string& reply) {
        const Stranger stranger(reply);
        out.str("");
        err.str("");
        EXPECT_EQ(status(stranger.here(), false, out, err), 1);
        EXPECT_EQ(out.str(), "");
        EXPECT_THAT(err.str(), StartsWith("peerzone: " + stranger.here().address));
        EXPECT_THAT(err.str(), HasSubstr("listen.admin"));
        return err.str();
    };
    EXPECT_THAT(said("HTTP/1.1 200 OK\r\nServer: nginx\xe4/1\r\nContent-Length: 2\r\n\r\nhi"),
                HasSubstr("is another program's port: it answers HTTP 200 and calls itself "
                          "'nginx?/1', but is no peerzone"));
    EXPECT_THAT(said("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"),
                HasSubstr("it answers HTTP 404, but is no peerzone"));
    EXPECT_THAT(said("220 mail.example.com ESMTP\r\n"), HasSubstr("does not speak HTTP"));
    EXPECT_THAT(said("\x15\x03\x01\x00\x02\x02\x0a"), HasSubstr("does not speak HTTP"));
    EXPECT_THAT(said(""), HasSubstr("does not speak HTTP"));
}

TEST_F(Operate, TheConfigurationSaysWhere) {
    const auto file = std::filesystem::temp_directory_path() /
                      ("peerzone-operate-" + std::to_string(::getpid()) + ".yaml");
    const auto with = [&](const std::string& admin) {
        std::ofstream(file) << "listen: {admin: \"" << admin << "\"}\n";
        out.str("");
        err.str("");
        return status({"", file.string()}, false, out, err);
    };
    EXPECT_EQ(with(address().to_text()), 0) << err.str();
    EXPECT_EQ(with("0.0.0.0:" + std::to_string(address().port)), 0) << err.str();
    EXPECT_EQ(with("off"), 1);
    EXPECT_EQ(err.str(), "peerzone: " + file.string() + ": listen.admin is off\n");
    EXPECT_EQ(with("nonsense"), 1);
    EXPECT_THAT(err.str(), HasSubstr(":1:17: listen.admin: 'nonsense' is not an IP address"));
    std::filesystem::remove(file);
}

}  // namespace
}  // namespace peerzone::cli
