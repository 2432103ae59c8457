#include "peerzone/upstream/endpoint.hpp"

#include <gtest/gtest.h>

#include <thread>

namespace peerzone::upstream {
namespace {

const Time kNow{Seconds(5000)};

struct EndpointTest : testing::Test {
    Endpoint endpoint{SocketAddress::parse("10.2.0.10", 53).value()};
    void lose(int times, Time at = kNow) {
        for (int i = 0; i < times; ++i) endpoint.note_loss(at);
    }
};

TEST_F(EndpointTest, WaitsTwoHundredMillisecondsAtFirstContact) {
    EXPECT_EQ(endpoint.smoothed_rtt(), Duration::zero());
    EXPECT_EQ(endpoint.attempt_timeout(), Millis(200));
    EXPECT_EQ(endpoint.address().to_text(), "10.2.0.10:53");
}

TEST_F(EndpointTest, TheFirstSampleIsTheEstimate) {
    endpoint.note_reply(Millis(60));
    EXPECT_EQ(endpoint.smoothed_rtt(), Millis(60));
    EXPECT_EQ(endpoint.attempt_timeout(), Millis(60 + 4 * 30));
}

TEST_F(EndpointTest, TheEstimateFollowsSlowly) {
    endpoint.note_reply(Millis(80));
    endpoint.note_reply(Millis(160));
    EXPECT_EQ(endpoint.smoothed_rtt(), Millis(90));              // 7/8 · 80 + 1/8 · 160
    EXPECT_EQ(endpoint.attempt_timeout(), Millis(90 + 4 * 50));  // var 3/4 · 40 + 1/4 · 80
}

TEST_F(EndpointTest, TheTimeoutIsAtLeastFortyAndFollowsASlowEndpoint) {
    for (int i = 0; i < 50; ++i) endpoint.note_reply(Micros(300));
    EXPECT_EQ(endpoint.attempt_timeout(), Millis(40));
    for (int i = 0; i < 50; ++i) endpoint.note_reply(Seconds(3));
    EXPECT_GT(endpoint.attempt_timeout(), Millis(2900)) << "the plan knows the deadline";
}

TEST_F(EndpointTest, SlowIsNotSilent) {
    EXPECT_EQ(endpoint.silent_after(), endpoint.attempt_timeout()) << "nothing is known";
    for (int i = 0; i < 100; ++i) endpoint.note_reply(Millis(500));
    EXPECT_EQ(endpoint.silent_after(), Millis(1000));
    endpoint.note_reply(Millis(800));
    EXPECT_EQ(endpoint.silent_after(), Millis(1600)) << "twice the slowest";
    for (int i = 0; i < 100; ++i) endpoint.note_reply(Micros(300));
    EXPECT_LT(endpoint.silent_after(), Millis(50)) << "lately";
}

TEST_F(EndpointTest, WhatWasAskedBeforeTheLastReplyIsNoLoss) {
    endpoint.note_usable(kNow);
    for (int i = 0; i < 5; ++i)
        EXPECT_FALSE(endpoint.note_loss(kNow + Millis(50), kNow - Millis(1)));
    EXPECT_FALSE(endpoint.is_suspect());
    for (int i = 0; i < 3; ++i) endpoint.note_loss(kNow + Millis(50), kNow + Millis(1));
    EXPECT_TRUE(endpoint.is_suspect());
}

TEST_F(EndpointTest, EightRefusingPortsInARowAreOneLoss) {
    for (int i = 0; i < 23; ++i) EXPECT_FALSE(endpoint.note_refused_port(kNow));
    EXPECT_TRUE(endpoint.note_refused_port(kNow));
    endpoint.note_reply(Millis(1));
    for (int i = 0; i < 100; ++i) {
        if (i % 7 == 6) endpoint.note_reply(Millis(1));
        endpoint.note_refused_port(kNow);
    }
    EXPECT_FALSE(endpoint.is_suspect()) << "one of its two pods is gone";
}

// However steady it was: a few milliseconds late is not lost.
TEST_F(EndpointTest, ASteadyEndpointIsGivenSomeTimeToo) {
    for (int i = 0; i < 200; ++i) endpoint.note_reply(Millis(60));
    EXPECT_EQ(endpoint.smoothed_rtt(), Millis(60));
    EXPECT_EQ(endpoint.attempt_timeout(), Millis(65));
}

TEST_F(EndpointTest, AReplyWithinNoTimeIsAMeasurement) {
    endpoint.note_reply(Duration::zero());
    EXPECT_GT(endpoint.smoothed_rtt(), Duration::zero());
    for (int i = 0; i < 100; ++i) endpoint.note_reply(Duration(-1));
    EXPECT_GT(endpoint.smoothed_rtt(), Duration::zero());
}

TEST_F(EndpointTest, ThreeLossesInARowMakeItSuspect) {
    EXPECT_FALSE(endpoint.note_loss(kNow));
    EXPECT_FALSE(endpoint.note_loss(kNow));
    EXPECT_FALSE(endpoint.is_suspect());
    EXPECT_TRUE(endpoint.note_loss(kNow));
    EXPECT_TRUE(endpoint.is_suspect());
    EXPECT_FALSE(endpoint.note_loss(kNow)) << "it is suspect already";
}

TEST_F(EndpointTest, AReplyBetweenLossesStartsTheCountAgain) {
    lose(2);
    endpoint.note_reply(Millis(1));
    lose(2);
    EXPECT_FALSE(endpoint.is_suspect());
    lose(1);
    EXPECT_TRUE(endpoint.is_suspect());
}

TEST_F(EndpointTest, AReplyEndsSuspicion) {
    lose(3);
    EXPECT_EQ(endpoint.suspect_since(), kNow);
    lose(1, kNow + Seconds(1));
    EXPECT_EQ(endpoint.suspect_since(), kNow);
    endpoint.note_reply(Millis(1));
    EXPECT_FALSE(endpoint.is_suspect());
    EXPECT_FALSE(endpoint.claim_retry(kNow + Seconds(10)));
    EXPECT_FALSE(endpoint.suspect_since());
}

TEST_F(EndpointTest, ASuspectEndpointIsTriedAgainAtGrowingIntervals) {
    lose(3);
    Time at = kNow;
    for (const Millis wait : {Millis(250), Millis(500), Millis(1000), Millis(2000), Millis(2000)}) {
        EXPECT_FALSE(endpoint.claim_retry(at + wait - Millis(1))) << wait.count();
        at += wait;
        EXPECT_TRUE(endpoint.claim_retry(at)) << wait.count();
        EXPECT_FALSE(endpoint.claim_retry(at)) << "one caller only";
    }
}

TEST_F(EndpointTest, LossesWhileSuspectDoNotPutTheRetryOff) {
    lose(3);
    lose(5, kNow + Millis(200));
    EXPECT_TRUE(endpoint.claim_retry(kNow + Millis(250)));
}

TEST_F(EndpointTest, RemembersMissingEdnsForTenMinutes) {
    EXPECT_TRUE(endpoint.edns_works(kNow));
    endpoint.note_no_edns(kNow);
    EXPECT_FALSE(endpoint.edns_works(kNow + std::chrono::minutes(10) - Millis(1)));
    EXPECT_TRUE(endpoint.edns_works(kNow + std::chrono::minutes(10)));
}

TEST_F(EndpointTest, ThreeChangedCasesSwitchItOffForAnHour) {
    endpoint.note_case_changed(kNow);
    endpoint.note_case_changed(kNow);
    EXPECT_TRUE(endpoint.case_works(kNow));
    endpoint.note_case_changed(kNow);
    EXPECT_FALSE(endpoint.case_works(kNow + std::chrono::minutes(59)));
    EXPECT_TRUE(endpoint.case_works(kNow + std::chrono::minutes(60)));
    endpoint.note_case_changed(kNow + std::chrono::minutes(60));
    EXPECT_TRUE(endpoint.case_works(kNow + std::chrono::minutes(60))) << "it takes three again";
}

TEST_F(EndpointTest, ARefusedHopMarkIsLeftOutForTenMinutes) {
    EXPECT_TRUE(endpoint.hop_mark_works(kNow));
    endpoint.note_hop_mark_refused(kNow);
    EXPECT_FALSE(endpoint.hop_mark_works(kNow + std::chrono::minutes(9)));
    EXPECT_TRUE(endpoint.hop_mark_works(kNow + std::chrono::minutes(10)));
}

TEST_F(EndpointTest, SilenceAboutTheHopMarkCountsAtFirstContact) {
    endpoint.note_hop_mark_silent(kNow);
    EXPECT_FALSE(endpoint.hop_mark_works(kNow));
}

TEST_F(EndpointTest, ALostDatagramDoesNotSwitchOffTheHopMark) {
    endpoint.note_hop_mark();
    for (int i = 0; i < 5; ++i) {
        endpoint.note_hop_mark_silent(kNow);
        endpoint.note_hop_mark_silent(kNow);
        endpoint.note_hop_mark();
    }
    EXPECT_TRUE(endpoint.hop_mark_works(kNow));
    for (int i = 0; i < 3; ++i) endpoint.note_hop_mark_silent(kNow);
    EXPECT_FALSE(endpoint.hop_mark_works(kNow));
}

TEST_F(EndpointTest, DatagramsThatAreAnsweredAfterAllWorkAgain) {
    endpoint.note_no_datagrams(kNow);
    endpoint.note_datagrams();
    EXPECT_TRUE(endpoint.datagrams_work(kNow));
}

TEST_F(EndpointTest, RemembersARefusedStreamForTenSeconds) {
    EXPECT_TRUE(endpoint.stream_works(kNow));
    endpoint.note_no_stream(kNow);
    EXPECT_FALSE(endpoint.stream_works(kNow + Millis(9999)));
    EXPECT_TRUE(endpoint.stream_works(kNow + Seconds(10)));
}

TEST_F(EndpointTest, LearnsAtFirstContactThatDatagramsDoNotWork) {
    EXPECT_TRUE(endpoint.datagrams_work(kNow));
    endpoint.note_no_datagrams(kNow);
    EXPECT_FALSE(endpoint.datagrams_work(kNow + std::chrono::minutes(9)));
    EXPECT_TRUE(endpoint.datagrams_work(kNow + std::chrono::minutes(10)));
}

TEST_F(EndpointTest, DatagramsThatWorkedAreGivenUpOnlyAfterThreeInARow) {
    endpoint.note_reply(Millis(1), Protocol::udp);
    endpoint.note_no_datagrams(kNow);
    endpoint.note_reply(Millis(1), Protocol::tcp);
    endpoint.note_no_datagrams(kNow);
    EXPECT_TRUE(endpoint.datagrams_work(kNow));
    endpoint.note_reply(Millis(1), Protocol::udp);
    endpoint.note_no_datagrams(kNow);
    endpoint.note_no_datagrams(kNow);
    EXPECT_TRUE(endpoint.datagrams_work(kNow));
    endpoint.note_no_datagrams(kNow);
    EXPECT_FALSE(endpoint.datagrams_work(kNow));
}

TEST_F(EndpointTest, WorkersMayWriteAtOnce) {
    const auto work = [this] {
        for (int i = 0; i < 2000; ++i) {
            endpoint.note_reply(Millis(10));
            endpoint.note_loss(kNow);
            endpoint.claim_retry(kNow + Seconds(i));
            endpoint.note_case_changed(kNow);
            endpoint.note_no_datagrams(kNow);
            (void)endpoint.attempt_timeout();
        }
    };
    std::thread one(work), two(work);
    one.join();
    two.join();
    endpoint.note_reply(Millis(10));
    EXPECT_FALSE(endpoint.is_suspect());
    EXPECT_NEAR(std::chrono::duration<double>(endpoint.smoothed_rtt()).count(), 0.010, 0.001);
}

}  // namespace
}  // namespace peerzone::upstream
