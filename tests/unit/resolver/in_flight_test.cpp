#include "resolver/in_flight.hpp"

#include "support/resolver_fixture.hpp"

namespace peerzone::resolver {
namespace {

using test::name;

struct Sink final : ReplySink {
    void deliver(const ReplyTo&, Bytes) noexcept override {}
};

struct InFlight : ::testing::Test {
    ClientGuard guard{0x1234};
    InFlightTable table{guard};
    Sink sink;
    std::shared_ptr<Snapshot> snapshot = std::make_shared<Snapshot>();
    ReplyTo to;

    InFlight() { to.sink = &sink; }
    static Request request(const std::string& qname, unsigned type = 1,
                           const itest::Asking& how = {}, view::ViewId view = 0) {
        Request made;
        EXPECT_EQ(dns::parse_query(itest::question(qname, type, how), made.query),
                  dns::Verdict::ok);
        made.view_group = view;
        return made;
    }
    PendingQuery* start(const std::string& qname, std::uint16_t upstream = 0) {
        PendingQuery* pending = nullptr;
        EXPECT_EQ(table.join({to, request(qname)}, upstream, snapshot, pending), Join::started);
        return pending;
    }
    Join join(const Request& r, std::uint16_t upstream = 0) {
        PendingQuery* pending = nullptr;
        return table.join({to, r}, upstream, snapshot, pending);
    }
};

TEST_F(InFlight, TheSameQuestionJoinsWhateverItsCaseAndId) {
    to.session = 1;
    PendingQuery* const pending = start("a.example");
    to.session = 2;
    EXPECT_EQ(join(request("A.ExAmPlE", 1, {.id = 99, .edns = std::nullopt})), Join::joined);
    EXPECT_EQ(table.size(), 1u);
    const auto landed = table.finish(*pending);
    ASSERT_EQ(landed->waiters.size(), 2u);
    EXPECT_EQ(landed->waiters[0].to.session, 1u);
    EXPECT_EQ(landed->waiters[1].to.session, 2u);
    EXPECT_EQ(landed->waiters[1].request.query.id, 99);
    EXPECT_EQ(dns::name_text(landed->waiters[1].request.query.asked_name()), "A.ExAmPlE");
    EXPECT_EQ(table.size(), 0u);
}

TEST_F(InFlight, NameTypeViewDoAndCdTellQuestionsApart) {
    start("a.example");
    EXPECT_EQ(join(request("b.example")), Join::started);
    EXPECT_EQ(join(request("a.example", 28)), Join::started);
    EXPECT_EQ(join(request("a.example", 1, {}, 1)), Join::started);
    EXPECT_EQ(join(request("a.example", 1, {.dnssec_ok = true})), Join::started);
    EXPECT_EQ(join(request("a.example", 1, {.flags = dns::kFlagCd})), Join::started);
    EXPECT_EQ(table.size(), 6u);
    EXPECT_EQ(join(request("a.example", 1, {.dnssec_ok = true})), Join::joined);
    EXPECT_EQ(join(request("a.example", 1, {.recursion = true, .flags = dns::kFlagAd})),
              Join::joined);
}

// What came back to us over others must not wait for itself.
TEST_F(InFlight, HopsTellQuestionsApart) {
    PendingQuery* const pending = start("a.example", 5);
    Request returned = request("a.example");
    returned.query.hops = 1;
    EXPECT_TRUE(table.asks(returned, 5, snapshot));
    EXPECT_FALSE(table.asks(returned, 6, snapshot));
    EXPECT_FALSE(table.asks(returned, 5, std::make_shared<Snapshot>()));
    EXPECT_FALSE(table.asks(request("b.example"), 5, snapshot));
    EXPECT_FALSE(table.asks(request("a.example", 28), 5, snapshot));
    EXPECT_EQ(join(returned, 5), Join::started);
    EXPECT_EQ(join(returned, 5), Join::joined);
    table.finish(*pending);
    EXPECT_TRUE(table.asks(request("a.example"), 5, snapshot)) << "whatever its hops";
}

TEST_F(InFlight, WhoIsDismissedWaitsNoMore) {
    snapshot->limits.waiters_per_upstream_max = 3;
    PendingQuery* const pending = start("a.example");
    EXPECT_EQ(join(request("a.example")), Join::joined);
    EXPECT_EQ(join(request("a.example")), Join::joined);
    EXPECT_EQ(join(request("b.example")), Join::too_many_waiters);
    table.leave(*pending);
    EXPECT_EQ(pending->waiters.size(), 2u);
    table.dismiss(*pending);
    ASSERT_EQ(pending->waiters.size(), 1u) << "the question stays";
    EXPECT_TRUE(pending->waiters.front().is_background());
    EXPECT_EQ(join(request("b.example")), Join::started);
    EXPECT_EQ(join(request("a.example")), Join::joined);
    table.finish(*pending);
}

TEST_F(InFlight, NobodyStartsFlightsAndJoinsNone) {
    PendingQuery* pending = nullptr;
    const Waiter nobody{.to = {}, .request = request("a.example")};
    EXPECT_EQ(table.join(nobody, 2, snapshot, pending), Join::started);
    EXPECT_EQ(table.refreshes(2), 1u);
    PendingQuery* other = nullptr;
    EXPECT_EQ(table.join(nobody, 2, snapshot, other), Join::joined);
    EXPECT_EQ(pending->waiters.size(), 1u);
    EXPECT_EQ(table.move(*pending, 3), Join::joined);
    EXPECT_EQ(table.refreshes(2), 0u);
    EXPECT_EQ(table.refreshes(3), 1u);
    table.finish(*pending);
    EXPECT_EQ(table.refreshes(3), 0u);
}

TEST_F(InFlight, TheClientWithMostGivesAPlaceToOneWithLess) {
    snapshot->limits.in_flight_per_upstream_max = 4;
    const auto join_as = [&](const std::string& qname, ClientGuard::Place place,
                             PendingQuery*& pending) {
        return table.join({to, request(qname), Time{} + Seconds(table.size()), place}, 0, snapshot,
                          pending);
    };
    PendingQuery* pending = nullptr;
    EXPECT_EQ(join_as("a.example", 7, pending), Join::started);
    EXPECT_EQ(join_as("b.example", 9, pending), Join::started);
    EXPECT_EQ(join_as("c.example", 7, pending), Join::started);
    EXPECT_EQ(join_as("d.example", 7, pending), Join::started);
    PendingQuery* const youngest = pending;
    EXPECT_EQ(join_as("e.example", 9, pending), Join::too_many_in_flight);
    EXPECT_EQ(table.heaviest_alone(0, 7).pending, nullptr) << "it has most itself";
    EXPECT_EQ(table.heaviest_alone(1, 9).pending, nullptr) << "nothing is in flight there";
    const WaiterRef victim = table.heaviest_alone(0, 9);
    EXPECT_EQ(victim.pending, youngest);
    EXPECT_EQ(table.give_up(victim).front().place, 7);
    EXPECT_TRUE(victim.pending->waiters.front().is_background());
    EXPECT_EQ(join_as("e.example", 9, pending), Join::started);
    EXPECT_EQ(join_as("f.example", 11, pending), Join::too_many_in_flight);
    EXPECT_EQ(table.heaviest_alone(0, 9).pending, nullptr) << "both have two";
    EXPECT_NE(table.heaviest_alone(0, 11).pending, nullptr);
    EXPECT_NE(table.heaviest_alone(0, ClientGuard::kNone).pending, nullptr);
    table.finish(*victim.pending);
    EXPECT_EQ(join_as("f.example", 11, pending), Join::too_many_in_flight);
}

TEST_F(InFlight, TheClientWithMostWaitersGivesASeatToOneWithLess) {
    snapshot->limits.waiters_per_question_max = 4;
    std::uint16_t count = 0;
    const auto join_as = [&](const std::string& qname, ClientGuard::Place place,
                             PendingQuery*& pending) {
        to.session = ++count;
        return table.join({to, request(qname), Time{} + Seconds(count), place}, 0, snapshot,
                          pending);
    };
    PendingQuery* shared = nullptr;
    EXPECT_EQ(join_as("a.example", 9, shared), Join::started);
    PendingQuery* pending = nullptr;
    for (int i = 0; i < 3; ++i) EXPECT_EQ(join_as("a.example", 7, pending), Join::joined);
    EXPECT_EQ(join_as("a.example", 9, pending), Join::too_many_for_question);
    EXPECT_EQ(pending, shared);
    EXPECT_EQ(table.heaviest_joined(*shared, 7).pending, nullptr) << "it has most itself";
    const WaiterRef victim = table.heaviest_joined(*shared, 9);
    ASSERT_EQ(victim.pending, shared);
    EXPECT_EQ(table.waiters(0), 4u);
    EXPECT_EQ(table.give_up(victim).front().to.session, 4u) << "the youngest of them";
    EXPECT_EQ(table.waiters(0), 3u);
    EXPECT_EQ(join_as("a.example", 9, pending), Join::joined);
    EXPECT_EQ(table.heaviest_joined(*shared, 9).pending, nullptr) << "two of one, one of the other";
    EXPECT_EQ(table.finish(*shared)->waiters.size(), 4u);
    EXPECT_EQ(table.waiters(0), 0u);
}

TEST_F(InFlight, SeatsOfAnUpstreamAreTakenFromAllItsQuestions) {
    snapshot->limits.waiters_per_upstream_max = 5;
    PendingQuery* elsewhere = nullptr;
    for (int i = 0; i < 5; ++i)
        table.join({to, request("z.example"), {}, 3}, 1, snapshot, elsewhere);
    PendingQuery* pending = nullptr;
    for (const char* qname : {"a.example", "b.example"})
        for (int i = 0; i < 2; ++i) table.join({to, request(qname), {}, 7}, 0, snapshot, pending);
    EXPECT_EQ(table.join({to, request("c.example"), {}, 9}, 0, snapshot, pending), Join::started);
    EXPECT_EQ(table.join({to, request("c.example"), {}, 9}, 0, snapshot, pending),
              Join::too_many_waiters);
    const WaiterRef victim = table.heaviest_joined(std::uint16_t{0}, 9);
    ASSERT_NE(victim.pending, nullptr);
    EXPECT_EQ(table.give_up(victim).front().place, 7)
        << "not of the other upstream, where 3 has more";
    EXPECT_EQ(table.join({to, request("c.example"), {}, 9}, 0, snapshot, pending), Join::joined);
}

// Who asks everything twice has no more right to it.
TEST_F(InFlight, AFlightThatOneClientWaitsForTwiceIsGivenUpWhole) {
    snapshot->limits.in_flight_per_upstream_max = 3;
    PendingQuery* pending = nullptr;
    for (const char* qname : {"a.example", "b.example", "c.example"})
        for (const Join expected : {Join::started, Join::joined})
            EXPECT_EQ(table.join({to, request(qname), {}, 7}, 0, snapshot, pending), expected);
    PendingQuery* const shared = pending;
    EXPECT_EQ(table.join({to, request("c.example"), {}, 9}, 0, snapshot, pending), Join::joined);
    EXPECT_EQ(table.in_flight_of(7), 3u);
    EXPECT_EQ(table.in_flight_of(9), 0u) << "it has joined one";
    const WaiterRef victim = table.heaviest_alone(0, 9);
    ASSERT_NE(victim.pending, nullptr);
    EXPECT_NE(victim.pending, shared) << "somebody else waits for it";
    EXPECT_EQ(table.give_up(victim).size(), 2u);
    EXPECT_EQ(table.in_flight_of(7), 2u);
    EXPECT_EQ(table.waiters(0), 5u);
    EXPECT_EQ(table.join({to, request("d.example"), {}, 9}, 0, snapshot, pending), Join::started);
    table.finish(*victim.pending);
    EXPECT_EQ(table.waiters(0), 6u);
    EXPECT_EQ(table.in_flight_of(7), 2u);
}

TEST_F(InFlight, NobodyTakesNoSeat) {
    snapshot->limits.waiters_per_upstream_max = 2;
    PendingQuery* pending = nullptr;
    PendingQuery* refresh = nullptr;
    EXPECT_EQ(table.join({to, request("a.example"), {}, 7}, 0, snapshot, pending), Join::started);
    EXPECT_EQ(table.join({to, request("b.example"), {}, 7}, 0, snapshot, pending), Join::started);
    const Waiter nobody{.to = {}, .request = request("r.example")};
    EXPECT_EQ(table.join(nobody, 0, snapshot, refresh), Join::started);
    EXPECT_EQ(table.waiters(0), 2u);
    table.give_up({pending, 0});
    EXPECT_EQ(table.waiters(0), 1u);
    EXPECT_EQ(join(request("c.example")), Join::started) << "the seat is free";
    EXPECT_EQ(join(request("d.example")), Join::too_many_waiters);
    table.finish(*pending);
    table.finish(*refresh);
    EXPECT_EQ(table.waiters(0), 2u);
}

TEST_F(InFlight, WhoMovesIsCountedWhereItIs) {
    const IpAddress client = IpAddress::parse("10.1.0.9").value();
    Waiter waiter{to, request("a.example")};
    waiter.request.client = client;
    ASSERT_EQ(guard.admit(client, 0, snapshot->limits, false, Time{}, waiter.place),
              ClientGuard::Verdict::ok);
    const ClientGuard::Place before = waiter.place;
    PendingQuery* pending = nullptr;
    ASSERT_EQ(table.join(waiter, 0, snapshot, pending), Join::started);
    ASSERT_EQ(table.move(*pending, 9), Join::joined);
    EXPECT_EQ(guard.in_flight(before), 0u);
    EXPECT_EQ(table.in_flight_of(before), 0u);
    const ClientGuard::Place after = pending->waiters.front().place;
    EXPECT_NE(after, before);
    EXPECT_EQ(guard.in_flight(after), 1u);
    EXPECT_EQ(table.in_flight_of(after), 1u);
    EXPECT_EQ(guard.place_of(client, 9), after);
    // Who joins it now comes for its first upstream.
    ASSERT_EQ(guard.admit(client, 0, snapshot->limits, false, Time{}, waiter.place),
              ClientGuard::Verdict::ok);
    ASSERT_EQ(table.join(waiter, 0, snapshot, pending), Join::joined);
    EXPECT_EQ(pending->waiters.back().place, after);
    EXPECT_EQ(guard.in_flight(before), 0u);
    EXPECT_EQ(guard.in_flight(after), 2u);
}

TEST_F(InFlight, WhatWasGivenUpIsBoundedToo) {
    snapshot->limits.in_flight_per_upstream_max = 3;
    std::vector<PendingQuery*> flights;
    for (int i = 0; i < 6; ++i) {
        PendingQuery* pending = nullptr;
        ASSERT_EQ(table.join({to, request("n" + std::to_string(i)), {}, 1}, 0, snapshot, pending),
                  Join::started);
        EXPECT_EQ(table.give_up({pending, 0}).size(), 1u);
        flights.push_back(pending);
    }
    EXPECT_EQ(join(request("more.example")), Join::too_many_in_flight);
    for (PendingQuery* pending : flights) table.finish(*pending);
    EXPECT_EQ(join(request("more.example")), Join::started);
}

TEST_F(InFlight, AQuestionUnderANewSnapshotDoesNotJoinAnOldOne) {
    PendingQuery* const old = start("a.example");
    snapshot = std::make_shared<Snapshot>();
    PendingQuery* const fresh = start("a.example");
    EXPECT_NE(old, fresh);
    EXPECT_EQ(join(request("a.example")), Join::joined);
    EXPECT_EQ(table.finish(*old)->waiters.size(), 1u);
    EXPECT_EQ(table.finish(*fresh)->waiters.size(), 2u);
}

TEST_F(InFlight, FlightsAreBoundedPerUpstream) {
    snapshot->limits.in_flight_per_upstream_max = 2;
    PendingQuery* const first = start("a.example", 3);
    start("b.example", 3);
    EXPECT_EQ(join(request("c.example"), 3), Join::too_many_in_flight);
    EXPECT_EQ(join(request("a.example"), 3), Join::joined) << "no further flight";
    EXPECT_EQ(join(request("c.example"), 4), Join::started) << "another upstream's share";
    table.finish(*first);
    EXPECT_EQ(join(request("d.example"), 3), Join::started);
}

TEST_F(InFlight, WaitersAreBoundedPerQuestion) {
    snapshot->limits.waiters_per_question_max = 2;
    start("a.example");
    EXPECT_EQ(join(request("a.example")), Join::joined);
    EXPECT_EQ(join(request("a.example")), Join::too_many_for_question);
    EXPECT_EQ(join(request("b.example")), Join::started);
}

TEST_F(InFlight, WaitersAreBoundedPerUpstream) {
    snapshot->limits.waiters_per_upstream_max = 3;
    PendingQuery* const first = start("a.example");
    EXPECT_EQ(join(request("a.example")), Join::joined);
    start("b.example");
    EXPECT_EQ(join(request("b.example")), Join::too_many_waiters);
    EXPECT_EQ(join(request("c.example")), Join::too_many_waiters);
    EXPECT_EQ(join(request("c.example"), 1), Join::started);
    table.finish(*first);
    EXPECT_EQ(join(request("b.example")), Join::joined);
    EXPECT_EQ(join(request("d.example")), Join::started);
    EXPECT_EQ(join(request("e.example")), Join::too_many_waiters);
}

TEST_F(InFlight, WhoJoinsCountsWhereTheFlightIs) {
    snapshot->limits.waiters_per_upstream_max = 2;
    start("a.example", 7);
    EXPECT_EQ(join(request("a.example"), 0), Join::joined);
    EXPECT_EQ(join(request("a.example"), 0), Join::too_many_waiters);
    EXPECT_EQ(join(request("b.example"), 0), Join::started);
    EXPECT_EQ(join(request("c.example"), 0), Join::started);
}

TEST_F(InFlight, AMovedFlightTakesItsWaitersAlong) {
    snapshot->limits.waiters_per_upstream_max = 2;
    PendingQuery* const pending = start("a.example", 0);
    EXPECT_EQ(join(request("a.example"), 0), Join::joined);
    EXPECT_EQ(join(request("b.example"), 0), Join::too_many_waiters);
    EXPECT_EQ(table.move(*pending, 9), Join::joined);
    EXPECT_EQ(pending->upstream, 9);
    EXPECT_EQ(join(request("b.example"), 0), Join::started);
    EXPECT_EQ(join(request("c.example"), 9), Join::too_many_waiters);
    EXPECT_EQ(table.move(*pending, 9), Join::joined) << "where it is already";
    table.finish(*pending);
    EXPECT_EQ(join(request("c.example"), 9), Join::started);
}

TEST_F(InFlight, AMoveToAFullUpstreamChangesNothing) {
    snapshot->limits.in_flight_per_upstream_max = 1;
    PendingQuery* const pending = start("a.example", 0);
    start("b.example", 1);
    EXPECT_TRUE(is_full(table.move(*pending, 1)));
    EXPECT_EQ(pending->upstream, 0);
    EXPECT_EQ(join(request("c.example"), 0), Join::too_many_in_flight);
    table.finish(*pending);
    EXPECT_EQ(join(request("c.example"), 0), Join::started);
}

TEST_F(InFlight, AMoveCountsAllWaitersAgainstTheNewBound) {
    snapshot->limits.waiters_per_upstream_max = 3;
    PendingQuery* const pending = start("a.example", 0);
    EXPECT_EQ(join(request("a.example"), 0), Join::joined);
    start("b.example", 1);
    EXPECT_EQ(join(request("b.example"), 1), Join::joined);
    EXPECT_TRUE(is_full(table.move(*pending, 1)));
    EXPECT_EQ(join(request("a.example"), 0), Join::joined);
}

TEST_F(InFlight, CountsComeBackToNothingAfterManyRounds) {
    snapshot->limits = {.in_flight_per_upstream_max = 3,
                        .waiters_per_question_max = 3,
                        .waiters_per_upstream_max = 9};
    for (int round = 0; round < 100; ++round) {
        std::vector<PendingQuery*> flights;
        for (const char* qname : {"a.example", "b.example", "c.example"}) {
            flights.push_back(start(qname, 0));
            EXPECT_EQ(join(request(qname), 0), Join::joined);
            EXPECT_EQ(join(request(qname), 0), Join::joined);
        }
        EXPECT_EQ(join(request("d.example"), 0), Join::too_many_in_flight);
        EXPECT_EQ(table.move(*flights[0], 1), Join::joined);
        for (PendingQuery* pending : flights) EXPECT_EQ(table.finish(*pending)->waiters.size(), 3u);
        EXPECT_EQ(table.size(), 0u);
    }
}

}  // namespace
}  // namespace peerzone::resolver
