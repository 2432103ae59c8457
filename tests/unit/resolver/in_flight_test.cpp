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
        made.view = view;
        return made;
    }
    Flight* start(const std::string& qname, std::uint16_t upstream = 0) {
        Flight* flight = nullptr;
        EXPECT_EQ(table.join({to, request(qname)}, upstream, snapshot, flight), Join::started);
        return flight;
    }
    Join join(const Request& r, std::uint16_t upstream = 0) {
        Flight* flight = nullptr;
        return table.join({to, r}, upstream, snapshot, flight);
    }
};

TEST_F(InFlight, TheSameQuestionJoinsWhateverItsCaseAndId) {
    to.session = 1;
    Flight* const flight = start("a.example");
    to.session = 2;
    EXPECT_EQ(join(request("A.ExAmPlE", 1, {.id = 99, .edns = std::nullopt})), Join::joined);
    EXPECT_EQ(table.size(), 1u);
    const auto landed = table.finish(*flight);
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
    Flight* const flight = start("a.example", 5);
    Request returned = request("a.example");
    returned.query.hops = 1;
    EXPECT_TRUE(table.asks(returned, 5, snapshot));
    EXPECT_FALSE(table.asks(returned, 6, snapshot));
    EXPECT_FALSE(table.asks(returned, 5, std::make_shared<Snapshot>()));
    EXPECT_FALSE(table.asks(request("b.example"), 5, snapshot));
    EXPECT_FALSE(table.asks(request("a.example", 28), 5, snapshot));
    EXPECT_EQ(join(returned, 5), Join::started);
    EXPECT_EQ(join(returned, 5), Join::joined);
    table.finish(*flight);
    EXPECT_TRUE(table.asks(request("a.example"), 5, snapshot)) << "whatever its hops";
}

TEST_F(InFlight, WhoIsDismissedWaitsNoMore) {
    snapshot->limits.waiters_per_upstream_max = 3;
    Flight* const flight = start("a.example");
    EXPECT_EQ(join(request("a.example")), Join::joined);
    EXPECT_EQ(join(request("a.example")), Join::joined);
    EXPECT_EQ(join(request("b.example")), Join::too_many_waiters);
    table.leave(*flight);
    EXPECT_EQ(flight->waiters.size(), 2u);
    table.dismiss(*flight);
    ASSERT_EQ(flight->waiters.size(), 1u) << "the question stays";
    EXPECT_TRUE(flight->waiters.front().is_nobody());
    EXPECT_EQ(join(request("b.example")), Join::started);
    EXPECT_EQ(join(request("a.example")), Join::joined);
    table.finish(*flight);
}

TEST_F(InFlight, NobodyStartsFlightsAndJoinsNone) {
    Flight* flight = nullptr;
    const Waiter nobody{.to = {}, .request = request("a.example")};
    EXPECT_EQ(table.join(nobody, 2, snapshot, flight), Join::started);
    EXPECT_EQ(table.refreshes(2), 1u);
    Flight* other = nullptr;
    EXPECT_EQ(table.join(nobody, 2, snapshot, other), Join::joined);
    EXPECT_EQ(flight->waiters.size(), 1u);
    EXPECT_EQ(table.move(*flight, 3), Join::joined);
    EXPECT_EQ(table.refreshes(2), 0u);
    EXPECT_EQ(table.refreshes(3), 1u);
    table.finish(*flight);
    EXPECT_EQ(table.refreshes(3), 0u);
}

