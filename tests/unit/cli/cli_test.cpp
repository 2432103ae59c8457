// The command line, called as main() calls it: what goes to which stream, and the exit status.
#include "peerzone/cli/cli.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "peerzone/base/version.hpp"

namespace peerzone::cli {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

struct Outcome {
    int status = -1;
    std::string out;
    std::string err;
};

Outcome call(std::vector<std::string> words) {
    words.insert(words.begin(), "peerzone");
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    Outcome outcome;
    outcome.status = run(static_cast<int>(words.size()), argv.data());
    outcome.out = testing::internal::GetCapturedStdout();
    outcome.err = testing::internal::GetCapturedStderr();
    return outcome;
}

class Cli : public testing::Test {
protected:
    Cli()
        : folder_(std::filesystem::temp_directory_path() /
                  ("peerzone-cli-" + std::to_string(getpid()) + "-" +
                   testing::UnitTest::GetInstance()->current_test_info()->name())) {
        std::filesystem::create_directories(folder_);
    }
    ~Cli() override { std::filesystem::remove_all(folder_); }

    std::string write(const std::string& name, const std::string& text) const {
        const std::string path = (folder_ / name).string();
        std::ofstream(path, std::ios::binary) << text;
        return path;
    }

    std::filesystem::path folder_;
};

TEST_F(Cli, VersionIsTheBuilds) {
    const Outcome outcome = call({"--version"});
    EXPECT_EQ(outcome.status, 0);
    EXPECT_EQ(outcome.out, "peerzone " + std::string(kVersion) + "\n");
    EXPECT_THAT(outcome.err, IsEmpty());
    std::ifstream stream(std::filesystem::path(PEERZONE_SOURCE_DIR) / "CMakeLists.txt");
    const std::string build{std::istreambuf_iterator<char>(stream), {}};
    EXPECT_THAT(build, HasSubstr("project(peerzone VERSION " + std::string(kVersion) + " "));
}

TEST_F(Cli, HelpNamesTheCommandsAndShowsAnExample) {
    const Outcome outcome = call({"--help"});
    EXPECT_EQ(outcome.status, 0);
    EXPECT_THAT(outcome.out,
                AllOf(HasSubstr("serve"), HasSubstr("check"), HasSubstr("--version"),
                      HasSubstr("dig @127.0.0.1"), HasSubstr("peerzone.example.yaml")));
    EXPECT_THAT(outcome.err, IsEmpty());
    EXPECT_THAT(call({"serve", "--help"}).out, HasSubstr("--config"));
    for (const char* command : {"status", "flush", "hold", "release"}) {
        EXPECT_THAT(outcome.out, HasSubstr(command));
        EXPECT_THAT(call({command, "--help"}).out, HasSubstr("--server"));
    }
    EXPECT_THAT(call({"flush", "--help"}).out, AllOf(HasSubstr("--zone"), HasSubstr("--peer")));
}

// The example of --help must work for whoever copies it.
TEST_F(Cli, TheExampleOfHelpIsAConfiguration) {
    const std::string help = call({"--help"}).out;
    const std::size_t begin = help.find("<<'END'\n");
    const std::size_t end = help.find("  END\n", begin);
    ASSERT_NE(begin, std::string::npos);
    ASSERT_NE(end, std::string::npos);
    const std::string yaml = help.substr(begin + 8, end - begin - 8);
    EXPECT_THAT(yaml, HasSubstr("westus.svc.cluster.local"));
    const Outcome outcome = call({"check", write("pz.yaml", yaml)});
    EXPECT_EQ(outcome.status, 0) << outcome.err;
}

TEST_F(Cli, AWrongCommandLineIsStatusTwo) {
    for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
             {},
             {"serve"},
             {"check"},
             {"explode"},
             {"serve", "--config"},
             {"check", "a", "b"},
             {"flush"},
             {"flush", "a.test", "--zone", "b.test"},
             {"hold"},
             {"release", "a", "b"},
             {"status", "--server", "127.0.0.1", "--config", "pz.yaml"}}) {
        const Outcome outcome = call(words);
        EXPECT_EQ(outcome.status, 2);
        EXPECT_THAT(outcome.out, IsEmpty());
        EXPECT_THAT(outcome.err, Not(IsEmpty()));
    }
}

