// A chain of aliases is taken as far as its names are the replier's to answer.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/upstream_reply.hpp"

namespace peerzone::exchange {
namespace {

using namespace peerzone::test;
using testing::ElementsAre;

/// Everything below these suffixes has another owner.
struct Others final : OtherOwners {
    explicit Others(std::vector<std::string> names) {
        for (const std::string& text : names)
            suffixes.push_back(dns::Name::from_text(text).value());
    }
    bool own(const dns::Name& name) const noexcept override {
        return std::ranges::any_of(suffixes, [&](const auto& s) { return name.is_under(s); });
    }
    std::vector<dns::Name> suffixes;
};

struct Judged {
    CheckedReply checked;
    std::vector<std::string> kept;
};

Judged judge(const MessageBuilder& message, std::string_view name, const OtherOwners& others) {
    ReplyIndex index;
    Judged result;
    result.checked = check_reply(message.octets(), wire(name), 1, true, index, {.others = &others});
    result.kept = kept_of(index, result.checked, wire(name), 1);
    return result;
}

MessageBuilder chain(unsigned rcode = 0) {
    return reply("www.pub.example", A, kReply | rcode)
        .answer("www.pub.example", CNAME, 50, wire("lb.west.example"))
        .answer("lb.west.example", CNAME, 40, wire("x.cdn.example"));
}

TEST(ReplyOwners, TheChainIsCutWhereItLeadsToSomebodyElse) {
    const auto message = chain().answer("x.cdn.example", A, 30, address("203.0.113.9"));
    const auto [checked, kept] = judge(message, "www.pub.example", Others({"west.example"}));
    EXPECT_TRUE(checked.leads_away);
    EXPECT_EQ(checked.kind, ReplyKind::nodata);
    EXPECT_EQ(checked.links, 1u);
    EXPECT_EQ(checked.target.to_text(), "lb.west.example");
    EXPECT_EQ(checked.least_ttl, 50u) << "of what is kept";
    EXPECT_FALSE(checked.unrelated) << "nothing wrong with the reply";
    EXPECT_THAT(kept, ElementsAre("www.pub.example 50 CNAME lb.west.example"));

    const auto [last, end] = judge(message, "www.pub.example", Others({"cdn.example"}));
    EXPECT_TRUE(last.leads_away);
    EXPECT_EQ(last.links, 2u);
    EXPECT_EQ(end.size(), 2u);

    const auto [own, all] = judge(message, "www.pub.example", Others({"pub.example", "test"}));
    EXPECT_FALSE(own.leads_away) << "the question itself is the replier's";
    EXPECT_EQ(own.kind, ReplyKind::data);
    EXPECT_EQ(all.size(), 3u);
}

TEST(ReplyOwners, WhatIsSaidOfTheEndOfOthersIsNotBelieved) {
    const auto denied = chain(3).authority("cdn.example", SOA, 300, soa("cdn.example", 20));
    const auto [checked, kept] = judge(denied, "www.pub.example", Others({"cdn.example"}));
    EXPECT_TRUE(checked.leads_away);
    EXPECT_EQ(checked.rcode, dns::Rcode::noerror);
    EXPECT_FALSE(checked.has_soa);
    EXPECT_EQ(kept.size(), 2u);
    const auto [own, all] = judge(denied, "www.pub.example", Others({"test"}));
    EXPECT_EQ(own.kind, ReplyKind::nxdomain);
    EXPECT_TRUE(own.has_soa);
}

TEST(ReplyOwners, DnamesAreCutLikeTheAliasesTheyStandFor) {
    const auto with = [](bool synthesised) {
        auto message =
            reply("a.old.example", A).answer("old.example", DNAME, 50, wire("west.example"));
        if (synthesised) message.answer("a.old.example", CNAME, 50, wire("a.west.example"));
        return message.answer("a.west.example", A, 30, address("203.0.113.9"));
    };
    for (const bool synthesised : {true, false}) {
        const auto [checked, kept] =
            judge(with(synthesised), "a.old.example", Others({"west.example"}));
        EXPECT_TRUE(checked.leads_away);
        EXPECT_THAT(kept, ElementsAre("old.example 50 DNAME west.example",
                                      "a.old.example 50 CNAME a.west.example"));
    }
}

TEST(ReplyOwners, ALoopThroughOthersIsTheirsToClose) {
    const auto message = reply("a.example", A)
                             .answer("a.example", CNAME, 9, wire("b.west.example"))
                             .answer("b.west.example", CNAME, 9, wire("a.example"));
    EXPECT_TRUE(judge(message, "a.example", Others({"west.example"})).checked.leads_away);
    EXPECT_EQ(judge(message, "a.example", Others({"test"})).checked.chain_fault, ChainFault::loop);
}

}  // namespace
}  // namespace peerzone::exchange
