// A client whose endpoints are of another cluster, or have not been asked yet whose they are.
#include "unit/upstream/client_fixture.hpp"

namespace peerzone::upstream {
namespace {

struct ClientIdentity : ClientTest {
    ClientIdentity() {
        upstream.options.expect = {{dns::Name::from_text("id.svc.cluster.local").value(),
                                    dns::Name::from_text("westus").value()}};
    }
    void make_wrong(std::size_t i) {
        endpoint(i).identity().note_wrong("another cluster: id is eastus. not westus.", {});
    }
};

TEST_F(ClientIdentity, AQuestionWaitsUntilItIsKnownWhoseTheEndpointIs) {
    serve(answering);
    endpoint().identity().note(Identity::awaited);
    Answer answer;
    start(answer, question());
    EXPECT_FALSE(run_until([&] { return answer.done; }, Millis(120)));
    EXPECT_TRUE(servers[0]->udp.empty());
    endpoint().identity().note(Identity::right);
    EXPECT_TRUE(run_until([&] { return answer.done; }));
    EXPECT_TRUE(answer.asked.ok);
}

TEST_F(ClientIdentity, AQuestionThatWaitsFailsAtOnceWhenItIsOfAnotherCluster) {
    serve(answering);
    endpoint().identity().note(Identity::awaited);
    Answer answer;
    start(answer, question());
    make_wrong(0);
    EXPECT_TRUE(run_until([&] { return answer.done; }, Millis(500)));
    EXPECT_EQ(failure(answer),
              "20 peer=westus: " + place() + " is another cluster: id is eastus. not westus.");
    EXPECT_TRUE(servers[0]->udp.empty());
}

TEST_F(ClientIdentity, WhereAllAreWrongItFailsAtOnceAndIsNotRemembered) {
    serve(answering);
    serve(answering);
    make_wrong(0);
    make_wrong(1);
    const Answer answer = ask();
    EXPECT_FALSE(answer.asked.ok);
    EXPECT_EQ(answer.asked.error_code, dns::ede::not_authoritative);
    EXPECT_FALSE(answer.asked.cacheable);
    EXPECT_LT(answer.took, Millis(100));
    EXPECT_TRUE(servers[0]->udp.empty() && servers[1]->udp.empty());
    endpoint(1).identity().note(Identity::right);
    EXPECT_TRUE(ask().asked.ok);
}

TEST_F(ClientIdentity, AReplyThatIsOnItsWayWhenThatIsFoundOutIsNotUsed) {
    Received held;
    serve([&](const Received& q) {
        held = q;
        return Reaction{};
    });
    Answer answer;
    start(answer, question());
    ASSERT_TRUE(run_until([&] { return !held.message.empty(); }));
    make_wrong(0);
    servers[0]->send_to(held, held.answer());
    EXPECT_TRUE(run_until([&] { return answer.done; }));
    EXPECT_FALSE(answer.asked.ok);
    EXPECT_EQ(answer.asked.error_code, dns::ede::not_authoritative);
}

TEST_F(ClientIdentity, NoCanaryGoesThere) {
    serve(answering);
    serve(answering);
    make_wrong(0);
    publish();
    upstream.health->enter(UpstreamState::partitioned, Clock::now(), {});
    for (int i = 0; i < 8; ++i)
        client().send_canary(upstream, question(), Clock::now() + Millis(100 * i));
    EXPECT_TRUE(run_until([&] { return servers[1]->udp.size() == 8; }));
    EXPECT_TRUE(servers[0]->udp.empty());
    make_wrong(1);
    client().send_canary(upstream, question(), Clock::now() + Seconds(9));
    run_until([] { return false; }, Millis(50));
    EXPECT_EQ(servers[1]->udp.size(), 8u);
}

}  // namespace
}  // namespace peerzone::upstream
