// Endpoints that are broken or mean harm, over real sockets: no client gets what they made up, each
// bad reply is counted, and nothing of it is in the cache when the endpoint has come to its senses.
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

/// What an endpoint does to every question, which counter tells, and what clients are told.
struct Bad {
    const char* name;
    test::FakeServer::Handler say;
    Count counted;
    int ede;
};
void PrintTo(const Bad& bad, std::ostream* out) {
    *out << bad.name;
}

/// Not even a header, a header alone, and more than any reply has.
Reaction garbage(const Received& q) {
    Reaction reaction;
    for (const std::size_t size : {0u, 1u, 2u, 11u, 12u, 13u, 512u, 1400u, 9000u})
        reaction.messages.push_back(
            random_octets(size, static_cast<unsigned>(size) + static_cast<unsigned>(q.number)));
    return reaction;
}
Reaction wrong_ids(const Received& q) {
    Reaction reaction;
    for (unsigned i = 1; i <= 50; ++i)
        reaction.messages.push_back(test::with_id(with_address(q, "192.0.2.66").octets(),
                                                  static_cast<std::uint16_t>(q.id() + i)));
    return reaction;
}
Reaction question_itself(const Received& q) {
    return say(q.message);
}
Reaction name_of_another(const Received& q) {
    return say(MessageBuilder(q.id(), 0x8180)
                   .question(kOther, asked_type(q))
                   .answer(kOther, 1, 60, test::address("192.0.2.66")));
}
Reaction type_of_another(const Received& q) {
    auto reply = with_address(q, "192.0.2.66").octets();
    store_u16(&reply[q.question_end() - 4], asked_type(q) == 16 ? 1 : 16);
    return say(reply);
}
Reaction class_of_another(const Received& q) {
    auto reply = with_address(q, "192.0.2.66").octets();
    store_u16(&reply[q.question_end() - 2], 3);
    return say(reply);
}
Reaction two_questions(const Received& q) {
    return say(reply_to(q)
                   .raw({0xc0, 12, 0, 1, 0, 1})
                   .count(0)
                   .record(1, {0xc0, 12}, 1, 1, 60, {192, 0, 2, 66}));
}
Reaction no_question(const Received& q) {
    return say(MessageBuilder(q.id(), 0x8180).answer(kDb, 1, 60, test::address("192.0.2.66")));
}
Reaction garbage_behind_the_question(const Received& q) {
    return say(reply_to(q).raw(random_octets(300, 7)).count(1).count(1));
}
Reaction more_counted_than_there_is(const Received& q) {
    return say(with_address(q, "192.0.2.66").count(1));
}
Reaction pointer_to_itself(const Received& q) {
    const auto here = static_cast<std::uint8_t>(q.question_end());
    return say(reply_to(q).record(1, {0xc0, here}, 1, 1, 60, {192, 0, 2, 66}));
}
Reaction address_of_five_octets(const Received& q) {
    return say(reply_to(q).record(1, {0xc0, 12}, 1, 1, 60, {192, 0, 2, 66, 1}));
}
Reaction data_and_no_such_name(const Received& q) {
    return say(reply_to(q, 3).record(1, {0xc0, 12}, 1, 1, 60, {192, 0, 2, 66}));
}
Reaction seventeen_aliases(const Received& q) {
    auto reply = reply_to(q);
    std::string owner = asked_text(q);
    for (int i = 0; i < 17; ++i) {
        const std::string next = "c" + std::to_string(i) + ".westus.svc.cluster.local";
        reply.answer(owner, 5, 60, test::wire(next));
        owner = next;
    }
    return say(reply.answer(owner, 1, 60, test::address("192.0.2.66")));
}
Reaction aliases_in_a_circle(const Received& q) {
    return say(reply_to(q)
                   .answer(asked_text(q), 5, 60, test::wire(kOther))
                   .answer(kOther, 5, 60, test::wire(asked_text(q))));
}

Reaction the_roots_denial(const Received& q) {
    return say(reply_to(q, 3).authority(".", 6, 3600, test::soa("a.root-servers.net", 3600)));
}
Reaction denial_of_another_tree(const Received& q) {
    return say(reply_to(q, 3).authority("example", 6, 3600, test::soa("example", 3600)));
}
Reaction nothing_of_another_tree(const Received& q) {
    return say(reply_to(q).authority("example", 6, 3600, test::soa("example", 3600)));
}
Reaction bare_denial(const Received& q) {
    return say(reply_to(q, 3));
}
Reaction nothing_at_all(const Received& q) {
    return say(reply_to(q));
}

