// Which keys wait for a restart.
#include "app/at_start.hpp"

#include <gtest/gtest.h>

namespace peerzone::app {
namespace {

TEST(AtStart, KeysThatDifferAreNamed) {
    config::Config config;
    config.listen.dns.push_back({IpAddress::v4(0x7f000001), 53, 0});
    config.listen.admin = SocketAddress{IpAddress::v4(0x7f000001), 9153, 0};
    const AtStart at_start(config);
    EXPECT_EQ(at_start.keys_that_differ(config), "");
    config::Config other = config;
    other.workers = 3;
    EXPECT_EQ(at_start.keys_that_differ(other), "workers");
    other.listen.dns.clear();
    other.listen.tls.push_back({IpAddress::v4(0x7f000001), 853, 0});
    other.listen.admin.reset();
    EXPECT_EQ(at_start.keys_that_differ(other), "listen.dns, listen.tls, listen.admin, workers");
    other.log.level = log::Level::debug;
    EXPECT_EQ(at_start.keys_that_differ(config), "") << "back to what it was";
}

}  // namespace
}  // namespace peerzone::app
