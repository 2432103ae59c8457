// Hedges over real sockets: which attempt wins, what is learned from the other, and what it is good
// for.
#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <cstdio>

#include "client_fixture.hpp"

namespace peerzone::upstream {
namespace {

struct ClientHedgeTest : ClientTest {
    using Delay = std::function<Millis(const Received&)>;

    /// A server that answers after a while; a negative delay: not at all.
    FakeServer& slow_server(Delay delay, FakeServer::Tcp tcp = FakeServer::Tcp::refuse) {
        FakeServer** self = slots_.emplace_back(std::make_unique<FakeServer*>(nullptr)).get();
        *self = &serve(
            [this, self, delay = std::move(delay)](const Received& q) {
                const Millis wait = delay(q);
                if (wait == Millis(0)) return Reaction{{q.answer()}};
                if (wait < Millis(0)) return Reaction{};
                auto timer = std::make_shared<boost::asio::steady_timer>(io, wait);
                timer->async_wait([self, timer, q](auto) { (*self)->send_to(q, q.answer()); });
                return Reaction{};
            },
            tcp);
        return **self;
    }
    void know(int rtt_ms, std::size_t i) {
        for (int n = 0; n < 200; ++n) endpoint(i).note_reply(Millis(rtt_ms));
    }
    void fill_budget() {
        for (int i = 0; i < 1000; ++i) upstream.health->hedges().earn();
    }
    /// Two endpoints that are known to take 10 ms; the one that a question goes to first takes
    /// `first`, the other one `second`.
    void two(Millis first, Millis second) {
        const auto asked = std::make_shared<int>(0);
        for (std::size_t i = 0; i < 2; ++i) {
            slow_server([=](const Received&) { return ++*asked == 1 ? first : second; });
            know(10, i);
        }
        fill_budget();
    }
    std::uint64_t won() { return count(Count::upstream_hedges_won); }
    std::size_t first() { return endpoint(0).stats().hedges_sent() == 0 ? 0 : 1; }

private:
    std::vector<std::unique_ptr<FakeServer*>> slots_;
};

TEST_F(ClientHedgeTest, TheSecondQuestionWins) {
    two(Millis(300), Millis(5));
    const Answer answer = ask();
    ASSERT_TRUE(answer.asked.ok) << answer.asked.error_text;
    EXPECT_LT(answer.took, Millis(290));
    EXPECT_EQ(answer.message.size(), 12u + question().name.size() + 4 + 16);
    EXPECT_EQ(count(Count::upstream_hedges), 1u);
    EXPECT_EQ(won(), 1u);
    EXPECT_EQ(upstream.health->stats().hedges(), 1u);
    EXPECT_EQ(endpoint(1 - first()).stats().hedges_won(), 1u);
}

TEST_F(ClientHedgeTest, TheBeatenReplyIsStillAMeasurementAndNoLoss) {
    two(Millis(250), Millis(5));
    ASSERT_TRUE(ask().asked.ok);
    Endpoint& beaten = endpoint(first());
    const Duration before = beaten.smoothed_rtt();
    EXPECT_TRUE(run_until([&] { return beaten.smoothed_rtt() > before + Millis(20); }, Seconds(2)));
    EXPECT_EQ(count(Count::upstream_mismatch), 0u);
    EXPECT_EQ(beaten.stats().replies(), 1u);
    for (int i = 0; i < 2; ++i) beaten.note_loss(Clock::now());
    EXPECT_FALSE(beaten.is_suspect()) << "it has replied, if late";
}

TEST_F(ClientHedgeTest, TheFirstOneMayWinAfterAll) {
    two(Millis(40), Millis(200));
    const Answer answer = ask();
    ASSERT_TRUE(answer.asked.ok);
    EXPECT_LT(answer.took, Millis(190));
    EXPECT_EQ(count(Count::upstream_hedges), 1u);
    EXPECT_EQ(won(), 0u);
    Endpoint& second = endpoint(1 - first());
    EXPECT_TRUE(run_until([&] { return second.stats().replies() == 1; }, Seconds(2)));
    EXPECT_GT(second.smoothed_rtt(), Millis(20));
}

TEST_F(ClientHedgeTest, WhoIsBeatenAndNeverRepliesLosesOne) {
    two(Millis(-1), Millis(5));
    ASSERT_TRUE(ask().asked.ok);
    Endpoint& silent_one = endpoint(first());
    EXPECT_TRUE(run_until([&] { return silent_one.stats().failures(FailureReason::timeout) == 1; },
                          Seconds(2)));
    EXPECT_FALSE(silent_one.is_suspect());
}

TEST_F(ClientHedgeTest, BothSilentIsAFailureWithinTheDeadline) {
    two(Millis(-1), Millis(-1));
    const Answer answer = ask();
    EXPECT_FALSE(answer.asked.ok);
    EXPECT_LT(answer.took, Millis(2500));
    EXPECT_EQ(answer.asked.error_code, 22);
}

TEST_F(ClientHedgeTest, WithoutBudgetThereIsNone) {
    two(Millis(30), Millis(5));
    while (upstream.health->hedges().take()) {
    }
    ASSERT_TRUE(ask().asked.ok);
    EXPECT_EQ(count(Count::upstream_hedges), 0u);
}

TEST_F(ClientHedgeTest, EndsInTheMiddle) {
    two(Millis(-1), Millis(-1));
    Answer answer;
    start(answer, question());
    ASSERT_TRUE(run_until([&] { return count(Count::upstream_hedges) == 1; }));
    client().shut_down();
    EXPECT_TRUE(answer.done);
    EXPECT_EQ(answer.asked.error_text, "peer=westus shutting down");
    EXPECT_EQ(upstream.health->stats().in_flight(), 0u);
}

TEST_F(ClientHedgeTest, OverTcpToo) {
    upstream.options.transport = Protocol::tcp;
    int asked = 0;
    for (std::size_t i = 0; i < 2; ++i) {
        serve([&asked](
                  const Received& q) { return ++asked == 1 ? Reaction{} : Reaction{{q.answer()}}; },
              FakeServer::Tcp::accept);
        know(10, i);
    }
    fill_budget();
    const Answer answer = ask();
    EXPECT_TRUE(answer.asked.ok);
    EXPECT_LT(answer.took, Millis(390));
    EXPECT_EQ(won(), 1u);
}

// Each of three endpoints is slow by 300 ms on some of its replies. Without hedges the attempt's
// time-out ends the wait, 40 ms at least.
struct Tail {
    double p99_ms;
    double extra;  // questions beyond the first, per question
    std::uint64_t hedges;
};

struct ClientTailTest : ClientHedgeTest {
    static constexpr int kQuestions = 1500;
    void start_again() {
        client_.reset();
        set.endpoints.clear();
        upstream.health = std::make_shared<UpstreamHealth>();
        hedges_before_ = count(Count::upstream_hedges);
    }
    Tail measure(bool with_hedges, std::function<bool(std::size_t endpoint, int number)> is_slow) {
        for (std::size_t i = 0; i < 3; ++i) {
            slow_server(
                [=](const Received& q) { return is_slow(i, q.number) ? Millis(302) : Millis(2); });
            know(2, i);
        }
        std::vector<std::unique_ptr<Answer>> answers;
        for (int n = 0; n < kQuestions; ++n) {
            answers.push_back(std::make_unique<Answer>());
            start(*answers.back(), question("n" + std::to_string(n) + ".westus.example"));
            while (!with_hedges && upstream.health->hedges().take()) {
            }
            const Time next = Clock::now() + Millis(4);
            while (Clock::now() < next) io.run_one_until(next);
        }
        EXPECT_TRUE(run_until([&] {
            return std::all_of(answers.begin(), answers.end(), [](auto& a) { return a->done; });
        }));
        std::vector<double> took;
        for (const auto& answer : answers) {
            EXPECT_TRUE(answer->asked.ok) << answer->asked.error_text;
            took.push_back(std::chrono::duration<double, std::milli>(answer->took).count());
        }
        std::sort(took.begin(), took.end());
        std::uint64_t asked = 0;
        for (const auto& e : set.endpoints) asked += e->stats().questions();
        const Tail tail{took[took.size() * 99 / 100], static_cast<double>(asked) / kQuestions - 1,
                        count(Count::upstream_hedges) - hedges_before_};
        std::printf("%s hedges: p99 %.1f ms, %.1f %% extra questions, %llu hedges\n",
                    with_hedges ? "with" : "without", tail.p99_ms, tail.extra * 100,
                    static_cast<unsigned long long>(tail.hedges));
        return tail;
    }

private:
    std::uint64_t hedges_before_ = 0;
};

TEST_F(ClientTailTest, WithHedgesTheTailIsAThirdAtMost) {
    const auto slow = [](std::size_t, int number) { return number % 50 == 25; };
    Tail without{};
    Tail with{};
    for (int round = 0; round < 3; ++round) {  // a busy machine has tails of its own
        start_again();
        without = measure(false, slow);
        EXPECT_EQ(without.hedges, 0u);
        start_again();
        with = measure(true, slow);
        if (with.p99_ms < without.p99_ms / 3 && with.extra <= 0.05) break;
    }
    EXPECT_LT(with.p99_ms, without.p99_ms / 3);
    EXPECT_GT(with.hedges, 0u);
    EXPECT_LE(with.extra, 0.05);
}

// Its late replies count, so it takes longer than the others and is left alone.
TEST_F(ClientTailTest, AnEndpointThatAloneIsOftenSlowIsNotAsked) {
    Tail without{};
    for (int round = 0; round < 3; ++round) {
        start_again();
        without = measure(false, [](std::size_t endpoint, int number) {
            return endpoint == 0 && number % 10 == 5;
        });
        if (without.p99_ms < 40) break;
    }
    EXPECT_LT(without.p99_ms, 40);
}

}  // namespace
}  // namespace peerzone::upstream
