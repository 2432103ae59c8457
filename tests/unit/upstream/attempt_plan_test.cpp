// The plan as scripts: what it says to do, what came of it, what it says next.
#include "upstream/attempt_plan.hpp"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <set>

#include "support/upstream_letter_case.hpp"

namespace peerzone::upstream {
namespace {

struct PlanTest : testing::Test {
    Time now{Seconds(9000)};
    Upstream upstream;
    EndpointSet set;
    std::unique_ptr<AttemptPlan> plan;
    Step step;

    PlanTest() { upstream.label = "peer=westus"; }

    /// Endpoints 10.2.0.10, .11, … with the given round trips in milliseconds (0: never measured).
    void endpoints(std::initializer_list<int> rtts) {
        for (const int rtt : rtts) {
            const auto ip =
                IpAddress::v4(0x0a02000a + static_cast<std::uint32_t>(set.endpoints.size()));
            set.endpoints.push_back(std::make_shared<Endpoint>(SocketAddress{ip, 53, 0}));
            test::trust_case(*set.endpoints.back(), now);
            for (int i = 0; rtt > 0 && i < 40; ++i)
                at(set.endpoints.size() - 1).note_reply(Millis(rtt));
        }
    }
    Endpoint& at(std::size_t i) { return *set.endpoints[i]; }
    void make_suspect(std::size_t i) {
        for (int n = 0; n < 3; ++n) at(i).note_loss(now);
    }

