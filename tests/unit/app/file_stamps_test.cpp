// Stamps and digests of real files.
#include "app/file_stamps.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace peerzone::app {
namespace {

namespace fs = std::filesystem;

struct Stamps : ::testing::Test {
    fs::path folder = fs::temp_directory_path() / ("peerzone-stamps-" + std::to_string(::getpid()));

    Stamps() { fs::create_directories(folder); }
    ~Stamps() override { fs::remove_all(folder); }
    std::string path(const std::string& name) const { return (folder / name).string(); }
    std::string put(const std::string& name, const std::string& text) const {
        std::ofstream(folder / name, std::ios::binary) << text;
        return path(name);
    }
};

TEST_F(Stamps, EveryWayToReplaceAFileShows) {
    const std::string file = put("a", "one");
    std::string last = stamp_of(file);
    const auto changed = [&] {
        const std::string before = std::exchange(last, stamp_of(file));
        return before != last;
    };
    EXPECT_FALSE(changed());
    put("a", "one, longer");
    EXPECT_TRUE(changed());
    fs::rename(put("b", "one, longer"), file);
    EXPECT_TRUE(changed());
    fs::remove(file);
    EXPECT_TRUE(changed());
    EXPECT_EQ(last, "");
    put("a", "one");
    EXPECT_TRUE(changed());
    EXPECT_FALSE(changed());
}

TEST_F(Stamps, LinksAreFollowedAllTheWay) {
    fs::create_directories(folder / "..1");
    fs::create_directories(folder / "..2");
    put("..1/a", "one");
    put("..2/a", "two");
    fs::create_directory_symlink("..1", folder / "..data");
    fs::create_symlink("..data/a", folder / "a");
    const std::string before = stamp_of(path("a"));
    fs::create_directory_symlink("..2", folder / "..tmp");
    EXPECT_EQ(stamp_of(path("a")), before);
    fs::rename(folder / "..tmp", folder / "..data");
    EXPECT_NE(stamp_of(path("a")), before);
}

TEST_F(Stamps, ADigestIsOfContents) {
    const std::string a = put("a", "one"), b = put("b", "two");
    const auto digest = digest_of({a, b});
    ASSERT_TRUE(digest);
    put("a", "one");
    EXPECT_EQ(digest_of({a, b}), digest);
    put("a", "onet");
    put("b", "wo");  // the same octets, in other files
    EXPECT_NE(digest_of({a, b}), digest);
    put("a", "one");
    put("b", "two");
    EXPECT_EQ(digest_of({a, b}), digest);
    EXPECT_NE(digest_of({b, a}), digest);
    put("b", "");
    const auto empty = digest_of({a, b});
    fs::remove(b);
    EXPECT_NE(digest_of({a, b}), empty);
}

TEST_F(Stamps, APipeIsNeitherReadNorWaitedFor) {
    const std::string pipe = path("pipe");
    ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
    EXPECT_EQ(stamp_of(pipe), stamp_of(folder.string()));
    EXPECT_TRUE(digest_of({pipe}));
}

TEST_F(Stamps, MissingAndEmptyFilesAreIncomplete) {
    const std::string a = put("a", "one"), empty = put("empty", "");
    EXPECT_FALSE(is_incomplete({}));
    EXPECT_FALSE(is_incomplete({a, folder.string()}));
    EXPECT_TRUE(is_incomplete({a, empty}));
    EXPECT_TRUE(is_incomplete({a, path("none")}));
}

}  // namespace
}  // namespace peerzone::app
