#include "peerzone/upstream/endpoint_board.hpp"

#include <gtest/gtest.h>

#include <thread>

#include "unit/upstream/client_fixture.hpp"

namespace peerzone::upstream {
namespace {

EndpointSet set_of(std::initializer_list<std::uint32_t> addresses) {
    EndpointSet set;
    for (const std::uint32_t address : addresses)
        set.endpoints.push_back(
            std::make_shared<Endpoint>(SocketAddress{IpAddress::v4(address), 53, 0}));
    return set;
}

TEST(EndpointBoard, BeginsEmptyAndShowsWhatWasPublishedLast) {
    EndpointBoard board;
    EXPECT_EQ(*board.current(), EndpointSet{});
    const auto before = board.current();
    const EndpointSet set = set_of({1, 2});
    board.publish(set);
    EXPECT_EQ(*board.current(), set);
    EXPECT_TRUE(before->endpoints.empty()) << "a set never changes";
    EXPECT_EQ(board.current(), board.current());
}

TEST(EndpointBoard, NoTwoSetsHaveTheSameNumber) {
    EndpointBoard first, second;
    EXPECT_NE(first.number(), second.number());
    const std::uint64_t before = first.number();
    first.publish({});
    EXPECT_NE(first.number(), before);
    EXPECT_NE(first.number(), second.number());
}

TEST(EndpointBoard, AFormerSetEndsWithItsLastReader) {
    EndpointBoard board;
    board.publish(set_of({1}));
    auto held = board.current();
    const std::weak_ptr<Endpoint> endpoint = held->endpoints[0];
    board.publish({});
    EXPECT_FALSE(endpoint.expired());
    held.reset();
    EXPECT_TRUE(endpoint.expired());
}

TEST(EndpointReader, ReadsAgainOnlyWhatHasChanged) {
    EndpointBoard board;
    EndpointReader reader;
    const auto empty = reader.read(0, board);
    EXPECT_EQ(reader.read(0, board), empty);
    board.publish(set_of({1}));
    const auto one = reader.read(0, board);
    EXPECT_EQ(one->endpoints.size(), 1u);
    EXPECT_EQ(one.get(), board.current().get());
    EXPECT_EQ(reader.read(0, board), one);
}

TEST(EndpointReader, TellsBoardsOfOnePlaceApart) {
    EndpointBoard before, after;  // an older snapshot's and its successor's
    before.publish(set_of({1}));
    after.publish(set_of({2}));
    EndpointReader reader;
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(*reader.read(7, before), *before.current());
        EXPECT_EQ(*reader.read(7, after), *after.current());
    }
}

TEST(EndpointReader, LetsGoOfWhatItHasForgotten) {
    EndpointReader reader;
    std::weak_ptr<Endpoint> endpoint;
    {
        EndpointBoard board;
        board.publish(set_of({1}));
        endpoint = reader.read(3, board)->endpoints[0];
    }
    EXPECT_FALSE(endpoint.expired());
    reader.forget(1);
    EXPECT_TRUE(endpoint.expired());
}

TEST(EndpointReader, SeesTheLastSetWhileControlWrites) {
    constexpr std::uint32_t kSets = 20000;
    EndpointBoard board;
    const auto read_until_last = [&board] {
        EndpointReader reader;
        std::uint32_t seen = 0;
        while (seen < kSets) {
            const auto set = reader.read(0, board);
            if (set->endpoints.empty()) continue;
            const std::uint32_t address = set->endpoints[0]->address().ip.v4_value();
            ASSERT_GE(address, seen) << "never back";
            seen = address;
        }
    };
    std::thread first(read_until_last), second(read_until_last);
    for (std::uint32_t i = 1; i <= kSets; ++i) board.publish(set_of({i}));
    first.join();
    second.join();
}

struct MovedClientTest : ClientTest {};

// Clients that ask the same name join it: they must not wait for an address that is gone.
TEST_F(MovedClientTest, AQuestionWhoseEndpointHasGoneBeginsAgainWithTheNewOne) {
    FakeServer& before = serve(silent);
    upstream.options.transport = Protocol::udp;
    Answer first;
    start(first, question());
    ASSERT_TRUE(run_until([&] { return before.udp.size() == 1; }));
    set = {};
    FakeServer& after = serve(answering);
    EXPECT_TRUE(ask(question("new.westus.example")).asked.ok);
    EXPECT_EQ(after.udp.size(), 1u);
    ASSERT_TRUE(run_until([&] { return first.done; }));
    EXPECT_TRUE(first.asked.ok) << first.asked.error_text;
    EXPECT_EQ(after.udp.size(), 2u);
    EXPECT_EQ(before.udp.size(), 1u);
    EXPECT_LT(first.took, Millis(1000));
}

TEST_F(MovedClientTest, WhereItsEndpointIsStillThereItGoesOn) {
    std::vector<Received> held;
    FakeServer& slow = serve([&](const Received& q) {
        held.push_back(q);
        return Reaction{};
    });
    upstream.options.transport = Protocol::udp;
    Answer first;
    start(first, question());
    ASSERT_TRUE(run_until([&] { return held.size() == 1; }));
    serve(silent);
    publish();
    ASSERT_TRUE(run_until([&] { return held.size() == 2; })) << "the first one has timed out";
    slow.send_to(held[0], held[0].answer());
    ASSERT_TRUE(run_until([&] { return first.done; }));
    EXPECT_TRUE(first.asked.ok) << "the late reply is its own";
    client().shut_down();
}

TEST_F(MovedClientTest, WhileThereIsNoEndpointAtAllItStaysWithTheOnesItHas) {
    FakeServer& before = serve(silent);
    upstream.options.transport = Protocol::udp;
    Answer first;
    start(first, question());
    ASSERT_TRUE(run_until([&] { return before.udp.size() == 1; }));
    set = {};
    publish();
    ASSERT_TRUE(run_until([&] { return first.done; }));
    EXPECT_FALSE(first.asked.ok);
    EXPECT_EQ(before.udp.size(), 3u);
}

TEST_F(MovedClientTest, ALateReplyOfAFormerEndpointIsTaken) {
    std::vector<Received> held;
    FakeServer& before = serve([&](const Received& q) {
        held.push_back(q);
        return Reaction{};
    });
    Answer answer;
    start(answer, question());
    ASSERT_TRUE(run_until([&] { return held.size() == 2; })) << "the first one has timed out";
    set = {};
    publish();
    client().forget_endpoints(1);
    before.send_to(held[0], held[0].answer());
    ASSERT_TRUE(run_until([&] { return answer.done; }));
    EXPECT_TRUE(answer.asked.ok) << answer.asked.error_text;
    // Those that still listen end by themselves.
    EXPECT_FALSE(ask().asked.ok) << "without endpoints";
    client().shut_down();
}

}  // namespace
}  // namespace peerzone::upstream
