// What people are told of endpoints is what questions make of them.
#include "peerzone/upstream/describe.hpp"

#include <gmock/gmock.h>

#include "peerzone/upstream/client.hpp"
#include "unit/upstream/plan_fixture.hpp"

namespace peerzone::upstream {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

struct Describe : PlanTest {
    std::vector<std::size_t> told() const { return first_choices(upstream, set, now); }
    // Where questions go, over all that chance can do.
    std::vector<std::size_t> gone() {
        std::vector<std::size_t> all;
        for (std::uint32_t random = 0; random < 12; ++random) {
            AttemptPlan fresh(upstream, set, now);
            const Step first = fresh.next(now, random);
            if (!first.give_up && std::ranges::find(all, first.endpoint) == all.end())
                all.push_back(first.endpoint);
        }
        std::ranges::sort(all);
        return all;
    }
};

TEST_F(Describe, FirstChoicesAreWhereQuestionsGo) {
    EXPECT_THAT(told(), IsEmpty());
    endpoints({60, 61, 200, 0});
    EXPECT_THAT(told(), ElementsAre(0, 1, 3)) << "one that was never measured is tried";
    EXPECT_EQ(told(), gone());
    make_suspect(0);
    EXPECT_THAT(told(), ElementsAre(1, 3));
    EXPECT_EQ(told(), gone());
    upstream.options.order = Order::listed;
    set.places = {0, 1, 2, 3};
    EXPECT_THAT(told(), ElementsAre(1));
    EXPECT_EQ(told(), gone());
    for (std::size_t i = 0; i < 4; ++i) make_suspect(i);
    EXPECT_EQ(told(), gone());
}

TEST_F(Describe, LookingClaimsNoTry) {
    endpoints({60, 60});
    make_suspect(1);
    now += Seconds(10);
    for (int i = 0; i < 10; ++i) told();
    EXPECT_EQ(next().copy_to, 1u) << "the suspect endpoint was due for a copy, and still is";
}

TEST_F(Describe, StatesAndTransports) {
    endpoints({0});
    EXPECT_EQ(state_text(at(0)), "unknown");
    EXPECT_EQ(transport_text(upstream.options, at(0), now), "udp");
    at(0).note_probe(ProbeResult::healthy);
    at(0).note_reach(Reach::tcp_only);
    EXPECT_EQ(state_text(at(0)), "healthy");
    EXPECT_EQ(transport_text(upstream.options, at(0), now), "tcp only");
    at(0).note_probe(ProbeResult::zone_absent);
    EXPECT_EQ(state_text(at(0)), "zone absent");
    at(0).note_probe(ProbeResult::refused);
    EXPECT_EQ(state_text(at(0)), "unusable");
    at(0).note_loss(now);
    EXPECT_EQ(at(0).losses(), 1u);
    make_suspect(0);
    EXPECT_EQ(at(0).losses(), 3u);
    EXPECT_EQ(state_text(at(0)), "suspect");
    EXPECT_EQ(transport_text(upstream.options, at(0), now), "udp") << "nobody knows by now";
    upstream.options.transport = Protocol::tls;
    EXPECT_EQ(transport_text(upstream.options, at(0), now), "tls");
}

TEST_F(Describe, AskingWithoutEndpointsFailsWithThePlansWords) {
    const auto asked = Client::fails_at_once(upstream, set, now);
    ASSERT_TRUE(asked);
    EXPECT_FALSE(asked->ok);
    EXPECT_EQ(std::to_string(asked->error_code) + " " + asked->error_text, failure());
    EXPECT_EQ(asked->error_text, "peer=westus has no endpoints");
    set.pending = "dns.example.com:53: not resolved yet";
    EXPECT_EQ(Client::fails_at_once(upstream, set, now)->error_text,
              "peer=westus dns.example.com:53: not resolved yet");
    endpoints({60});
    EXPECT_FALSE(Client::fails_at_once(upstream, set, now));
    make_suspect(0);
    EXPECT_FALSE(Client::fails_at_once(upstream, set, now))
        << "it is asked where there is no other";
}

TEST_F(Describe, EndpointsOfAnotherClusterAreNotAsked) {
    endpoints({60, 60});
    upstream.options.expect.emplace_back();
    at(0).identity().note_wrong("another cluster: x", WallTime());
    at(1).identity().note(Identity::awaited);
    EXPECT_FALSE(Client::fails_at_once(upstream, set, now)) << "the other one may be right";
    at(1).identity().note_wrong("another cluster: y", WallTime());
    const auto asked = Client::fails_at_once(upstream, set, now);
    ASSERT_TRUE(asked);
    EXPECT_EQ(std::to_string(asked->error_code) + " " + asked->error_text, failure());
    EXPECT_FALSE(asked->cacheable);
    EXPECT_THAT(told(), IsEmpty());
}

}  // namespace
}  // namespace peerzone::upstream
