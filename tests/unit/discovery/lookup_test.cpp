#include "peerzone/discovery/lookup.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <optional>

#include "support/upstream_fake_server.hpp"
#include "support/upstream_message.hpp"

namespace peerzone::discovery {
namespace {

using namespace peerzone::test;
using namespace std::chrono_literals;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using Kind = LookupReply::Kind;

constexpr unsigned A = 1, AAAA = 28, SRV = 33;

IpAddress ip(std::string_view text) {
    return *IpAddress::parse(text);
}

unsigned type_of(const Received& question) {
    return load_u16(&question.message[question.question_end() - 4]);
}

// A reply to `question` with `count` answers, each the octets of one record behind a pointer to the
// name.
Octets reply_with(const Received& question, std::uint32_t ttl, const std::vector<Octets>& data) {
    Octets out = question.empty();
    store_u16(&out[6], data.size());
    for (const Octets& one : data) {
        append(out, {0xc0, 12});
        append_u16(out, type_of(question));
        append_u16(out, 1);
        append_u32(out, ttl);
        append_u16(out, static_cast<unsigned>(one.size()));
        append(out, one);
    }
    return out;
}

class LookupTest : public testing::Test {
protected:
    using Handler = FakeServer::Handler;

    FakeServer& server(Handler handler, FakeServer::Tcp tcp = FakeServer::Tcp::refuse) {
        servers_.push_back(std::make_unique<FakeServer>(io_, std::move(handler), tcp));
        return *servers_.back();
    }
    std::vector<SocketAddress> all() const {
        std::vector<SocketAddress> addresses;
        for (const auto& one : servers_) addresses.push_back(one->address());
        return addresses;
    }
    void start(LookupType type, Duration deadline, std::optional<LookupReply>& reply,
               const std::string& name = "dns.example.com") {
        lookups_->ask(name, type, all(), deadline,
                      [&](LookupReply got) { reply = std::move(got); });
    }
    LookupReply ask(LookupType type = LookupType::a, Duration deadline = 5s,
                    const std::string& name = "dns.example.com") {
        std::optional<LookupReply> reply;
        start(type, deadline, reply, name);
        EXPECT_FALSE(reply) << "called from within";
        run_until([&] { return reply.has_value(); });
        return reply.value_or(LookupReply{});
    }
    void run_until(const std::function<bool()>& is_done) {
        const Time end = Clock::now() + 20s;
        io_.restart();
        while (!is_done() && Clock::now() < end) io_.run_one_for(1s);
        EXPECT_TRUE(is_done());
    }