    void begin() { plan = std::make_unique<AttemptPlan>(upstream, set, now); }
    const Step& next(std::uint32_t random = 0) {
        if (plan == nullptr) begin();
        step = plan->next(now, random);
        return step;
    }
    /// As the client does: the attempt is over for the plan; the endpoint is silent a little later,
    /// or now. True when that made it suspect.
    bool time_out() {
        now += step.timeout;
        plan->on_failure(step, FailureReason::timeout, now);
        return now - step.asked_at >= at(step.endpoint).silent_after() &&
               plan->on_silence(step, now);
    }
    void fault(FailureReason what) {
        now += Millis(1);
        plan->on_failure(step, what, now);
    }
    bool reply(exchange::ReplyKind kind, dns::Rcode rcode = dns::Rcode::noerror,
               const std::string& text = "", std::uint16_t code = 0) {
        exchange::CheckedReply checked;
        checked.kind = kind;
        checked.rcode = rcode;
        checked.error = {!text.empty(), code, text};
        now += Millis(1);
        return plan->on_reply(step, checked, Millis(1), now);
    }
    std::string failure() {
        EXPECT_TRUE(next().give_up);
        const Failure f = plan->failure(now);
        return std::to_string(f.code) + " " + f.text;
    }
    /// The rest of the question with every attempt timing out: "0u 1u 0t".
    std::string silence() {
        std::string script;
        for (int i = 0; i < 100 && !next().give_up; ++i) {
            if (!script.empty()) script += " ";
            script += std::to_string(step.endpoint) + (step.protocol == Protocol::udp ? "u" : "t");
            time_out();
        }
        return script;
    }
};

TEST_F(PlanTest, AsksOverUdpWithEdnsAndMixedCaseFirst) {
    endpoints({0});
    next();
    EXPECT_FALSE(step.give_up);
    EXPECT_EQ(step.endpoint, 0u);
    EXPECT_EQ(step.protocol, Protocol::udp);
    EXPECT_TRUE(step.edns);
    EXPECT_TRUE(step.mix_case);
    EXPECT_EQ(step.timeout, Millis(200));
    EXPECT_EQ(step.copy_to, Step::kNone);
}

TEST_F(PlanTest, DataNodataAndNxdomainAreAnswers) {
    for (const exchange::ReplyKind kind :
         {exchange::ReplyKind::data, exchange::ReplyKind::nodata, exchange::ReplyKind::nxdomain}) {
        set.endpoints.clear();
        endpoints({0});
        begin();
        next();
        EXPECT_TRUE(reply(kind));
        EXPECT_EQ(at(0).smoothed_rtt(), Millis(1));
    }
}

TEST_F(PlanTest, WithoutEndpointsItSaysWhy) {
    EXPECT_EQ(failure(), "22 peer=westus has no endpoints");
    set.pending = "dns.example.com: not resolved yet";
    begin();
    EXPECT_EQ(failure(), "22 peer=westus dns.example.com: not resolved yet");
}

TEST_F(PlanTest, PicksAnyOfTheBestBandAndNoneOutsideIt) {
    endpoints({10, 12, 30});
    std::set<std::size_t> seen;
    for (std::uint32_t random = 0; random < 20; ++random) {
        begin();
        seen.insert(next(random).endpoint);
    }
    EXPECT_EQ(seen, (std::set<std::size_t>{0, 1}));
}

TEST_F(PlanTest, AnEndpointThatWasNeverMeasuredGetsTried) {
    endpoints({10, 300, 0});
    std::set<std::size_t> seen;
    for (std::uint32_t random = 0; random < 20; ++random) {
        begin();
        seen.insert(next(random).endpoint);
    }
    EXPECT_EQ(seen, (std::set<std::size_t>{0, 2}));
}

TEST_F(PlanTest, EveryRandomNumberIsFine) {
    endpoints({0, 0, 0});
    std::map<std::size_t, int> seen;
    for (std::uint32_t i = 0; i < 300; ++i) {
        begin();
        ++seen[next(0xffffffff - i).endpoint];
    }
    EXPECT_EQ(seen.size(), 3u);
    for (const auto& [endpoint, times] : seen) EXPECT_EQ(times, 100) << endpoint;
}

TEST_F(PlanTest, ATimeoutMovesOnToTheNextEndpoint) {
    endpoints({10, 100});
    EXPECT_EQ(next().endpoint, 0u);
    EXPECT_EQ(step.timeout, at(0).attempt_timeout());
    time_out();
    EXPECT_EQ(next().endpoint, 1u);
    EXPECT_TRUE(reply(exchange::ReplyKind::data));
}

TEST_F(PlanTest, RepeatedTriesDoubleTheTimeoutUpTo400) {
    upstream.options.transport = Protocol::udp;
    upstream.options.deadline = Millis(4000);
    endpoints({0, 0});
    std::map<std::size_t, std::vector<Duration>> waits;
    while (!next().give_up) {
        waits[step.endpoint].push_back(step.timeout);
        time_out();
    }
    ASSERT_EQ(waits[0].size(), 3u) << "at most three tries (RFC 9520)";
    ASSERT_EQ(waits[1].size(), 3u);
    for (std::size_t i = 0; i < 2; ++i) {
        EXPECT_EQ(waits[i][0], Millis(200));
        EXPECT_EQ(waits[i][1], Millis(400));
    }
    EXPECT_EQ(std::min(waits[0][2], waits[1][2]), Millis(400));
}

TEST_F(PlanTest, AfterThreeTimeOutsTheRepliesAreWaitedForUntilTheDeadline) {
    upstream.options.transport = Protocol::udp;
    endpoints({2});
    const Time start = now;
    EXPECT_EQ(next().timeout, Millis(40));
    const Step first = step;
    time_out();
    EXPECT_EQ(next().timeout, Millis(80));
    time_out();
    EXPECT_EQ(next().timeout, Millis(160));
    time_out();
    EXPECT_TRUE(next().give_up);
    EXPECT_TRUE(plan->may_wait_for(first, now)) << "a forwarder may be slow over one name";
    exchange::CheckedReply late;
    late.kind = exchange::ReplyKind::data;
    now = start + Millis(1790);
    EXPECT_TRUE(plan->on_reply(first, late, now - start, now));
    EXPECT_FALSE(plan->may_wait_for(first, start + Millis(1800)));
}

TEST_F(PlanTest, TheTimeoutFollowsASlowEndpointUpToHalfOfTheDeadline) {
    endpoints({700});
    EXPECT_EQ(next().timeout, Millis(705));
    set.endpoints.clear();
    endpoints({1500});
    begin();
    EXPECT_EQ(next().timeout, Millis(900));
}

TEST_F(PlanTest, ATimeOutIsNoLossBeforeTheEndpointIsSilent) {
    endpoints({10});
    at(0).note_reply(Millis(300));
    for (int question = 0; question < 5; ++question) {
        begin();
        next();
        plan->on_failure(step, FailureReason::timeout, now);
    }
    EXPECT_FALSE(at(0).is_suspect());
    EXPECT_EQ(at(0).silent_after(), Millis(600));
}

TEST_F(PlanTest, ALateFailureEndsTheWaitForThatEndpoint) {
    endpoints({2});
    next();
    const Step first = step;
    time_out();
    next();
    time_out();
    exchange::CheckedReply late;
    late.kind = exchange::ReplyKind::failure;
    late.rcode = dns::Rcode::servfail;
    EXPECT_FALSE(plan->on_reply(first, late, Millis(500), now));
    EXPECT_FALSE(plan->may_wait_for(step, now));
    EXPECT_EQ(failure(), "0 peer=westus 10.2.0.10:53 SERVFAIL");
}

// The "no" is told at once, though the other endpoint has not been asked: it would not reply.
TEST_F(PlanTest, WhereOneSaysNoASuspectOneIsNotWaitedFor) {
    endpoints({10, 10});
    make_suspect(1);
    EXPECT_EQ(next().endpoint, 0u);
    reply(exchange::ReplyKind::failure, dns::Rcode::refused);
    EXPECT_EQ(failure(), "20 peer=westus 10.2.0.10:53 REFUSED");
}

TEST_F(PlanTest, NorIsOneThatBecomesSuspectMeanwhile) {
    endpoints({10, 10});
    at(0).note_loss(now);
    at(0).note_loss(now);
    EXPECT_EQ(next(0).endpoint, 0u);
    const Step first = step;
    EXPECT_TRUE(time_out()) << "the third loss in a row";
    EXPECT_EQ(next().endpoint, 1u);
    EXPECT_TRUE(plan->may_wait_for(first, now)) << "nobody has said no yet";
    reply(exchange::ReplyKind::failure, dns::Rcode::refused);
    EXPECT_TRUE(next().give_up);
    EXPECT_FALSE(plan->may_wait_for(first, now));
}

TEST_F(PlanTest, RefusedPortsOverUdpAreCountedByTheEndpointAlone) {
    upstream.options.transport = Protocol::udp;
    endpoints({10});
    for (int question = 0; question < 5; ++question) {
        begin();
        next();
        fault(FailureReason::refused);
        EXPECT_TRUE(next().give_up);
    }
    EXPECT_FALSE(at(0).is_suspect());
}

TEST_F(PlanTest, NeverGoesPastTheDeadline) {
    for (const auto transport : std::initializer_list<std::optional<Protocol>>{
             std::nullopt, Protocol::udp, Protocol::tcp}) {
        upstream.options.transport = transport;
        upstream.options.deadline = Millis(1000);
        set.endpoints.clear();
        endpoints({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0});
        const Time start = now;
        begin();
        EXPECT_NE(silence(), "");
        EXPECT_LE(now, start + Millis(1000));
        EXPECT_GE(now, start + Millis(990));
        plan.reset();
    }
}

TEST_F(PlanTest, AnAttemptThatTheDeadlineCutShortIsNoLoss) {
    upstream.options.deadline = Millis(150);
    endpoints({0});
    EXPECT_EQ(next().timeout, Millis(75));
    EXPECT_FALSE(time_out());
    for (int i = 0; i < 2; ++i) at(0).note_loss(now);
    EXPECT_FALSE(at(0).is_suspect());
}

TEST_F(PlanTest, AQuestionCountsAsOneLossHoweverOftenItIsRepeated) {
    endpoints({10});
    silence();
    EXPECT_FALSE(at(0).is_suspect());
    begin();
    silence();
    EXPECT_FALSE(at(0).is_suspect());
    begin();
    silence();
    EXPECT_TRUE(at(0).is_suspect());
}

TEST_F(PlanTest, TellsWhenAnEndpointBecomesSuspect) {
    endpoints({10, 10});
    at(0).note_loss(now);
    at(0).note_loss(now);
    while (next().endpoint != 0) time_out();
    plan->on_failure(step, FailureReason::timeout, now);
    EXPECT_TRUE(plan->on_silence(step, now));
    EXPECT_TRUE(at(0).is_suspect());
}

TEST_F(PlanTest, NoQuestionWaitsForASuspectEndpointWhileAnotherIsThere) {
    endpoints({1, 300, 300});
    make_suspect(0);
    for (std::uint32_t random = 0; random < 9; ++random) {
        begin();
        EXPECT_NE(next(random).endpoint, 0u);
    }
}

TEST_F(PlanTest, ASuspectEndpointIsAskedWhenTheOthersAreSilent) {
    endpoints({10, 10});
    make_suspect(0);
    EXPECT_EQ(silence().substr(0, 11), "1u 1u 0u 0u");
}

TEST_F(PlanTest, WithOnlySuspectEndpointsTheyAreAsked) {
    endpoints({10, 10});
    make_suspect(0);
    make_suspect(1);
    now += Seconds(3);
    EXPECT_FALSE(next().give_up);
    EXPECT_EQ(step.copy_to, Step::kNone) << "the question itself is the try";
}

TEST_F(PlanTest, OneCopyGoesToASuspectEndpointThatIsDue) {
    endpoints({10, 10, 10});
    make_suspect(1);
    EXPECT_EQ(next().copy_to, Step::kNone) << "too early";
    now += Millis(250);
    begin();
    EXPECT_EQ(next().copy_to, 1u);
    EXPECT_EQ(step.copy_wire, Protocol::udp);
    EXPECT_NE(step.endpoint, 1u);
    time_out();
    EXPECT_EQ(next().copy_to, Step::kNone) << "one per question";
    begin();
    EXPECT_EQ(next().copy_to, Step::kNone) << "and the next is not due";
}

TEST_F(PlanTest, ACutReplyIsAskedAgainOverTcpAtOnce) {
    for (const auto transport :
         std::initializer_list<std::optional<Protocol>>{std::nullopt, Protocol::udp}) {
        upstream.options.transport = transport;
        set.endpoints.clear();
        endpoints({10, 10});
        begin();
        const std::size_t first = next(1).endpoint;
        EXPECT_FALSE(reply(exchange::ReplyKind::truncated));
        EXPECT_EQ(next(0).endpoint, first);
        EXPECT_EQ(step.protocol, Protocol::tcp);
        EXPECT_FALSE(step.mix_case);
        EXPECT_GE(step.timeout, Millis(400));
        EXPECT_TRUE(reply(exchange::ReplyKind::data));
        EXPECT_TRUE(at(first).datagrams_work(now)) << "UDP did answer";
    }
}

TEST_F(PlanTest, WhenTcpCannotBeHadForACutReplyTheTextSaysSo) {
    endpoints({10});
    next();
    reply(exchange::ReplyKind::truncated);
    next();
    fault(FailureReason::refused);
    EXPECT_FALSE(at(0).stream_works(now));
    EXPECT_EQ(failure(),
              "23 peer=westus 10.2.0.10:53 reply truncated (TC), tcp connection refused");
}

TEST_F(PlanTest, ACutReplyWithoutTcpFallsBackToAnotherEndpoint) {
    endpoints({10, 100});
    next();
    reply(exchange::ReplyKind::truncated);
    next();
    fault(FailureReason::closed);
    EXPECT_EQ(next().endpoint, 1u);
    EXPECT_EQ(step.protocol, Protocol::udp);
    EXPECT_TRUE(reply(exchange::ReplyKind::data));
}

TEST_F(PlanTest, ATimeoutElsewhereDoesNotChangeWhatIsToldOfTheCutReply) {
    endpoints({10, 100});
    next();
    reply(exchange::ReplyKind::truncated);
    next();
    fault(FailureReason::refused);
    while (!next().give_up)
        fault(step.protocol == Protocol::tcp ? FailureReason::refused : FailureReason::timeout);
    EXPECT_EQ(plan->failure(now).text,
              "peer=westus 10.2.0.10:53 reply truncated (TC), tcp connection refused");
}

TEST_F(PlanTest, ARefusedStreamIsRememberedForTheNextQuestion) {
    endpoints({10, 100});
    at(0).note_no_stream(now);
    next();
    reply(exchange::ReplyKind::truncated);
    EXPECT_EQ(next().endpoint, 1u) << "another endpoint is the better bet";
    fault(FailureReason::refused);
    // With no other endpoint left, TCP is tried all the same.
    bool tried = false;
    while (!next().give_up) {
        tried = tried || (step.endpoint == 0 && step.protocol == Protocol::tcp);
        fault(FailureReason::refused);
    }
    EXPECT_TRUE(tried);
}

TEST_F(PlanTest, ACutReplyOnAStreamIsInvalid) {
    upstream.options.transport = Protocol::tcp;
    endpoints({10});
    EXPECT_EQ(next().protocol, Protocol::tcp);
    reply(exchange::ReplyKind::truncated);
    EXPECT_EQ(failure(), "24 peer=westus 10.2.0.10:53 tcp invalid reply");
}

TEST_F(PlanTest, AsksAgainWithoutEdnsAndRemembersWhenThatHelps) {
    endpoints({10, 10});
    const std::size_t first = next(1).endpoint;
    reply(exchange::ReplyKind::no_edns, dns::Rcode::formerr);
    EXPECT_TRUE(at(first).edns_works(now)) << "not yet known to be EDNS's fault";
    EXPECT_EQ(next(0).endpoint, first);
    EXPECT_EQ(step.protocol, Protocol::udp);
    EXPECT_FALSE(step.edns);
    EXPECT_TRUE(reply(exchange::ReplyKind::data));
    EXPECT_FALSE(at(first).edns_works(now));
    begin();
    while (next(1).endpoint != first) time_out();
    EXPECT_FALSE(step.edns) << "the next question starts without";
}

TEST_F(PlanTest, FormerrWithoutEdnsIsAFailureAndBlamesNobody) {
    endpoints({10});
    next();
    reply(exchange::ReplyKind::no_edns, dns::Rcode::formerr);
    next();
    reply(exchange::ReplyKind::failure, dns::Rcode::formerr);
    EXPECT_EQ(failure(), "0 peer=westus 10.2.0.10:53 FORMERR");
    EXPECT_TRUE(at(0).edns_works(now));
}

TEST_F(PlanTest, ChangedCaseIsAskedAgainOverTcpAtOnce) {
    endpoints({10, 10});
    const std::size_t first = next(1).endpoint;
    plan->on_case_differs(step, now);
    EXPECT_EQ(next(0).endpoint, first);
    EXPECT_EQ(step.protocol, Protocol::tcp);
    EXPECT_TRUE(reply(exchange::ReplyKind::data));
    EXPECT_TRUE(at(first).datagrams_work(now));
}

TEST_F(PlanTest, ChangedCaseWithoutTcpIsAskedInPlainCase) {
    endpoints({10});
    next();
    plan->on_case_differs(step, now);
    next();
    fault(FailureReason::refused);
    EXPECT_EQ(next().protocol, Protocol::udp);
    EXPECT_FALSE(step.mix_case);
    EXPECT_TRUE(reply(exchange::ReplyKind::data));
}

TEST_F(PlanTest, ThreeChangedCasesSwitchMixingOff) {
    endpoints({10});
    for (int i = 0; i < 3; ++i) {
        begin();
        EXPECT_TRUE(next().mix_case);
        plan->on_case_differs(step, now);
    }
    begin();
    EXPECT_FALSE(next().mix_case);
    EXPECT_EQ(step.protocol, Protocol::udp);
}

TEST_F(PlanTest, TransportUdpAsksChangedCaseOverUdp) {
    upstream.options.transport = Protocol::udp;
    endpoints({10});
    next();
    plan->on_case_differs(step, now);
    EXPECT_EQ(next().protocol, Protocol::udp);
    EXPECT_FALSE(step.mix_case);
}

TEST_F(PlanTest, AFailureMovesOnAndIsNotAskedAgain) {
    endpoints({10, 100});
    EXPECT_EQ(next().endpoint, 0u);
    EXPECT_FALSE(reply(exchange::ReplyKind::failure, dns::Rcode::servfail));
    EXPECT_EQ(next().endpoint, 1u);
    EXPECT_FALSE(reply(exchange::ReplyKind::failure, dns::Rcode::servfail));
    EXPECT_EQ(failure(), "0 peer=westus 10.2.0.11:53 SERVFAIL");
    EXPECT_FALSE(at(0).is_suspect());
}

TEST_F(PlanTest, TheUpstreamsOwnReasonIsPassedOn) {
    endpoints({10, 100});
    next();
    reply(exchange::ReplyKind::failure, dns::Rcode::refused, "not for you", 18);
    next();
    reply(exchange::ReplyKind::failure, dns::Rcode::servfail);
    EXPECT_EQ(failure(), "18 peer=westus 10.2.0.10:53 REFUSED: not for you");
}

TEST_F(PlanTest, RefusedAndLameRepliesAreOfTheWrongZone) {
    endpoints({10});
    next();
    reply(exchange::ReplyKind::failure, dns::Rcode::refused);
    EXPECT_EQ(failure(), "20 peer=westus 10.2.0.10:53 REFUSED");
    begin();
    next();
    reply(exchange::ReplyKind::lame, dns::Rcode::noerror);
    EXPECT_EQ(failure(), "20 peer=westus 10.2.0.10:53 lame reply: no data without SOA or AA");
}

TEST_F(PlanTest, AnInvalidReplyIsTold) {
    endpoints({10, 100});
    next();
    reply(exchange::ReplyKind::invalid);
    EXPECT_EQ(next().endpoint, 1u);
    while (!next().give_up) time_out();
    EXPECT_EQ(failure(), "24 peer=westus 10.2.0.10:53 udp invalid reply");
}

TEST_F(PlanTest, AServersWordSaysMoreThanASilence) {
    endpoints({10, 100});
    next();
    reply(exchange::ReplyKind::failure, dns::Rcode::servfail);
    silence();
    EXPECT_EQ(failure(), "0 peer=westus 10.2.0.10:53 SERVFAIL");
}

TEST_F(PlanTest, ADeadPeerIsSaidToBeDead) {
    upstream.options.transport = Protocol::udp;
    endpoints({0, 0, 0});
    silence();
    const std::string text = failure();
    EXPECT_EQ(text.substr(0, 52), "22 peer=westus no endpoint answered (0/3), last 10.2") << text;
    EXPECT_NE(text.find("udp timeout "), std::string::npos) << text;
}

TEST_F(PlanTest, RefusedPortsAreNotAskedAgain) {
    upstream.options.transport = Protocol::udp;
    endpoints({10, 100});
    next();
    fault(FailureReason::refused);
    EXPECT_EQ(next().endpoint, 1u);
    fault(FailureReason::refused);
    EXPECT_EQ(
        failure(),
        "22 peer=westus no endpoint answered (0/2), last 10.2.0.11:53 udp connection refused");
}

TEST_F(PlanTest, WithEndpointsNotYetTriedTheLastFaultIsTold) {
    upstream.options.deadline = Millis(202);
    endpoints({0, 0});
    next();
    now += Millis(200);
    plan->on_failure(step, FailureReason::timeout, now);
    const std::string text = failure();
    EXPECT_TRUE(text == "23 peer=westus 10.2.0.10:53 udp timeout 200ms" ||
                text == "23 peer=westus 10.2.0.11:53 udp timeout 200ms")
        << text;
}

TEST_F(PlanTest, OurOwnLimitIsNotTheEndpointsFault) {
    endpoints({10});
    for (int i = 0; i < 5; ++i) {
        begin();
        while (!next().give_up) fault(FailureReason::busy);
    }
    EXPECT_FALSE(at(0).is_suspect());
    EXPECT_TRUE(plan->failure(now).ours);
    EXPECT_EQ(plan->failure(now).code, 23);
}

TEST_F(PlanTest, AutoTriesTcpWhenUdpIsSilentAndLearnsWhenItAnswers) {
    endpoints({0});
    EXPECT_EQ(next().protocol, Protocol::udp);
    time_out();
    EXPECT_EQ(next().protocol, Protocol::udp);
    time_out();
    EXPECT_EQ(next().protocol, Protocol::tcp);
    EXPECT_TRUE(reply(exchange::ReplyKind::data));
    EXPECT_FALSE(at(0).datagrams_work(now));
    begin();
    EXPECT_EQ(next().protocol, Protocol::tcp);
}

TEST_F(PlanTest, AutoTriesTcpWithinTheDeadlineHoweverManyEndpointsAreSilent) {
    endpoints({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0});
    const std::string script = silence();
    EXPECT_NE(script.find('t'), std::string::npos) << script;
}

TEST_F(PlanTest, AutoLeavesTcpAloneWhereItWasRefused) {
    endpoints({10});
    at(0).note_no_stream(now);
    EXPECT_EQ(silence(), "0u 0u 0u");
}

TEST_F(PlanTest, LearnedTcpFallsBackToUdpWhenItIsRefused) {
    endpoints({0});
    at(0).note_no_datagrams(now);
    EXPECT_EQ(next().protocol, Protocol::tcp);
    fault(FailureReason::refused);
    EXPECT_EQ(next().protocol, Protocol::udp);
    EXPECT_TRUE(reply(exchange::ReplyKind::data));
}

TEST_F(PlanTest, TransportTcpNeverUsesUdp) {
    upstream.options.transport = Protocol::tcp;
    upstream.options.deadline = Millis(4500);
    endpoints({0, 0});
    const std::string script = silence();
    EXPECT_EQ(script.find('u'), std::string::npos) << script;
    EXPECT_EQ(std::count(script.begin(), script.end(), 't'), 6) << script;
}

TEST_F(PlanTest, TransportUdpNeverUsesTcpForSilence) {
    upstream.options.transport = Protocol::udp;
    endpoints({0, 0});
    EXPECT_EQ(silence().find('t'), std::string::npos);
}

TEST_F(PlanTest, PoorEndpointsAreAskedAfterGoodOnesAndBeforeSuspectOnes) {
    endpoints({10, 10, 10});
    make_suspect(0);
    at(1).note_probe(ProbeResult::servfail);
    EXPECT_EQ(next().endpoint, 2u);
    fault(FailureReason::refused);
    EXPECT_EQ(next().endpoint, 1u);
    fault(FailureReason::refused);
    EXPECT_EQ(next().endpoint, 0u);
}

/// Whatever happens at whatever step: the plan ends, within its limits, and has something to say.
TEST_F(PlanTest, EverySequenceOfEventsEnds) {
    constexpr int kEvents = 9;
    const auto happen = [this](int event) {
        switch (event) {
            case 0: time_out(); break;
            case 1: fault(FailureReason::refused); break;
            case 2: fault(FailureReason::unreachable); break;
            case 3: fault(FailureReason::closed); break;
            case 4: fault(FailureReason::busy); break;
            case 5: reply(exchange::ReplyKind::truncated); break;
            case 6: reply(exchange::ReplyKind::no_edns, dns::Rcode::formerr); break;
            case 7: reply(exchange::ReplyKind::failure, dns::Rcode::servfail); break;
            default: plan->on_case_differs(step, now); break;
        }
    };
    for (const auto transport : std::initializer_list<std::optional<Protocol>>{
             std::nullopt, Protocol::udp, Protocol::tcp}) {
        for (int script = 0; script < kEvents * kEvents * kEvents * kEvents; ++script) {
            set.endpoints.clear();
            endpoints({10, 0});
            upstream.options.transport = transport;
            begin();
            std::map<std::pair<std::size_t, Protocol>, int> asked;
            int digits = script, steps = 0;
            while (!next(static_cast<std::uint32_t>(script)).give_up) {
                ++asked[{step.endpoint, step.protocol}];
                ASSERT_GT(step.timeout, Duration::zero());
                ASSERT_LT(++steps, 20);
                happen(digits % kEvents);
                digits = digits >= kEvents ? digits / kEvents : digits;
            }
            for (const auto& [what, times] : asked)
                ASSERT_LE(times, 5) << "three, one without EDNS and one in plain case";
            ASSERT_GT(steps, 0);
            ASSERT_EQ(plan->failure(now).text.substr(0, 12), "peer=westus ");
        }
    }
}

}  // namespace
}  // namespace peerzone::upstream