TEST_F(Cli, CheckSaysEveryProblemAndExitsOne) {
    const std::string file = write("pz.yaml",
                                   "cache: {sise: 1MiB}\n"
                                   "peers: {westus: {zones: [w.test], endpoints: [10.2.0.300]}}\n");
    const Outcome outcome = call({"check", file});
    EXPECT_EQ(outcome.status, 1);
    EXPECT_THAT(outcome.out, IsEmpty());
    EXPECT_EQ(
        outcome.err,
        file + ":1:9: cache.sise: unknown key 'sise' (hint: did you mean 'size'?)\n" + file +
            ":2:47: peers.westus.endpoints[0]: '10.2.0.300' is not an IP address (hint: such as "
            "10.2.0.10, 10.2.0.10:5353 or \"[fd00::1]:53\")\n" +
            file + ": 2 problems\n");
}

TEST_F(Cli, CheckOfAFileThatIsNotThere) {
    const std::string file = (folder_ / "none.yaml").string();
    const Outcome outcome = call({"check", file});
    EXPECT_EQ(outcome.status, 1);
    EXPECT_EQ(outcome.err,
              file + ": cannot be read: No such file or directory\n" + file + ": 1 problem\n");
}

TEST_F(Cli, CheckSummarisesARightConfiguration) {
    const std::string file =
        write("pz.yaml",
              "cluster: {name: eastus}\n"
              "listen: {dns: [\"127.0.0.1:5300\"]}\n"
              "local: {forward: {endpoints: [10.96.0.10], reverse: [10.1.0.0/16]}}\n"
              "peers:\n"
              "  westus: {zones: [w.test, v.test], endpoints: [10.2.0.10, "
              "dns.example.com]}\n"
              "zones: {x.test: {records: [db 300 IN A 10.0.0.5]}}\n"
              "forward: {.: {endpoints: [\"resolv.conf:/etc/resolv.conf\"]}}\n"
              "views: [{name: pods, clients: [10.1.0.0/16]}]\n");
    const Outcome outcome = call({"check", file});
    EXPECT_EQ(outcome.status, 0);
    EXPECT_THAT(outcome.err, IsEmpty());
    EXPECT_EQ(outcome.out,
              file +
                  ": ok\n"
                  "  cluster   eastus, zone cluster.local\n"
                  "  listen    127.0.0.1:5300\n"
                  "  local     cluster.local -> 10.96.0.10:53 (reverse 10.1.0.0/16)\n"
                  "  peers     westus: w.test, v.test -> 10.2.0.10:53, dns.example.com:53\n"
                  "  zones     x.test <- 1 record\n"
                  "  forward   . -> resolv.conf:/etc/resolv.conf\n"
                  "  views     pods: 10.1.0.0/16\n");
}

TEST_F(Cli, TheSummaryStaysOnOneScreen) {
    std::string yaml = "peers:\n";
    for (int i = 0; i < 200; ++i) {
        const std::string name = "p" + std::to_string(i);
        yaml += "  " + name + ": {zones: [" + name + ".test], endpoints: [";
        for (int j = 1; j < 40; ++j)
            yaml += "10.0." + std::to_string(j) + ".1" + (j < 39 ? "," : "]}\n");
    }
    const Outcome outcome = call({"check", write("pz.yaml", yaml)});
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    EXPECT_LT(std::count(outcome.out.begin(), outcome.out.end(), '\n'), 24);
    EXPECT_THAT(outcome.out, AllOf(HasSubstr("and 192 more"), HasSubstr("and 35 more")));
}

TEST_F(Cli, AConfigurationThatAnswersNothingIsRightButSaysSo) {
    const Outcome outcome = call({"check", write("pz.yaml", "log: {level: debug}\n")});
    EXPECT_EQ(outcome.status, 0);
    EXPECT_THAT(outcome.out, HasSubstr("every ordinary name is refused"));
}

TEST_F(Cli, ServeWithABrokenConfigurationDoesNotStart) {
    const std::string file = write("pz.yaml", "workers: many\n");
    const Outcome outcome = call({"serve", "--config", file});
    EXPECT_EQ(outcome.status, 1);
}

}  // namespace
}  // namespace peerzone::cli