TEST_F(InFlight, TheClientWithMostGivesAPlaceToOneWithLess) {
    snapshot->limits.in_flight_per_upstream_max = 4;
    const auto join_as = [&](const std::string& qname, ClientGuard::Place place, Flight*& flight) {
        return table.join({to, request(qname), Time{} + Seconds(table.size()), place}, 0, snapshot,
                          flight);
    };
    Flight* flight = nullptr;
    EXPECT_EQ(join_as("a.example", 7, flight), Join::started);
    EXPECT_EQ(join_as("b.example", 9, flight), Join::started);
    EXPECT_EQ(join_as("c.example", 7, flight), Join::started);
    EXPECT_EQ(join_as("d.example", 7, flight), Join::started);
    Flight* const youngest = flight;
    EXPECT_EQ(join_as("e.example", 9, flight), Join::too_many_flights);
    EXPECT_EQ(table.greediest_alone(0, 7).flight, nullptr) << "it has most itself";
    EXPECT_EQ(table.greediest_alone(1, 9).flight, nullptr) << "nothing is in flight there";
    const Seat victim = table.greediest_alone(0, 9);
    EXPECT_EQ(victim.flight, youngest);
    EXPECT_EQ(table.give_up(victim).front().place, 7);
    EXPECT_TRUE(victim.flight->waiters.front().is_nobody());
    EXPECT_EQ(join_as("e.example", 9, flight), Join::started);
    EXPECT_EQ(join_as("f.example", 11, flight), Join::too_many_flights);
    EXPECT_EQ(table.greediest_alone(0, 9).flight, nullptr) << "both have two";
    EXPECT_NE(table.greediest_alone(0, 11).flight, nullptr);
    EXPECT_NE(table.greediest_alone(0, ClientGuard::kNone).flight, nullptr);
    table.finish(*victim.flight);
    EXPECT_EQ(join_as("f.example", 11, flight), Join::too_many_flights);
}

TEST_F(InFlight, TheClientWithMostWaitersGivesASeatToOneWithLess) {
    snapshot->limits.waiters_per_question_max = 4;
    std::uint16_t count = 0;
    const auto join_as = [&](const std::string& qname, ClientGuard::Place place, Flight*& flight) {
        to.session = ++count;
        return table.join({to, request(qname), Time{} + Seconds(count), place}, 0, snapshot,
                          flight);
    };
    Flight* shared = nullptr;
    EXPECT_EQ(join_as("a.example", 9, shared), Join::started);
    Flight* flight = nullptr;
    for (int i = 0; i < 3; ++i) EXPECT_EQ(join_as("a.example", 7, flight), Join::joined);
    EXPECT_EQ(join_as("a.example", 9, flight), Join::too_many_for_question);
    EXPECT_EQ(flight, shared);
    EXPECT_EQ(table.greediest_joined(*shared, 7).flight, nullptr) << "it has most itself";
    const Seat victim = table.greediest_joined(*shared, 9);
    ASSERT_EQ(victim.flight, shared);
    EXPECT_EQ(table.waiters(0), 4u);
    EXPECT_EQ(table.give_up(victim).front().to.session, 4u) << "the youngest of them";
    EXPECT_EQ(table.waiters(0), 3u);
    EXPECT_EQ(join_as("a.example", 9, flight), Join::joined);
    EXPECT_EQ(table.greediest_joined(*shared, 9).flight, nullptr) << "two of one, one of the other";
    EXPECT_EQ(table.finish(*shared)->waiters.size(), 4u);
    EXPECT_EQ(table.waiters(0), 0u);
}

TEST_F(InFlight, SeatsOfAnUpstreamAreTakenFromAllItsQuestions) {
    snapshot->limits.waiters_per_upstream_max = 5;
    Flight* elsewhere = nullptr;
    for (int i = 0; i < 5; ++i)
        table.join({to, request("z.example"), {}, 3}, 1, snapshot, elsewhere);
    Flight* flight = nullptr;
    for (const char* qname : {"a.example", "b.example"})
        for (int i = 0; i < 2; ++i) table.join({to, request(qname), {}, 7}, 0, snapshot, flight);
    EXPECT_EQ(table.join({to, request("c.example"), {}, 9}, 0, snapshot, flight), Join::started);
    EXPECT_EQ(table.join({to, request("c.example"), {}, 9}, 0, snapshot, flight),
              Join::too_many_waiters);
    const Seat victim = table.greediest_joined(std::uint16_t{0}, 9);
    ASSERT_NE(victim.flight, nullptr);
    EXPECT_EQ(table.give_up(victim).front().place, 7)
        << "not of the other upstream, where 3 has more";
    EXPECT_EQ(table.join({to, request("c.example"), {}, 9}, 0, snapshot, flight), Join::joined);
}

