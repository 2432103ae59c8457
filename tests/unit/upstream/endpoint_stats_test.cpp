#include "peerzone/upstream/endpoint_stats.hpp"

#include <gtest/gtest.h>

#include "peerzone/upstream/failure.hpp"
#include "peerzone/upstream/health.hpp"

namespace peerzone::upstream {
namespace {

const Time kNow{Seconds(5000)};

struct EndpointStatsTest : testing::Test {
    Endpoint endpoint{SocketAddress::parse("10.2.0.10", 53).value()};
    Time now = kNow;

    std::string last_error() {
        const auto last = endpoint.stats().last_error();
        return last ? last->text : "";
    }
    std::string after(FailureReason reason, Protocol protocol = Protocol::udp,
                      const std::string* why = nullptr) {
        now += Seconds(1);
        note_failure(endpoint, reason, protocol, Millis(200), why, now);
        return last_error();
    }
    std::string after(exchange::ReplyKind kind, dns::Rcode rcode, const std::string& text = "") {
        exchange::CheckedReply checked;
        checked.kind = kind;
        checked.rcode = rcode;
        checked.error = {!text.empty(), 0, text};
        now += Seconds(1);
        note_failure(endpoint, checked, now);
        return last_error();
    }
    std::uint64_t failures(FailureReason why) { return endpoint.stats().failures(why); }
};

TEST_F(EndpointStatsTest, NothingHasGoneWrongAtFirst) {
    EXPECT_FALSE(endpoint.stats().last_error());
    EXPECT_FALSE(endpoint.last_reply());
    EXPECT_EQ(endpoint.probe_result(), ProbeResult::none);
    EXPECT_EQ(probe_text(endpoint.probe_result()), "not probed yet");
    EXPECT_EQ(reach_text(endpoint.reach()), "unknown");
}

TEST_F(EndpointStatsTest, FailuresAreCountedByReasonWithWordsForPeople) {
    const std::string why = "certificate is for dns.eastus.example.com";
    EXPECT_EQ(after(FailureReason::timeout), "udp timeout 200ms");
    EXPECT_EQ(after(FailureReason::refused, Protocol::tcp), "tcp connection refused");
    EXPECT_EQ(after(FailureReason::untrusted, Protocol::tls, &why), "tls: " + why);
    EXPECT_EQ(after(exchange::ReplyKind::failure, dns::Rcode::servfail, "no upstream"),
              "SERVFAIL: no upstream");
    EXPECT_EQ(after(exchange::ReplyKind::failure, dns::Rcode::refused), "REFUSED");
    EXPECT_EQ(after(exchange::ReplyKind::invalid, dns::Rcode::noerror), "invalid reply");
    EXPECT_EQ(failures(FailureReason::timeout), 1u);
    EXPECT_EQ(failures(FailureReason::refused), 1u);
    EXPECT_EQ(failures(FailureReason::untrusted), 1u);
    EXPECT_EQ(failures(FailureReason::servfail), 1u);
    EXPECT_EQ(failures(FailureReason::rcode_refused), 1u);
    EXPECT_EQ(failures(FailureReason::invalid), 1u);
}

TEST_F(EndpointStatsTest, OurOwnLimitsAreNoTroubleOfTheEndpoint) {
    EXPECT_EQ(after(FailureReason::busy), "");
    for (std::size_t i = 0; i < kFailureNames.size(); ++i)
        EXPECT_EQ(failures(static_cast<FailureReason>(i)), 0u);
}

TEST_F(EndpointStatsTest, AFloodOfErrorsIsCountedButWrittenTenTimesASecond) {
    int written = 0;
    for (int i = 0; i < 1000; ++i)
        written += endpoint.stats().wants_error(kNow + Millis(i)) ? 1 : 0;
    EXPECT_EQ(written, 10);
}

TEST_F(EndpointStatsTest, AReplyOfTheMomentOfTheBootIsAReply) {
    endpoint.note_usable(Time{});
    EXPECT_EQ(endpoint.last_reply(), Time{});
    EXPECT_FALSE(UpstreamHealth().is_wanted(Time{})) << "nobody has asked yet";
}

TEST_F(EndpointStatsTest, TheLastReplyHasATime) {
    const Time at = Clock::now() - Seconds(3);
    endpoint.note_usable(at);
    EXPECT_EQ(endpoint.last_reply(), at);
    const auto ago = std::chrono::system_clock::now() - wall_time(*endpoint.last_reply());
    EXPECT_NEAR(std::chrono::duration<double>(ago).count(), 3.0, 0.5);
}

TEST_F(EndpointStatsTest, WhoRepliesWithNothingOfUseIsPoor) {
    for (const auto good :
         {ProbeResult::none, ProbeResult::healthy, ProbeResult::zone_absent, ProbeResult::silent}) {
        endpoint.note_probe(good);
        EXPECT_FALSE(endpoint.is_unusable());
    }
    for (const auto poor : {ProbeResult::servfail, ProbeResult::refused, ProbeResult::wrong_zone,
                            ProbeResult::invalid}) {
        endpoint.note_probe(poor);
        EXPECT_TRUE(endpoint.is_unusable());
    }
}

TEST_F(EndpointStatsTest, WhoseClientsAreAnsweredIsUsableWhateverProbesSay) {
    EXPECT_FALSE(endpoint.is_usable()) << "nothing is known";
    endpoint.note_probe(ProbeResult::refused);
    endpoint.note_client_answer();
    EXPECT_TRUE(endpoint.is_usable());
    EXPECT_FALSE(endpoint.is_unusable());
    endpoint.note_probe(ProbeResult::silent);
    EXPECT_FALSE(endpoint.is_usable());
    endpoint.note_probe(ProbeResult::refused);
    EXPECT_TRUE(endpoint.is_usable()) << "it says what it said beside clients' answers";
    endpoint.note_probe(ProbeResult::servfail);
    EXPECT_TRUE(endpoint.is_unusable()) << "that is another thing";
}

TEST_F(EndpointStatsTest, ThreeFailuresOfClientsInARowMakeProbesCountAgain) {
    endpoint.note_probe(ProbeResult::refused);
    endpoint.note_client_answer();
    endpoint.note_client_failure();
    endpoint.note_client_failure();
    endpoint.note_client_answer();
    endpoint.note_client_failure();
    endpoint.note_client_failure();
    EXPECT_TRUE(endpoint.is_usable());
    endpoint.note_client_failure();
    EXPECT_TRUE(endpoint.is_unusable());
    endpoint.note_probe(ProbeResult::healthy);
    EXPECT_TRUE(endpoint.is_usable()) << "a name that cannot be resolved is not the endpoint";
}

TEST_F(EndpointStatsTest, FailuresOfProbesAreCountedApart) {
    note_probe_failure(endpoint, FailureReason::timeout, Protocol::udp, Millis(200), nullptr, kNow);
    EXPECT_EQ(failures(FailureReason::timeout), 0u);
    EXPECT_EQ(endpoint.stats().probe_failures(FailureReason::timeout), 1u);
    EXPECT_EQ(endpoint.stats().last_error()->text, "udp timeout 200ms");
}

TEST_F(EndpointStatsTest, TheP99IsAtLeastFiftyMilliseconds) {
    EXPECT_EQ(endpoint.p95(), Duration::zero());
    for (int i = 0; i < 100; ++i) endpoint.note_reply(Millis(2));
    EXPECT_EQ(endpoint.p99(), Millis(50));
    EXPECT_LT(endpoint.p95(), Millis(4));
    for (int i = 0; i < 100; ++i) endpoint.note_reply(Millis(180));
    EXPECT_GE(endpoint.p99(), Millis(170));
}

}  // namespace
}  // namespace peerzone::upstream
