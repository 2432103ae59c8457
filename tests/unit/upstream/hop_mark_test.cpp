#include "peerzone/upstream/hop_mark.hpp"

#include <gtest/gtest.h>

namespace peerzone::upstream {
namespace {

TEST(HopMark, ReplicasOfAClusterKnowEachOther) {
    const std::uint64_t one = make_node_id("eastus", 1);
    const std::uint64_t two = make_node_id("eastus", 2);
    const std::uint64_t other = make_node_id("westus", 1);
    EXPECT_TRUE(is_mark_for_own_dns(mark_for(Kind::local, one), two));
    EXPECT_FALSE(is_mark_for_own_dns(mark_for(Kind::peer, one), two)) << "a namesake's, perhaps";
    EXPECT_FALSE(is_mark_for_own_dns(mark_for(Kind::local, other), one));
    EXPECT_FALSE(is_mark_for_own_dns(mark_for(Kind::peer, other), one));
}

TEST(HopMark, AProcessKnowsItsOwnWhoeverWasAsked) {
    const std::uint64_t one = make_node_id("eastus", 1);
    EXPECT_TRUE(is_own_mark(mark_for(Kind::local, one), one));
    EXPECT_TRUE(is_own_mark(mark_for(Kind::peer, one), one));
    EXPECT_FALSE(is_own_mark(mark_for(Kind::local, one), make_node_id("eastus", 2)));
    EXPECT_FALSE(is_own_mark(mark_for(Kind::peer, one), make_node_id("westus", 1)));
}

// Replicas may be of different versions.
TEST(HopMark, TheHashStaysWhatItIs) {
    EXPECT_EQ(make_node_id("eastus", 7), 0x4e42274800000007ull);
}

}  // namespace
}  // namespace peerzone::upstream
