// A plan, its endpoints and a clock of its own.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "support/upstream_letter_case.hpp"
#include "upstream/attempt_plan.hpp"

namespace peerzone::upstream {

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

}  // namespace peerzone::upstream