const Bad kBad[] = {
    {"Garbage", garbage, Count::upstream_mismatch, 22},
    {"WrongIds", wrong_ids, Count::upstream_mismatch, 22},
    {"TheQuestionItself", question_itself, Count::upstream_mismatch, 22},
    {"NameOfAnother", name_of_another, Count::upstream_mismatch, 22},
    {"TypeOfAnother", type_of_another, Count::upstream_mismatch, 22},
    {"ClassOfAnother", class_of_another, Count::upstream_mismatch, 22},
    {"TwoQuestions", two_questions, Count::upstream_mismatch, 22},
    {"NoQuestion", no_question, Count::upstream_mismatch, 22},
    {"GarbageBehindTheQuestion", garbage_behind_the_question, Count::upstream_invalid, 24},
    {"MoreCountedThanThereIs", more_counted_than_there_is, Count::upstream_invalid, 24},
    {"PointerToItself", pointer_to_itself, Count::upstream_invalid, 24},
    {"AddressOfFiveOctets", address_of_five_octets, Count::upstream_invalid, 24},
    {"DataAndNoSuchName", data_and_no_such_name, Count::upstream_invalid, 24},
    {"SeventeenAliases", seventeen_aliases, Count::chain_too_long, 0},
    {"AliasesInACircle", aliases_in_a_circle, Count::chain_too_long, 0},
    {"TheRootsDenial", the_roots_denial, Count::upstream_lame, 20},
    {"DenialOfAnotherTree", denial_of_another_tree, Count::upstream_lame, 20},
    {"NothingOfAnotherTree", nothing_of_another_tree, Count::upstream_lame, 20},
    {"BareDenial", bare_denial, Count::upstream_lame, 20},
    {"NothingAtAll", nothing_at_all, Count::upstream_lame, 20},
};

struct Spoiled : BadPeer, ::testing::WithParamInterface<Bad> {};

TEST_P(Spoiled, IsCountedAndNothingOfItIsKept) {
    bad.in_octets(GetParam().say);
    const Server server(yaml());
    const Client client = server.client();
    const Reply reply = client.ask(kDb, type::a);
    EXPECT_EQ(reply.rcode(), 2u);
    EXPECT_EQ(reply.ede(), GetParam().ede) << reply.ede_text();
    EXPECT_TRUE(reply.says("peer=westus")) << reply.ede_text();
    EXPECT_EQ(reply.answers(), Lines{});
    EXPECT_GT(server.count(GetParam().counted), 0u);

    heal(bad);
    for (const char* name : {kDb, kOther})
        EXPECT_EQ(ask_until_answered(client, name).answers(),
                  Lines{std::string(name) + " A 10.2.0.1"});
    EXPECT_EQ(bad.asked(kOther, type::a), 1) << "nobody may answer for names he was not asked for";
}

TEST_P(Spoiled, IsNotSeenByClientsWhereAnotherEndpointAnswers) {
    bad.in_octets(GetParam().say);
    good.in_octets([](const Received& q) { return say(with_address(q, "10.2.0.1")); });
    const Server server(yaml(true));
    const Client client = server.client();
    for (int i = 0; i < 8; ++i) {
        const std::string name = "n" + std::to_string(i) + ".westus.svc.cluster.local";
        EXPECT_EQ(client.ask(name, type::a).answers(), Lines{name + " A 10.2.0.1"});
    }
}

INSTANTIATE_TEST_SUITE_P(All, Spoiled, ::testing::ValuesIn(kBad),
                         [](const auto& made) { return std::string(made.param.name); });

