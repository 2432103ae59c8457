// Bounds: what one peer's trouble may cost, and what is answered all the same.
#include <gtest/gtest.h>

#include <map>

#include "support/integration_peer.hpp"
#include "support/integration_server.hpp"

namespace peerzone::itest {
namespace {

struct Bounds : ::testing::Test {
    Peer west;
    Peer north;
    void SetUp() override {
        for (int i = 0; i < 10; ++i) {
            west.on(name(i), type::a, {{name(i) + " 60 IN A 10.2.0.1"}});
            north.on(northern(i), type::a, {{northern(i) + " 60 IN A 10.3.0.1"}});
        }
    }
    static std::string name(int i) { return "n" + std::to_string(i) + ".westus.svc.cluster.local"; }
    static std::string northern(int i) {
        return "n" + std::to_string(i) + ".north.svc.cluster.local";
    }
    std::string yaml(const std::string& limits) const {
        return "peers:\n"
               "  westus: {zones: [westus.svc.cluster.local], endpoints: ['" +
               west.address() +
               "'], deadline: 4s}\n"
               "  north: {zones: [north.svc.cluster.local], endpoints: ['" +
               north.address() +
               "']}\n"
               "zones: {corp.internal: {records: ['db A 10.0.0.5', 'one CNAME "
               "n0.westus.svc.cluster.local.',"
               " 'five CNAME n5.westus.svc.cluster.local.']}}\n"
               "limits: {" +
               limits + "}\n";
    }
    // Gets the replies that come while the peer still holds back its own, then those that come when
    // it is let go.
    static std::map<unsigned, Reply> receive(const Client& client, int count) {
        std::map<unsigned, Reply> replies;
        for (int i = 0; i < count; ++i) {
            const Reply reply = client.receive();
            if (!reply.came) break;
            replies[reply.id()] = reply;
        }
        return replies;
    }
};

TEST_F(Bounds, QuestionsBeyondThoseInFlightAreShedAtOnce) {
    const Server server(yaml("in_flight_per_upstream_max: 4"));
    const Client client = server.client();
    west.hold();
    for (int i = 0; i < 4; ++i)
        client.send(name(i), type::a, {.id = static_cast<std::uint16_t>(i)});
    ASSERT_TRUE(west.wait_for(4));
    const Reply shed = client.ask(name(4), type::a, {.id = 4});
    EXPECT_EQ(shed.id(), 4);
    EXPECT_EQ(shed.rcode(), 2u);
    EXPECT_EQ(shed.ede(), 0);
    EXPECT_TRUE(
        shed.says("peer=westus too many questions in flight (limits.in_flight_per_upstream_max)"));
    EXPECT_TRUE(shed.flag(dns::kFlagRa));
    EXPECT_EQ(server.count(metrics::Count::shed_in_flight), 1u);
    // Another peer is as it was.
    EXPECT_EQ(client.ask(northern(0), type::a, {.id = 9}).answers().size(), 1u);
    // One more for a query in flight is no further query.
    const Client another = server.client();
    another.send(name(0), type::a, {.id = 10});
    west.release();
    EXPECT_EQ(receive(client, 4).size(), 4u);
    EXPECT_EQ(another.receive().answers().size(), 1u);
    // There is room again, and the shed one was not remembered as failed.
    EXPECT_EQ(client.ask(name(4), type::a).answers().size(), 1u);
}

TEST_F(Bounds, WaitersForOneQuestionAreBounded) {
    const Server server(yaml("waiters_per_question_max: 3"));
    const Client client = server.client();
    west.hold();
    for (std::uint16_t id = 1; id <= 5; ++id) client.send(name(0), type::a, {.id = id});
    const auto shed = receive(client, 2);
    ASSERT_EQ(shed.size(), 2u);
    for (const auto& [id, reply] : shed) {
        EXPECT_GT(id, 3u) << "the newest are shed";
        EXPECT_EQ(reply.rcode(), 2u);
        EXPECT_TRUE(
            reply.says("peer=westus too many questions waiting for this name "
                       "(limits.waiters_per_question_max)"))
            << reply.ede_text();
    }
    ASSERT_TRUE(west.wait_for(1));
    west.release();
    const auto answered = receive(client, 3);
    EXPECT_EQ(answered.size(), 3u);
    for (const auto& [id, reply] : answered) EXPECT_EQ(reply.rcode(), 0u) << id;
    EXPECT_EQ(server.count(metrics::Count::shed_waiters), 2u);
    EXPECT_EQ(west.asked(), 1);
}

TEST_F(Bounds, WaitersForOnePeerAreBoundedOverAllQuestions) {
    const Server server(yaml("waiters_per_question_max: 5, waiters_per_upstream_max: 6"));
    const Client client = server.client();
    west.hold();
    for (std::uint16_t id = 0; id < 10; ++id) client.send(name(id % 5), type::a, {.id = id});
    const auto shed = receive(client, 4);
    EXPECT_EQ(shed.size(), 4u);
    for (const auto& [id, reply] : shed) EXPECT_EQ(reply.rcode(), 2u) << id;
    EXPECT_EQ(client.ask(northern(0), type::a, {.id = 20}).answers().size(), 1u);
    ASSERT_TRUE(west.wait_for(5));
    west.release();
    EXPECT_EQ(receive(client, 6).size(), 6u);
}

TEST_F(Bounds, KnownAndOwnedNamesAreAlwaysAnswered) {
    const Server server(yaml("in_flight_per_upstream_max: 1"));
    const Client client = server.client();
    EXPECT_EQ(client.ask(name(0), type::a).answers().size(), 1u);
    west.hold();
    client.send(name(1), type::a, {.id = 1});
    ASSERT_TRUE(west.wait_for(2));
    EXPECT_EQ(client.ask(name(0), type::a).rcode(), 0u);
    EXPECT_EQ(client.ask("db.corp.internal", type::a).rcode(), 0u);
    // An alias of ours to a known name of the peer needs no upstream either …
    const Reply alias = client.ask("one.corp.internal", type::a);
    EXPECT_EQ(alias.answers().size(), 2u) << alias.ede_text();
    // … one to an unknown name does.
    EXPECT_EQ(client.ask("five.corp.internal", type::a).rcode(), 2u);
    west.release();
    EXPECT_EQ(client.receive().id(), 1);
}

TEST_F(Bounds, AnAliasDoesNotLeadAroundTheBound) {
    north.on("x.north.svc.cluster.local", type::a,
             {{"x.north.svc.cluster.local 60 IN CNAME n5.westus.svc.cluster.local."}});
    const Server server(yaml("in_flight_per_upstream_max: 1"));
    const Client client = server.client();
    west.hold();
    client.send(name(1), type::a, {.id = 1});
    ASSERT_TRUE(west.wait_for(1));
    const Reply reply = client.ask("x.north.svc.cluster.local", type::a);
    EXPECT_EQ(reply.rcode(), 2u);
    EXPECT_TRUE(reply.says("peer=westus too many questions in flight")) << reply.ede_text();
    EXPECT_EQ(west.asked(), 1);
    // It has given back its place with the other peer.
    EXPECT_EQ(client.ask(northern(3), type::a).answers().size(), 1u);
    west.release();
    EXPECT_EQ(client.receive().id(), 1);
}

}  // namespace
}  // namespace peerzone::itest