// Who asks everything twice has no more right to it.
TEST_F(InFlight, AFlightThatOneClientWaitsForTwiceIsGivenUpWhole) {
    snapshot->limits.in_flight_per_upstream_max = 3;
    Flight* flight = nullptr;
    for (const char* qname : {"a.example", "b.example", "c.example"})
        for (const Join expected : {Join::started, Join::joined})
            EXPECT_EQ(table.join({to, request(qname), {}, 7}, 0, snapshot, flight), expected);
    Flight* const shared = flight;
    EXPECT_EQ(table.join({to, request("c.example"), {}, 9}, 0, snapshot, flight), Join::joined);
    EXPECT_EQ(table.flights_of(7), 3u);
    EXPECT_EQ(table.flights_of(9), 0u) << "it has joined one";
    const Seat victim = table.greediest_alone(0, 9);
    ASSERT_NE(victim.flight, nullptr);
    EXPECT_NE(victim.flight, shared) << "somebody else waits for it";
    EXPECT_EQ(table.give_up(victim).size(), 2u);
    EXPECT_EQ(table.flights_of(7), 2u);
    EXPECT_EQ(table.waiters(0), 5u);
    EXPECT_EQ(table.join({to, request("d.example"), {}, 9}, 0, snapshot, flight), Join::started);
    table.finish(*victim.flight);
    EXPECT_EQ(table.waiters(0), 6u);
    EXPECT_EQ(table.flights_of(7), 2u);
}

TEST_F(InFlight, NobodyTakesNoSeat) {
    snapshot->limits.waiters_per_upstream_max = 2;
    Flight* flight = nullptr;
    Flight* refresh = nullptr;
    EXPECT_EQ(table.join({to, request("a.example"), {}, 7}, 0, snapshot, flight), Join::started);
    EXPECT_EQ(table.join({to, request("b.example"), {}, 7}, 0, snapshot, flight), Join::started);
    const Waiter nobody{.to = {}, .request = request("r.example")};
    EXPECT_EQ(table.join(nobody, 0, snapshot, refresh), Join::started);
    EXPECT_EQ(table.waiters(0), 2u);
    table.give_up({flight, 0});
    EXPECT_EQ(table.waiters(0), 1u);
    EXPECT_EQ(join(request("c.example")), Join::started) << "the seat is free";
    EXPECT_EQ(join(request("d.example")), Join::too_many_waiters);
    table.finish(*flight);
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
    Flight* flight = nullptr;
    ASSERT_EQ(table.join(waiter, 0, snapshot, flight), Join::started);
    ASSERT_EQ(table.move(*flight, 9), Join::joined);
    EXPECT_EQ(guard.in_flight(before), 0u);
    EXPECT_EQ(table.flights_of(before), 0u);
    const ClientGuard::Place after = flight->waiters.front().place;
    EXPECT_NE(after, before);
    EXPECT_EQ(guard.in_flight(after), 1u);
    EXPECT_EQ(table.flights_of(after), 1u);
    EXPECT_EQ(guard.place_of(client, 9), after);
    // Who joins it now comes for its first upstream.
    ASSERT_EQ(guard.admit(client, 0, snapshot->limits, false, Time{}, waiter.place),
              ClientGuard::Verdict::ok);
    ASSERT_EQ(table.join(waiter, 0, snapshot, flight), Join::joined);
    EXPECT_EQ(flight->waiters.back().place, after);
    EXPECT_EQ(guard.in_flight(before), 0u);
    EXPECT_EQ(guard.in_flight(after), 2u);
}