// What of a reply is not used is not judged, over UDP and TCP.
TEST_F(BadPeer, DamageBehindTheAnswerDoesNotSpoilIt) {
    const std::vector<std::function<MessageBuilder(MessageBuilder)>> damages = {
        [](MessageBuilder reply) { return reply.raw({0}); },
        [](MessageBuilder reply) { return reply.raw(random_octets(300, 7)); },
        [](MessageBuilder reply) {
            return reply.raw({0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0});
        },
        [](MessageBuilder reply) { return reply.count(3); },
        [](MessageBuilder reply) {
            return reply.record(3, {0xc0, 12}, 1, 1, 60, {10, 2, 0});
        },
        [](MessageBuilder reply) {
            return reply.record(3, {0xc0, 0xff}, 1, 1, 60, {});
        },
        [](MessageBuilder reply) {
            return reply.opt(0, {0, 15, 0, 9}).opt();
        },
        [](MessageBuilder reply) { return reply.record(1, {0}, 41, 1232, 0, {}); },
        [](MessageBuilder reply) { return reply.count(2).raw({0xc0}); }};
    std::atomic<std::size_t> damage = 0;
    std::atomic<bool> by_tcp = false;
    bad.in_octets([&](const Received& q) {
        return by_tcp && !q.tcp ? say(q.cut()) : say(damages[damage](with_address(q, "10.2.0.1")));
    });
    const Server server(yaml());
    for (damage = 0; damage < damages.size(); ++damage)
        for (const bool tcp : {false, true}) {
            by_tcp = tcp;
            const std::string name =
                (tcp ? "t" : "u") + std::to_string(damage) + ".westus.svc.cluster.local";
            const Reply reply = server.client().ask(name, type::a);
            EXPECT_EQ(reply.answers(), Lines{name + " A 10.2.0.1"}) << reply.ede_text();
        }
    EXPECT_EQ(server.count(Count::upstream_invalid), 0u);
}

// A reply that is right and brings records of other peoples' names along: the answer counts, the
// rest is dropped, wherever it stands.
TEST_F(BadPeer, OtherPeoplesRecordsAreDropped) {
    const std::string bank = "www.bank.example";
    bad.in_octets([&](const Received& q) {
        if (asked_text(q) != kDb) return say(with_address(q, "10.2.0.1"));
        return say(with_address(q, "10.2.0.1")
                       .answer(bank, 1, 3600, test::address("192.0.2.66"))
                       .answer(kOther, 1, 3600, test::address("192.0.2.66"))
                       .authority("example", 2, 3600, test::wire("ns.example"))
                       .authority("bank.example", 6, 3600, test::soa("bank.example", 3600))
                       .additional(bank, 1, 3600, test::address("192.0.2.66"))
                       .additional("ns.example", 1, 3600, test::address("192.0.2.66")));
    });
    good.otherwise({{bank + " 60 IN A 198.51.100.1"}});
    const Server server(yaml() + "forward: {\".\": {endpoints: ['" + good.address() + "']}}\n");
    const Client client = server.client();
    for (int i = 0; i < 2; ++i) {
        const Reply reply = client.ask(kDb, type::a);
        EXPECT_EQ(reply.answers(), Lines{std::string(kDb) + " A 10.2.0.1"});
        EXPECT_EQ(reply.section(2), Lines{});
        EXPECT_EQ(reply.section(3), Lines{});
    }
    EXPECT_EQ(bad.asked(kDb, type::a), 1);
    EXPECT_EQ(server.count(Count::upstream_unrelated), 1u);

    EXPECT_EQ(client.ask(bank, type::a).answers(), Lines{bank + " A 198.51.100.1"});
    EXPECT_EQ(good.asked(bank, type::a), 1);
    EXPECT_EQ(client.ask(kOther, type::a).answers(), Lines{std::string(kOther) + " A 10.2.0.1"});
    EXPECT_EQ(bad.asked(kOther, type::a), 1);
}

// The same as the answer itself: an alias to a name of another owner, and that name's "data".
TEST_F(BadPeer, AnAliasDoesNotLetAPeerAnswerForAnotherForOtherClients) {
    const std::string bank = "www.bank.example";
    bad.in_octets([&](const Received& q) {
        return say(reply_to(q)
                       .record(1, {0xc0, 12}, 5, 1, 60, test::wire(bank))
                       .answer(bank, 1, 3600, test::address("192.0.2.66")));
    });
    good.otherwise({{bank + " 60 IN A 198.51.100.1"}});
    const Server server(yaml() + "forward: {\".\": {endpoints: ['" + good.address() + "']}}\n");
    const Client client = server.client();
    EXPECT_EQ(client.ask(kDb, type::a).rcode(), 0u);
    EXPECT_EQ(client.ask(bank, type::a).answers(), Lines{bank + " A 198.51.100.1"});
}

}  // namespace
}  // namespace peerzone::itest
