#include "peerzone/upstream/expectation.hpp"

#include <gtest/gtest.h>

#include "peerzone/dns/types.hpp"
#include "peerzone/upstream/upstream.hpp"

namespace peerzone::upstream {
namespace {

const dns::Name kCluster = dns::Name::from_text("cluster.local").value();

std::string whole(std::string_view text, const Options& options = {}) {
    const auto name = expected_name(options, kCluster, text);
    return name ? name->to_text() : "none";
}

TEST(Expectation, ANameIsBelowThePeersOwnZoneUnlessItEndsWithADot) {
    EXPECT_EQ(whole("cluster-id.kube-system.svc"), "cluster-id.kube-system.svc.cluster.local");
    EXPECT_EQ(whole("Cluster-ID.example.com."), "cluster-id.example.com");
    EXPECT_EQ(whole("a..b"), "none");
    Options renamed;
    renamed.alias = {dns::Name::from_text("west.internal").value(),
                     dns::Name::from_text("k8s.west").value()};
    EXPECT_EQ(whole("id.svc", renamed), "id.svc.k8s.west");
    EXPECT_EQ(whole("id.svc.", renamed), "id.svc");
    const std::string label(60, 'x');
    const std::string long_name = label + "." + label + "." + label + "." + label;
    EXPECT_EQ(whole(long_name), "none") << "too long with the zone behind it";
    EXPECT_EQ(whole(long_name + "."), long_name);
}

TEST(Expectation, TheQuestionAndTheTextFollowFromWhatIsExpected) {
    const auto prefix = [](const char* text) { return Expected(IpPrefix::parse(text).value()); };
    const auto type = [](const Expected& answer) { return Expectation{{}, answer}.type(); };
    EXPECT_EQ(type(prefix("10.2.0.0/16")), dns::type::a);
    EXPECT_EQ(type(prefix("fd00:2::/64")), dns::type::aaaa);
    EXPECT_EQ(type(kCluster), dns::type::cname);
    EXPECT_EQ(type(std::string("westus")), dns::type::txt);
    EXPECT_EQ(expected_text(prefix("10.2.0.10")), "10.2.0.10");
    EXPECT_EQ(expected_text(prefix("10.2.0.0/16")), "10.2.0.0/16");
    EXPECT_EQ(expected_text(prefix("fd00:2::1")), "fd00:2::1");
    EXPECT_EQ(expected_text(kCluster), "cluster.local.");
    EXPECT_EQ(expected_text(std::string("westus")), "txt:westus");
}

}  // namespace
}  // namespace peerzone::upstream