TEST_F(InFlight, WhatWasGivenUpIsBoundedToo) {
    snapshot->limits.in_flight_per_upstream_max = 3;
    std::vector<Flight*> flights;
    for (int i = 0; i < 6; ++i) {
        Flight* flight = nullptr;
        ASSERT_EQ(table.join({to, request("n" + std::to_string(i)), {}, 1}, 0, snapshot, flight),
                  Join::started);
        EXPECT_EQ(table.give_up({flight, 0}).size(), 1u);
        flights.push_back(flight);
    }
    EXPECT_EQ(join(request("more.example")), Join::too_many_flights);
    for (Flight* flight : flights) table.finish(*flight);
    EXPECT_EQ(join(request("more.example")), Join::started);
}

TEST_F(InFlight, AQuestionUnderANewSnapshotDoesNotJoinAnOldOne) {
    Flight* const old = start("a.example");
    snapshot = std::make_shared<Snapshot>();
    Flight* const fresh = start("a.example");
    EXPECT_NE(old, fresh);
    EXPECT_EQ(join(request("a.example")), Join::joined);
    EXPECT_EQ(table.finish(*old)->waiters.size(), 1u);
    EXPECT_EQ(table.finish(*fresh)->waiters.size(), 2u);
}

TEST_F(InFlight, FlightsAreBoundedPerUpstream) {
    snapshot->limits.in_flight_per_upstream_max = 2;
    Flight* const first = start("a.example", 3);
    start("b.example", 3);
    EXPECT_EQ(join(request("c.example"), 3), Join::too_many_flights);
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
    Flight* const first = start("a.example");
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
    Flight* const flight = start("a.example", 0);
    EXPECT_EQ(join(request("a.example"), 0), Join::joined);
    EXPECT_EQ(join(request("b.example"), 0), Join::too_many_waiters);
    EXPECT_EQ(table.move(*flight, 9), Join::joined);
    EXPECT_EQ(flight->upstream, 9);
    EXPECT_EQ(join(request("b.example"), 0), Join::started);
    EXPECT_EQ(join(request("c.example"), 9), Join::too_many_waiters);
    EXPECT_EQ(table.move(*flight, 9), Join::joined) << "where it is already";
    table.finish(*flight);
    EXPECT_EQ(join(request("c.example"), 9), Join::started);
}

TEST_F(InFlight, AMoveToAFullUpstreamChangesNothing) {
    snapshot->limits.in_flight_per_upstream_max = 1;
    Flight* const flight = start("a.example", 0);
    start("b.example", 1);
    EXPECT_TRUE(is_full(table.move(*flight, 1)));
    EXPECT_EQ(flight->upstream, 0);
    EXPECT_EQ(join(request("c.example"), 0), Join::too_many_flights);
    table.finish(*flight);
    EXPECT_EQ(join(request("c.example"), 0), Join::started);
}

TEST_F(InFlight, AMoveCountsAllWaitersAgainstTheNewBound) {
    snapshot->limits.waiters_per_upstream_max = 3;
    Flight* const flight = start("a.example", 0);
    EXPECT_EQ(join(request("a.example"), 0), Join::joined);
    start("b.example", 1);
    EXPECT_EQ(join(request("b.example"), 1), Join::joined);
    EXPECT_TRUE(is_full(table.move(*flight, 1)));
    EXPECT_EQ(join(request("a.example"), 0), Join::joined);
}

TEST_F(InFlight, CountsComeBackToNothingAfterManyRounds) {
    snapshot->limits = {.in_flight_per_upstream_max = 3,
                        .waiters_per_question_max = 3,
                        .waiters_per_upstream_max = 9};
    for (int round = 0; round < 100; ++round) {
        std::vector<Flight*> flights;
        for (const char* qname : {"a.example", "b.example", "c.example"}) {
            flights.push_back(start(qname, 0));
            EXPECT_EQ(join(request(qname), 0), Join::joined);
            EXPECT_EQ(join(request(qname), 0), Join::joined);
        }
        EXPECT_EQ(join(request("d.example"), 0), Join::too_many_flights);
        EXPECT_EQ(table.move(*flights[0], 1), Join::joined);
        for (Flight* flight : flights) EXPECT_EQ(table.finish(*flight)->waiters.size(), 3u);
        EXPECT_EQ(table.size(), 0u);
    }
}

}  // namespace
}  // namespace peerzone::resolver
