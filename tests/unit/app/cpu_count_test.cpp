#include "app/cpu_count.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <string>

namespace peerzone::app {
namespace {

namespace fs = std::filesystem;

struct Trees : ::testing::Test {
    fs::path root = fs::temp_directory_path() / ("peerzone-cpu-" + std::to_string(::getpid()));
    fs::path proc = root / "proc";
    fs::path sys = root / "sys";
    Trees() { fs::remove_all(root); }
    ~Trees() override { fs::remove_all(root); }

    void put(const fs::path& file, const std::string& text) const {
        fs::create_directories(file.parent_path());
        std::ofstream(file) << text;
    }
    void groups(const std::string& text) const { put(proc / "self/cgroup", text); }
    void v2(const std::string& path, const std::string& text) const {
        put(sys / "fs/cgroup" / path / "cpu.max", text + "\n");
    }
    void v1(const std::string& path, const std::string& quota, const std::string& period) const {
        put(sys / "fs/cgroup/cpu" / path / "cpu.cfs_quota_us", quota + "\n");
        put(sys / "fs/cgroup/cpu" / path / "cpu.cfs_period_us", period + "\n");
    }
    std::optional<double> cpus() const { return cgroup_cpus(proc, sys); }
};

TEST_F(Trees, WithoutCgroupsThereIsNoQuota) {
    EXPECT_FALSE(cpus());
    groups("");
    EXPECT_FALSE(cpus());
    groups("garbage\n\n1:\n");
    EXPECT_FALSE(cpus());
}

TEST_F(Trees, V2QuotaIsQuotaOverPeriod) {
    groups("0::/pod/container\n");
    v2("pod/container", "150000 100000");
    EXPECT_DOUBLE_EQ(cpus().value(), 1.5);
}

TEST_F(Trees, V2MaxIsNoQuota) {
    groups("0::/pod\n");
    v2("pod", "max 100000");
    EXPECT_FALSE(cpus());
}

TEST_F(Trees, TheSmallestOfAllAncestorsBinds) {
    groups("0::/kubepods/pod7/container\n");
    v2("kubepods/pod7/container", "max 100000");
    v2("kubepods/pod7", "50000 100000");
    v2("kubepods", "400000 100000");
    EXPECT_DOUBLE_EQ(cpus().value(), 0.5);
    v2("kubepods/pod7/container", "20000 100000");
    EXPECT_DOUBLE_EQ(cpus().value(), 0.2);
}

TEST_F(Trees, InsideAContainerTheRootOfTheMountIsOurs) {
    groups("0::/\n");
    v2("", "250000 100000");
    EXPECT_DOUBLE_EQ(cpus().value(), 2.5);
    groups("0::/not/visible/from/here\n");
    EXPECT_DOUBLE_EQ(cpus().value(), 2.5);
    groups("0::/../../elsewhere\n");
    EXPECT_DOUBLE_EQ(cpus().value(), 2.5);
}

TEST_F(Trees, V1QuotaIsRead) {
    groups("12:memory:/docker/a\n5:cpu,cpuacct:/docker/a\n1:name=systemd:/docker/a\n0::/\n");
    v1("docker/a", "300000", "100000");
    EXPECT_DOUBLE_EQ(cpus().value(), 3.0);
    v1("docker", "100000", "50000");
    EXPECT_DOUBLE_EQ(cpus().value(), 2.0);
}

TEST_F(Trees, V1MinusOneIsNoQuota) {
    groups("5:cpu,cpuacct:/docker/a\n");
    v1("docker/a", "-1", "100000");
    v1("", "-1", "100000");
    EXPECT_FALSE(cpus());
}

TEST_F(Trees, CpusetAloneIsNotTheCpuController) {
    groups("5:cpuset:/docker/a\n");
    v1("docker/a", "100000", "100000");
    EXPECT_FALSE(cpus());
}

TEST_F(Trees, NonsenseIsNoQuota) {
    groups("0::/pod\n");
    for (const char* text :
         {"", "100000", "x 100000", "0 100000", "-5 100000", "100000 0", "100000 x"}) {
        v2("pod", text);
        EXPECT_FALSE(cpus()) << text;
    }
}

TEST(AutoWorkers, IsFromOneToFour) {
    EXPECT_GE(auto_workers(), 1u);
    EXPECT_LE(auto_workers(), kAutoWorkersMax);
}

}  // namespace
}  // namespace peerzone::app