    boost::asio::io_context io_{1};
    std::vector<std::unique_ptr<FakeServer>> servers_;
    std::unique_ptr<Lookups> lookups_ = std::make_unique<Lookups>(io_);
};

FakeServer::Handler failing(unsigned rcode) {
    return [rcode](const Received& q) -> FakeServer::Reaction {
        return {.messages = {q.empty(rcode)}};
    };
}
FakeServer::Handler answering_with(std::uint32_t ttl, std::vector<Octets> data) {
    return [=](const Received& q) -> FakeServer::Reaction {
        return {.messages = {reply_with(q, ttl, data)}};
    };
}

TEST_F(LookupTest, FindsAddressesInOrderWithTheirTtl) {
    server(answering_with(60, {address("10.0.0.2"), address("10.0.0.1"), address("10.0.0.2")}));
    const LookupReply reply = ask();
    ASSERT_EQ(reply.kind, Kind::found) << reply.why;
    EXPECT_THAT(reply.addresses, ElementsAre(ip("10.0.0.1"), ip("10.0.0.2")));
    EXPECT_EQ(reply.ttl, 60s);
    EXPECT_EQ(servers_[0]->udp.size(), 1u);
}

TEST_F(LookupTest, FindsAddressesOfTheOtherFamily) {
    server(answering_with(60, {address("fd00::1")}));
    const LookupReply reply = ask(LookupType::aaaa);
    ASSERT_EQ(reply.kind, Kind::found) << reply.why;
    EXPECT_THAT(reply.addresses, ElementsAre(ip("fd00::1")));
    EXPECT_EQ(type_of(servers_[0]->udp.at(0)), AAAA);
}

TEST_F(LookupTest, FindsTargets) {
    Octets record;
    for (const unsigned number : {10u, 5u, 5353u}) append_u16(record, number);
    append(record, wire("DNS-a.example.com"));
    server(answering_with(30, {record}));
    const LookupReply reply = ask(LookupType::srv, 5s, "_dns._udp.example.com");
    ASSERT_EQ(reply.kind, Kind::found) << reply.why;
    EXPECT_THAT(reply.targets, ElementsAre(SrvTarget{10, 5353, "dns-a.example.com"}));
    EXPECT_EQ(type_of(servers_[0]->udp.at(0)), SRV);
}

TEST_F(LookupTest, FiftyAddressesComeOverUdpAndManyMoreOverTcp) {
    std::vector<Octets> many;
    for (int i = 0; i < 200; ++i) many.push_back(address("10.0.0." + std::to_string(i + 1)));
    server(
        [&](const Received& q) -> FakeServer::Reaction {
            if (q.message[3] == 0 && !q.has_opt()) ADD_FAILURE() << "no EDNS";
            const std::vector<Octets> some(many.begin(), many.begin() + 50);
            return {.messages = {reply_with(q, 60, some)}};
        },
        FakeServer::Tcp::accept);
    EXPECT_EQ(ask().addresses.size(), 50u);
    EXPECT_EQ(servers_[0]->connections, 0);
    servers_.clear();
    server(
        [&](const Received& q) -> FakeServer::Reaction {
            return {.messages = {q.tcp ? reply_with(q, 60, many) : q.cut()}};
        },
        FakeServer::Tcp::accept);
    EXPECT_EQ(ask().addresses.size(), 200u);
    EXPECT_EQ(servers_[0]->connections, 1);
}

TEST_F(LookupTest, SaysThatTheNameDoesNotExist) {
    server(failing(3));
    const LookupReply reply = ask();
    EXPECT_EQ(reply.kind, Kind::empty);
    EXPECT_EQ(reply.why, "no such name (asked " + all()[0].to_text() + ")");
    EXPECT_EQ(servers_[0]->udp.size(), 1u) << "no search list";
}

TEST_F(LookupTest, SaysThatThereIsNoSuchRecord) {
    server(failing(0));
    const LookupReply reply = ask();
    EXPECT_EQ(reply.kind, Kind::empty);
    EXPECT_THAT(reply.why, HasSubstr("none (asked"));
}

TEST_F(LookupTest, EndsAtTheDeadlineWhenNobodyAnswers) {
    server(silent);
    const Time start = Clock::now();
    const LookupReply reply = ask(LookupType::a, 300ms);
    const Duration took = Clock::now() - start;
    EXPECT_EQ(reply.kind, Kind::failed);
    EXPECT_THAT(reply.why, AllOf(HasSubstr("no reply in time"), HasSubstr(all()[0].to_text())));
    EXPECT_GE(servers_[0]->udp.size(), 2u);
    EXPECT_GE(took, 300ms);
    EXPECT_LT(took, 3s);
}

TEST_F(LookupTest, AsksTheNextServerWhenOneIsSilentOrFails) {
    server(silent);
    server(failing(2));
    server(answering_with(60, {address("10.0.0.1")}));
    const LookupReply reply = ask(LookupType::a, 2s);
    ASSERT_EQ(reply.kind, Kind::found) << reply.why;
    EXPECT_FALSE(servers_[0]->udp.empty());
    EXPECT_FALSE(servers_[1]->udp.empty());
}

TEST_F(LookupTest, ReportsServersThatOnlyFail) {
    server(failing(2));
    const LookupReply reply = ask();
    EXPECT_EQ(reply.kind, Kind::failed);
    EXPECT_THAT(reply.why, HasSubstr("no server reached, or only errors from it"));
}

TEST_F(LookupTest, APortThatNobodyHasIsNotWaitedForUntilTheDeadline) {
    server(silent).close_udp();
    const Time start = Clock::now();
    const LookupReply reply = ask(LookupType::a, 10s);
    EXPECT_EQ(reply.kind, Kind::failed);
    EXPECT_LT(Clock::now() - start, 8s);
}

// What is no reply to this question is not taken for one.
TEST_F(LookupTest, PassesOverStrangeDatagrams) {
    server([](const Received& q) -> FakeServer::Reaction {
        Octets other_name = reply_with(q, 60, {address("10.9.9.9")});
        other_name[13] ^= 1;
        return {.messages = {Octets{}, Octets{1, 2, 3}, Octets(600, 0xff),
                             with_id(q.answer(), static_cast<std::uint16_t>(q.id() + 1)),
                             other_name, reply_with(q, 60, {address("10.0.0.1")})}};
    });
    const LookupReply reply = ask();
    ASSERT_EQ(reply.kind, Kind::found) << reply.why;
    EXPECT_THAT(reply.addresses, ElementsAre(ip("10.0.0.1")));
}

TEST_F(LookupTest, AReplyThatCannotBeReadIsAFailure) {
    server([](const Received& q) -> FakeServer::Reaction {
        Octets cut_off = reply_with(q, 60, {address("10.0.0.1")});
        cut_off.resize(cut_off.size() - 2);
        return {.messages = {cut_off}};
    });
    const LookupReply reply = ask();
    EXPECT_EQ(reply.kind, Kind::failed);
    EXPECT_THAT(reply.why, HasSubstr("made no sense"));
}

// Old servers: some repeat the question, some send back no more than a header.
TEST_F(LookupTest, AsksAgainWithoutEdnsWhoDoesNotLikeIt) {
    const auto with_opt = [](Octets message, unsigned extended_rcode) {
        store_u16(&message[10], 1);
        append(message,
               {0, 0, 41, 4, 208, static_cast<std::uint8_t>(extended_rcode), 0, 0, 0, 0, 0});
        return message;
    };
    const auto bare = [](Octets message) {
        message.resize(12);
        store_u16(&message[4], 0);
        return message;
    };
    const std::vector<std::function<Octets(const Received&)>> refusals = {
        [&](const Received& q) { return bare(q.empty(1)); },
        [&](const Received& q) { return bare(q.empty(4)); },
        [](const Received& q) { return q.empty(1); }, [](const Received& q) { return q.empty(4); },
        [&](const Received& q) { return with_opt(q.empty(), 1); }};  // BADVERS
    for (const auto& refusal : refusals) {
        servers_.clear();
        server([&](const Received& q) -> FakeServer::Reaction {
            if (q.has_opt()) return {.messages = {refusal(q)}};
            return {.messages = {reply_with(q, 60, {address("10.0.0.1")})}};
        });
        const Time start = Clock::now();
        const LookupReply reply = ask(LookupType::a, 20s);
        ASSERT_EQ(reply.kind, Kind::found) << reply.why;
        EXPECT_THAT(reply.addresses, ElementsAre(ip("10.0.0.1")));
        EXPECT_EQ(servers_[0]->udp.size(), 2u);
        EXPECT_LT(Clock::now() - start, 6s) << "a third of the deadline is the first time-out";
    }
}

// The library does not know a reply without the question, and would wait.
TEST_F(LookupTest, ABareErrorIsNotWaitedFor) {
    for (const unsigned rcode : {1u, 2u, 4u, 5u}) {
        servers_.clear();
        server([&](const Received& q) -> FakeServer::Reaction {
            Octets header = q.empty(rcode);
            header.resize(12);
            store_u16(&header[4], 0);
            return {.messages = {header}};
        });
        server(answering_with(60, {address("10.0.0.1")}));
        const Time start = Clock::now();
        const LookupReply reply = ask(LookupType::a, 60s);
        ASSERT_EQ(reply.kind, Kind::found) << rcode << " " << reply.why;
        EXPECT_LT(Clock::now() - start, 1900ms) << rcode;  // the least time-out is 2 s then
    }
}

// Only the server can make us leave EDNS away.
TEST_F(LookupTest, AHeaderOfAnotherQuestionChangesNothing) {
    server([](const Received& q) -> FakeServer::Reaction {
        EXPECT_TRUE(q.has_opt());
        Octets header = with_id(q.empty(1), static_cast<std::uint16_t>(q.id() + 1));
        header.resize(12);
        store_u16(&header[4], 0);
        return {.messages = {header, reply_with(q, 60, {address("10.0.0.1")})}};
    });
    EXPECT_EQ(ask().kind, Kind::found);
    EXPECT_EQ(servers_[0]->udp.size(), 1u);
}

// What of a reply is not used is not judged.
TEST_F(LookupTest, TakesWhatHasDamageBehindItsAnswers) {
    const std::vector<Octets> rests = {
        {0},
        Octets(100, 0xff),
        {0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0},                // an OPT that is not counted
        {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 9, 0, 3, 1, 2, 3}};  // an A with three octets
    for (const Octets& rest : rests)
        for (const unsigned additional : {0u, 1u}) {
            servers_.clear();
            server([&](const Received& q) -> FakeServer::Reaction {
                Octets message = reply_with(q, 60, {address("10.0.0.1")});
                store_u16(&message[10], additional);
                append(message, rest);
                return {.messages = {message}};
            });
            EXPECT_THAT(ask().addresses, ElementsAre(ip("10.0.0.1")));
        }
}

TEST_F(LookupTest, ASlowNameDoesNotHoldUpAnother) {
    server([](const Received& q) -> FakeServer::Reaction {
        if (q.name() == wire("slow.example.com")) return {};
        return {.messages = {reply_with(q, 60, {address("10.0.0.1")})}};
    });
    std::vector<std::optional<LookupReply>> slow(20);
    for (auto& reply : slow) start(LookupType::a, 10s, reply, "slow.example.com");
    EXPECT_EQ(ask().kind, Kind::found);
    for (const auto& reply : slow) EXPECT_FALSE(reply);
    // The end of all of them is silent.
    lookups_.reset();
    io_.restart();
    io_.poll();
    for (const auto& reply : slow) EXPECT_FALSE(reply);
}

TEST_F(LookupTest, NeedsAServerAndAName) {
    EXPECT_EQ(ask().why, "no nameserver to ask");
    server(silent);
    EXPECT_THAT(ask(LookupType::a, 1s, "a..b").why, Not(testing::IsEmpty()));
    std::optional<LookupReply> reply;
    lookups_->ask("dns.example.com", LookupType::a, {SocketAddress{ip("fe80::1"), 53, 1}}, 1s,
                  [&](LookupReply got) { reply = std::move(got); });
    run_until([&] { return reply.has_value(); });
    EXPECT_EQ(reply->why, "no nameserver but link-local ones");
}

}  // namespace
}  // namespace peerzone::discovery
