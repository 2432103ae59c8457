#include <gtest/gtest.h>

#include "resolver/last_known.hpp"

namespace peerzone::resolver {
namespace {

using namespace std::chrono_literals;
using upstream::Endpoint;
using upstream::UpstreamState;

struct UsualWaitTest : testing::Test {
    /// An endpoint whose every reply takes `rtt`.
    void add_endpoint(Duration rtt) {
        add_unmeasured();
        for (int i = 0; i < 1000; ++i) set.endpoints.back()->note_reply(rtt);
    }
    void add_unmeasured() {
        set.endpoints.push_back(std::make_shared<Endpoint>(SocketAddress{}));
        peer.board->publish(set);
    }

    upstream::EndpointSet set;
    upstream::Upstream peer;
};

TEST_F(UsualWaitTest, IsFiftyMillisecondsForWhoIsNearOrUnknown) {
    EXPECT_EQ(usual_wait(peer), 50ms);
    add_unmeasured();
    EXPECT_EQ(usual_wait(peer), 50ms);
    add_endpoint(1ms);
    EXPECT_EQ(usual_wait(peer), 50ms);
}

TEST_F(UsualWaitTest, LeavesAReplyFromFarAwayTheTimeItNeedsAndALittleMore) {
    add_endpoint(180ms);
    EXPECT_GT(usual_wait(peer), 190ms);
    EXPECT_LT(usual_wait(peer), 225ms);
    add_endpoint(120ms);
    EXPECT_GT(usual_wait(peer), 125ms);
    EXPECT_LT(usual_wait(peer), 150ms);
}

TEST_F(UsualWaitTest, IsLongerForWhoIsJustBack) {
    add_endpoint(1ms);
    peer.health->enter(UpstreamState::recovering, Time{} + 1h, {});
    EXPECT_EQ(usual_wait(peer), 250ms);
    add_endpoint(180ms);
    EXPECT_EQ(usual_wait(peer), 250ms);  // the nearer one answers
    set.endpoints.erase(set.endpoints.begin());
    peer.board->publish(set);
    EXPECT_GT(usual_wait(peer), 380ms);
    peer.health->enter(UpstreamState::healthy, Time{} + 2h, {});
    EXPECT_LT(usual_wait(peer), 225ms);
}

}  // namespace
}  // namespace peerzone::resolver
