// The command line, called as main() calls it: what goes to which stream, and the exit status.
#include "peerzone/cli/cli.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <sstream>
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

// The example of --help must work when it is copied.
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
             {"check", "--json"},
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

TEST_F(Cli, TheWrongWordIsNamed) {
    const auto said = [](const std::vector<std::string>& words) {
        const Outcome outcome = call(words);
        EXPECT_EQ(outcome.status, 2);
        return outcome.err;
    };
    EXPECT_EQ(said({"serve", "--confg", "x"}),
              "peerzone: the option '--confg' is not known (hint: did you mean '--config'?)\n");
    EXPECT_EQ(said({"serve", "--confg=x"}),
              "peerzone: the option '--confg' is not known (hint: did you mean '--config'?)\n");
    EXPECT_EQ(said({"serve", "-x"}),
              "peerzone: the option '-x' is not known (hint: see peerzone serve --help)\n");
    EXPECT_EQ(said({"--verson"}),
              "peerzone: the option '--verson' is not known (hint: did you mean '--version'?)\n");
    EXPECT_EQ(said({"chekc", "pz.yaml"}),
              "peerzone: the command 'chekc' is not known (hint: did you mean 'check'?)\n");
    EXPECT_EQ(said({"frobnicate"}),
              "peerzone: the command 'frobnicate' is not known (hint: there are serve, check, "
              "status, flush, hold, release, explain)\n");
    EXPECT_EQ(said({"serve", "pz.yaml"}),
              "peerzone: serve takes no word 'pz.yaml' (hint: did you mean '--config pz.yaml'?)\n");
    EXPECT_EQ(said({"status", "westus"}),
              "peerzone: status takes no word 'westus' (hint: see peerzone status --help)\n");
    EXPECT_THAT(said({"flush", "--zone", "-odd.test", "--per", "x"}), HasSubstr("'--per'"));
    EXPECT_THAT(said({"serve"}), HasSubstr("--config is required"));
}

TEST_F(Cli, CheckTakesSeveralFilesAndTheWorstCounts) {
    const std::string good = write("good.yaml", "workers: 1\n");
    const std::string bad = write("bad.yaml", "wrokers: 1\n");
    const std::string none = (folder_ / "none.yaml").string();
    Outcome outcome = call({"check", good, bad, none});
    EXPECT_EQ(outcome.status, 1);
    EXPECT_THAT(outcome.out, HasSubstr(good + ": ok\n"));
    EXPECT_THAT(outcome.err,
                AllOf(HasSubstr(bad + ":1:1: wrokers"), HasSubstr(none + ": cannot be read")));
    EXPECT_EQ(call({"check", good, none}).status, 3);
    EXPECT_EQ(call({"check", good, good}).status, 0);
}

TEST_F(Cli, CheckReadsStandardInput) {
    const auto checked = [](const std::string& text) {
        std::istringstream in(text);
        std::streambuf* const before = std::cin.rdbuf(in.rdbuf());
        const Outcome outcome = call({"check", "-"});
        std::cin.rdbuf(before);
        return outcome;
    };
    EXPECT_THAT(checked("workers: 1\n").out, HasSubstr("<stdin>: ok\n"));
    const Outcome outcome = checked("wrokers: 1\n");
    EXPECT_EQ(outcome.status, 1);
    EXPECT_THAT(outcome.err, HasSubstr("<stdin>:1:1: wrokers"));
    EXPECT_EQ(checked("").status, 1);
    EXPECT_THAT(checked(std::string(std::size_t{2} << 20, '#')).err, HasSubstr("larger than 1MiB"));
}

TEST_F(Cli, CheckAsJson) {
    const std::string good = write("good.yaml", "log:\n");
    const std::string bad = write("bad.yaml", "cache: {sise: \"\\\"\"}\n");
    const Outcome outcome = call({"check", "--json", good, bad});
    EXPECT_EQ(outcome.status, 1);
    EXPECT_THAT(outcome.err, IsEmpty());
    EXPECT_EQ(outcome.out,
              R"({"ok":false,"files":[{"file":")" + good +
                  R"(","ok":true,"problems":[{"severity":"warning","file":")" + good +
                  R"(","line":1,"column":1,"path":"log","message":"is empty, as if it were not )"
                  R"(there","hint":"indent below it what belongs to it, or remove the key"}]},)"
                  R"({"file":")" +
                  bad + R"(","ok":false,"problems":[{"severity":"error","file":")" + bad +
                  R"(","line":1,"column":9,"path":"cache.sise","message":"unknown key 'sise'",)"
                  R"("hint":"did you mean 'size'?"}]}]})"
                  "\n");
}

TEST_F(Cli, WarningsAreCountedAndNoProblem) {
    const Outcome outcome = call({"check", write("pz.yaml", "log:\n")});
    EXPECT_EQ(outcome.status, 0);
    EXPECT_THAT(outcome.out, HasSubstr("pz.yaml: ok, 1 warning\n"));
    EXPECT_THAT(outcome.err, HasSubstr("pz.yaml:1:1: warning: log: is empty"));
}

TEST_F(Cli, CheckOfAConfigurationWhoseFilesAreMissing) {
    const std::string yaml = "zones: {a.test: {file: none.zone}}\n";
    EXPECT_EQ(call({"check", write("pz.yaml", yaml)}).status, 3);
    EXPECT_EQ(call({"check", write("pz.yaml", yaml + "wrokers: 1\n")}).status, 1);
    write("none.zone", "nonsense\n");
    EXPECT_EQ(call({"check", write("pz.yaml", yaml)}).status, 1);
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
    EXPECT_EQ(outcome.status, 3);
    EXPECT_EQ(outcome.err,
              file + ": cannot be read: No such file or directory\n" + file + ": 1 problem\n");
}

TEST_F(Cli, CheckSummarisesARightConfiguration) {
    const std::string resolv_conf = write("resolv.conf", "nameserver 192.0.2.53\n");
    const std::string file =
        write("pz.yaml",
              "cluster: {name: eastus}\n"
              "bootstrap: [192.0.2.53]\n"
              "listen: {dns: [\"127.0.0.1:5300\"]}\n"
              "local: {forward: {endpoints: [10.96.0.10], reverse: [10.1.0.0/16]}}\n"
              "peers:\n"
              "  westus: {zones: [w.test, v.test], endpoints: [10.2.0.10, "
              "dns.example.com]}\n"
              "zones: {x.test: {records: [db 300 IN A 10.0.0.5]}}\n"
              "forward: {.: {endpoints: [\"resolv.conf:resolv.conf\"]}}\n"
              "trusted_forwarders: [10.1.0.10]\n"
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
                  "  forward   . -> resolv.conf:" +
                  resolv_conf +
                  "\n"
                  "  trusted   10.1.0.10/32\n"
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
