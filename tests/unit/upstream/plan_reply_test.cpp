// The plan as scripts: what comes of replies that are no answer, over UDP and TCP.
#include <map>
#include <set>

#include "unit/upstream/plan_fixture.hpp"

namespace peerzone::upstream {
namespace {

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
