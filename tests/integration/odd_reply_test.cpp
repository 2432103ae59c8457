// Replies at the limits: the largest, denials without proof, TTLs that are none.
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <random>
#include <thread>

#include "support/integration_bad_peer.hpp"

namespace peerzone::itest {
namespace {

using metrics::Count;
using Lines = std::vector<std::string>;

// The largest message there is, over TCP: taken whole when it is right, and not at all when its
// last record is not.
struct Largest : BadPeer {
    static constexpr std::size_t kWhole = 65535;

    static test::Octets whole(const Received& q) {
        MessageBuilder reply = reply_to(q);
        const std::size_t record = 16;  // an address at a pointer
        unsigned n = 0;
        for (; reply.octets().size() + 2 * record + 12 + 255 < kWhole; ++n)
            reply.record(1, {0xc0, 12}, 1, 1, 60,
                         {10, 2, static_cast<std::uint8_t>(n >> 8), static_cast<std::uint8_t>(n)});
        // What is left, as text of another name in the additional section.
        std::size_t left = kWhole - reply.octets().size() - 11;
        test::Octets text;
        while (left != 0) {
            const auto size = static_cast<std::uint8_t>(std::min<std::size_t>(left - 1, 255));
            text.push_back(size);
            text.insert(text.end(), size, 'x');
            left -= size + 1u;
        }
        reply.record(3, {0}, 16, 1, 60, text);
        EXPECT_EQ(reply.octets().size(), kWhole);
        return reply.octets();
    }
};

TEST_F(Largest, IsTakenOverTcp) {
    bad.in_octets([](const Received& q) { return q.tcp ? say(whole(q)) : say(q.cut()); });
    const Server server(yaml());
    const Reply reply = ask_tcp(server.address(), kDb, type::a);
    EXPECT_EQ(reply.rcode(), 0u) << reply.ede_text();
    EXPECT_GT(reply.answers().size(), 4000u);
    EXPECT_GE(server.count(Count::upstream_tcp_replies), 1u);
    const Reply small = server.client().ask(kDb, type::a);
    EXPECT_TRUE(small.truncated());
    EXPECT_LE(small.raw.size(), 1232u);
}

TEST_F(Largest, IsNotKeptWhenItsEndIsBroken) {
    bad.in_octets([](const Received& q) {
        if (!q.tcp) return say(q.cut());
        test::Octets message = whole(q);
        store_u16(&message[6], load_u16(&message[6]) + 2u);  // more than there are
        return say(message);
    });
    const Server server(yaml());
    const Reply reply = ask_tcp(server.address(), kDb, type::a);
    EXPECT_EQ(reply.rcode(), 2u);
    EXPECT_EQ(reply.ede(), 24) << reply.ede_text();
    EXPECT_GE(server.count(Count::upstream_invalid), 1u);
    heal(bad);
    EXPECT_EQ(ask_until_answered(server.client(), kDb).answers(),
              Lines{std::string(kDb) + " A 10.2.0.1"});
}

TEST_F(Largest, ALengthWithoutTheOctetsIsGivenUp) {
    bad.in_octets([](const Received& q) -> Reaction {
        if (!q.tcp) return say(q.cut());
        test::Octets framed{0xff, 0xff};
        const test::Octets part = whole(q);
        framed.insert(framed.end(), part.begin(), part.begin() + 30000);
        return {.messages = {framed}, .raw = true};
    });
    const Server server(yaml());
    const Reply reply = server.client().ask(kDb, type::a);
    EXPECT_EQ(reply.rcode(), 2u);
    EXPECT_TRUE(reply.says("tcp timeout")) << reply.ede_text();
    EXPECT_GE(server.count(Count::upstream_timeout), 1u);
}

// Aliases without an end, one in each reply.
TEST_F(BadPeer, EndlessAliasesEndAfterSixteen) {
    bad.in_octets([](const Received& q) {
        const std::string name = asked_text(q);
        const int number = std::stoi(name.substr(1));
        return say(reply_to(q).record(
            1, {0xc0, 12}, 5, 1, 60,
            test::wire("c" + std::to_string(number + 1) + ".westus.svc.cluster.local")));
    });
    const Server server(yaml());
    const Client client = server.client();
    const Reply reply = client.ask("c0.westus.svc.cluster.local", type::a);
    EXPECT_EQ(reply.rcode(), 2u);
    EXPECT_EQ(reply.ede(), 0);
    EXPECT_TRUE(reply.says("alias chain longer than 16 links at c17.westus")) << reply.ede_text();
    EXPECT_EQ(reply.answers(), Lines{});
    EXPECT_LE(bad.asked(), 17);
    EXPECT_EQ(server.count(Count::chain_too_long), 1u);
    for (int i = 0; i < 20; ++i)
        EXPECT_EQ(client.ask("c0.westus.svc.cluster.local", type::a).rcode(), 2u);
    EXPECT_LE(bad.asked(), 17) << "what is known of the chain is not asked again";
}

// Negative answers that say nothing about how long they hold, of a server with authority.
struct Unsigned : BadPeer {
    void expect_asked_each_time(const Server& server, unsigned rcode) {
        server.ask_in_plain_case();
        const Client client = server.client();
        for (int i = 1; i <= 3; ++i) {
            const Reply reply = client.ask(kDb, type::a);
            EXPECT_EQ(reply.rcode(), rcode);
            EXPECT_EQ(reply.answers(), Lines{});
            EXPECT_EQ(bad.asked(kDb, type::a), i);
        }
        EXPECT_EQ(server.count(Count::upstream_no_soa), 3u);
        heal(bad);
        EXPECT_EQ(client.ask(kDb, type::a).answers(), Lines{std::string(kDb) + " A 10.2.0.1"});
    }
};

TEST_F(Unsigned, NodataWithoutSoaIsAskedAgainEachTime) {
    bad.in_octets([](const Received& q) { return say(reply_to(q, 0, dns::kFlagAa)); });
    expect_asked_each_time(Server(yaml()), 0);
}

TEST_F(Unsigned, NoSuchNameWithoutSoaIsAskedAgainEachTime) {
    bad.in_octets([](const Received& q) { return say(reply_to(q, 3, dns::kFlagAa)); });
    expect_asked_each_time(Server(yaml()), 3);
}

// TTLs at both ends.
TEST_F(BadPeer, TtlZeroIsNotServedFromTheCache) {
    bad.in_octets([](const Received& q) {
        return say(with_address(q, "10.2.0." + std::to_string(q.number), 0));
    });
    const Server server(yaml());
    const Client client = server.client();
    for (int i = 1; i <= 3; ++i) {
        const Reply reply = client.ask(kDb, type::a);
        EXPECT_EQ(reply.answers(), Lines{std::string(kDb) + " A 10.2.0." + std::to_string(i)});
        EXPECT_EQ(reply.ttl(), 0u);
    }
    EXPECT_EQ(server.count(Count::answered_upstream), 3u);
    EXPECT_EQ(server.count(Count::answered_cache), 0u);
}

TEST_F(BadPeer, ATtlWithItsTopBitSetIsZero) {
    std::uint64_t bad_ones = 0;
    const Server server(yaml());
    for (const std::uint32_t ttl : {0x80000000u, 0x80000001u, 0xffffffffu}) {
        bad.in_octets([ttl](const Received& q) { return say(with_address(q, "10.2.0.1", ttl)); });
        const int before = bad.asked(kDb, type::a);
        for (int i = 1; i <= 2; ++i) {
            EXPECT_EQ(server.client().ask(kDb, type::a).ttl(), 0u) << ttl;
            EXPECT_EQ(bad.asked(kDb, type::a), before + i) << ttl;
            EXPECT_EQ(server.count(Count::upstream_ttl_invalid), ++bad_ones) << ttl;
        }
    }
}

TEST_F(BadPeer, ANegativeTtlWithItsTopBitSetIsZero) {
    bad.in_octets([](const Received& q) {
        const std::string zone = "westus.svc.cluster.local";
        return say(reply_to(q, 3).authority(zone, 6, 0x80000000u, test::soa(zone, 0x80000000u)));
    });
    const Server server(yaml());
    server.ask_in_plain_case();
    for (int i = 1; i <= 2; ++i) {
        EXPECT_EQ(server.client().ask(kDb, type::a).rcode(), 3u);
        EXPECT_EQ(bad.asked(kDb, type::a), i);
    }
    EXPECT_EQ(server.count(Count::upstream_ttl_invalid), 2u);
}

TEST_F(BadPeer, TheLargestTtlIsCut) {
    bad.in_octets([](const Received& q) { return say(with_address(q, "10.2.0.1", 0x7fffffffu)); });
    const Server server(yaml());
    for (int i = 0; i < 2; ++i) {
        const Reply reply = server.client().ask(kDb, type::a);
        EXPECT_LE(reply.ttl(), 3600u);
        EXPECT_GT(reply.ttl(), 3500u);
    }
    EXPECT_EQ(bad.asked(kDb, type::a), 1);
}

}  // namespace
}  // namespace peerzone::itest
