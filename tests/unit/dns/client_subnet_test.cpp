// EDNS Client Subnet in queries and replies: its form, and the room that its echo takes.
#include "support/client_subnet.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "support/dns_reply.hpp"

namespace peerzone::dns {
namespace {

using testing::edns_query;
using testing::exact;
using testing::find_option;
using testing::Octets;
using testing::question;
using testing::read_message;
using testing::Replier;
using testing::subnet_data;
using testing::subnet_option;
using testing::Wire;

Query with_options(const Octets& options, Verdict verdict = Verdict::ok) {
    const Octets message = question("a.b", type::a, 1).opt(1232, 0, options).octets();
    Query query;
    EXPECT_EQ(parse_query(message, query), verdict);
    return query;
}
SubnetState state_of(const Octets& data) {
    return with_options(subnet_option(Bytes(data))).subnet_state;
}

/// A query whose reply echoes the option.
Query answered(std::string_view name, const Octets& data, std::uint8_t scope,
               unsigned size = 1232) {
    Query query = edns_query(name, type::a, size, subnet_option(Bytes(data)));
    EXPECT_EQ(query.subnet_state, SubnetState::asked);
    query.subnet_state = SubnetState::answered;
    query.subnet.scope_length = scope;
    return query;
}

TEST(ClientSubnet, IsReadFromTheQuery) {
    const Query four = with_options(subnet_option("10.1.2.0/24"));
    EXPECT_EQ(four.subnet_state, SubnetState::asked);
    EXPECT_EQ(four.subnet.prefix().to_text(), "10.1.2.0/24");
    EXPECT_TRUE(four.subnet.gives_address());
    const Query six = with_options(subnet_option("2001:db8:4000::/34"));
    EXPECT_EQ(six.subnet_state, SubnetState::asked);
    EXPECT_EQ(six.subnet.prefix().to_text(), "2001:db8:4000::/34");
    EXPECT_EQ(with_options({}).subnet_state, SubnetState::none);
    EXPECT_EQ(with_options({0, 10, 0, 4, 0, 8, 0, 0}).subnet_state, SubnetState::none)
        << "data of another option";
}

/// As many ones as the length says.
Octets all_ones(unsigned family, unsigned length) {
    Octets data = Wire().u16(family).u8(length).u8(0).octets();
    data.resize(4 + (length + 7) / 8, 0xff);
    if (length % 8 != 0) data.back() = static_cast<std::uint8_t>(0xff00 >> length % 8);
    return data;
}

template <class Check>
void for_each_length(Check&& check) {
    for (const unsigned family : {1u, 2u})
        for (unsigned length = 0; length <= (family == 1 ? 32u : 128u); ++length)
            check(length, all_ones(family, length));
}

TEST(ClientSubnet, EveryLengthOfEitherFamilyIsTaken) {
    for_each_length([](unsigned length, const Octets& data) {
        const Query query = with_options(subnet_option(Bytes(data)));
        ASSERT_EQ(query.subnet_state, SubnetState::asked) << length;
        ASSERT_EQ(query.subnet.source_length, length);
        ASSERT_EQ(query.subnet.address_size(), data.size() - 4);
        ASSERT_EQ(query.subnet.gives_address(), length != 0);
        Octets octets(data.begin() + 4, data.end());
        octets.resize(16);
        ASSERT_TRUE(std::equal(octets.begin(), octets.end(), query.subnet.octets.begin()));
    });
}

TEST(ClientSubnet, OneBitOrOctetTooManyOrTooFewIsMalformed) {
    for_each_length([](unsigned length, const Octets& data) {
        for (unsigned bit = length % 8; bit % 8 != 0; ++bit) {
            Octets longer = data;
            longer.back() = static_cast<std::uint8_t>(longer.back() | 0x80 >> bit);
            ASSERT_EQ(state_of(longer), SubnetState::malformed) << length << " bit " << bit;
        }
        Octets other = data;
        other.push_back(0);
        ASSERT_EQ(state_of(other), SubnetState::malformed) << length;
        other.resize(data.size() - 1);
        ASSERT_EQ(state_of(other), SubnetState::malformed) << length;
    });
}

TEST(ClientSubnet, LengthsBeyondTheirFamilyAreMalformed) {
    for (const unsigned length : {33u, 40u, 128u, 255u}) {
        Octets data = Wire().u16(1).u8(length).u8(0).octets();
        data.resize(4 + (length + 7) / 8);
        EXPECT_EQ(state_of(data), SubnetState::malformed) << length;
    }
    for (const unsigned length : {129u, 136u, 255u}) {
        Octets data = Wire().u16(2).u8(length).u8(0).octets();
        data.resize(4 + (length + 7) / 8);
        EXPECT_EQ(state_of(data), SubnetState::malformed) << length;
    }
}

// RFC 7871 7.2.1: "an unknown FAMILY".
TEST(ClientSubnet, OtherFamiliesAreMalformed) {
    for (const unsigned family : {3u, 16u, 256u, 257u, 258u, 65535u})
        for (const unsigned length : {0u, 24u}) {
            Octets data = Wire().u16(family).u8(length).u8(0).octets();
            data.resize(4 + length / 8);
            EXPECT_EQ(state_of(data), SubnetState::malformed) << family << ' ' << length;
        }
}

TEST(ClientSubnet, FamilyZeroGoesWithoutAnAddress) {
    const Query query = with_options(subnet_option(Bytes(Octets{0, 0, 0, 0})));
    EXPECT_EQ(query.subnet_state, SubnetState::asked);
    EXPECT_FALSE(query.subnet.gives_address());
    EXPECT_EQ(state_of({0, 0, 8, 0, 10}), SubnetState::malformed);
    EXPECT_EQ(state_of({0, 0, 0, 0, 10}), SubnetState::malformed);
}

TEST(ClientSubnet, AScopeInAQueryIsMalformed) {
    for (const unsigned scope : {1u, 24u, 32u, 255u})
        EXPECT_EQ(state_of(subnet_data("10.1.2.0/24", scope)), SubnetState::malformed) << scope;
}

TEST(ClientSubnet, EveryShorterOptionIsMalformed) {
    const Octets whole = subnet_data("2001:db8::/56");
    for (std::size_t size = 0; size < whole.size(); ++size)
        EXPECT_EQ(state_of(exact(Bytes(whole).first(size))), SubnetState::malformed) << size;
}

TEST(ClientSubnet, AnOptionThatEndsBehindItsRecordIsNoMessage) {
    Octets option = subnet_option("10.1.2.0/24");
    option.pop_back();
    with_options(option, Verdict::formerr);
}

TEST(ClientSubnet, TwoAreMalformedInAnyOrder) {
    const Octets good = subnet_option("10.1.2.0/24");
    const Octets bad = subnet_option(Bytes(Octets{0, 1, 33, 0}));
    for (const Octets* first : {&good, &bad})
        for (const Octets* second : {&good, &bad}) {
            Octets both = *first;
            both.insert(both.end(), {0, 10, 0, 1, 7});  // another option between them
            both.insert(both.end(), second->begin(), second->end());
            EXPECT_EQ(with_options(both).subnet_state, SubnetState::malformed);
            both.insert(both.end(), good.begin(), good.end());
            EXPECT_EQ(with_options(both).subnet_state, SubnetState::malformed) << "nor three";
        }
}

TEST(ClientSubnet, AQueryThatIsUsedAgainForgetsIt) {
    const Octets with =
        question("a", type::a, 1).opt(1232, 0, subnet_option("10.0.0.0/8")).octets();
    for (const Wire& next : {question("a", type::a), question("a", type::a, 1).opt(1232, 0),
                             Wire().header(1, 0x2800, 0), question("a", type::tsig)}) {
        Query query;
        ASSERT_EQ(parse_query(with, query), Verdict::ok);
        parse_query(next.octets(), query);
        EXPECT_EQ(query.subnet_state, SubnetState::none);
    }
}

TEST(ClientSubnet, OptionsOfAHigherVersionAreNotRead) {
    const Octets message =
        question("a", type::a, 1).opt(1232, 1u << 16, subnet_option("10.0.0.0/8")).octets();
    Query query;
    EXPECT_EQ(parse_query(message, query), Verdict::badvers);
    EXPECT_EQ(query.subnet_state, SubnetState::none);
}

TEST(ClientSubnet, GoesWithACopy) {
    const Query query = answered("a", subnet_data("10.1.2.0/23"), 16);
    const Query copy = query;
    EXPECT_EQ(copy.subnet_state, SubnetState::answered);
    EXPECT_EQ(copy.subnet.prefix().to_text(), "10.1.2.0/23");
    EXPECT_EQ(copy.subnet.scope_length, 16);
    Query other = copy;
    other = edns_query("a");
    EXPECT_EQ(other.subnet_state, SubnetState::none);
}

TEST(ClientSubnet, IsEchoedWithItsScopeOnlyWhenAnswered) {
    for (const char* text :
         {"10.1.2.0/24", "10.0.0.0/7", "0.0.0.0/0", "fd00:1::/32", "::1", "::/0"}) {
        const Octets data = subnet_data(text);
        const Query query = answered("a", data, 17);
        Octets message(512, 0xee);
        const std::size_t size = write_empty_reply(message, query, {}, 512);
        const auto reply = read_message(Bytes(message).first(size));
        ASSERT_TRUE(reply) << text;
        EXPECT_EQ(find_option(reply->options, option::client_subnet), subnet_data(text, 17));
        EXPECT_EQ(reply->options.size(), 4 + data.size()) << "and nothing else";

        const Query asked = edns_query("a", type::a, 1232, subnet_option(Bytes(data)));
        const std::size_t without = write_empty_reply(message, asked, {}, 512);
        EXPECT_TRUE(read_message(Bytes(message).first(without))->options.empty()) << text;
    }
}

TEST(ClientSubnet, StandsBesideTheOtherOptions) {
    const Query query = answered("a", subnet_data("fd00:1::/48"), 48);
    const ExtendedError error{.code = 22, .text = "down"};
    const ReplyOptions options{.keepalive_100ms = 7};
    Octets message(512, 0xee);
    const std::size_t size = write_empty_reply(
        message, query, {.rcode = Rcode::servfail, .error = &error, .options = &options}, 512);
    const auto reply = read_message(Bytes(message).first(size));
    ASSERT_TRUE(reply);
    EXPECT_EQ(find_option(reply->options, option::client_subnet), subnet_data("fd00:1::/48", 48));
    EXPECT_EQ(find_option(reply->options, option::tcp_keepalive), (Octets{0, 7}));
    EXPECT_EQ(find_option(reply->options, option::ede), Wire().u16(22).text("down").octets());
}

TEST(ClientSubnet, TheBodyLeavesRoomForIt) {
    EXPECT_EQ(body_limit(edns_query("a", type::a, 1232, subnet_option("10.1.2.0/24")), true), 1221u)
        << "nothing for an option that is not echoed";
    EXPECT_EQ(body_limit(answered("a", subnet_data("10.1.2.0/24"), 24), true), 1221u - 11);
    EXPECT_EQ(body_limit(answered("a", subnet_data("::1"), 128), true), 1221u - 24);
    EXPECT_EQ(body_limit(answered("a", subnet_data("0.0.0.0/0"), 0), false), 65524u - 8);
}

// At each limit: whole records, within the limit, TC exactly when some are missing, and the option
// whatever else there is.
TEST(ClientSubnet, IsNeverWhatIsCut) {
    const Octets data = subnet_data("2001:db8::1");
    const Query query = answered("q", data, 128);
    const ExtendedError error{.code = 3, .text = "a text that gives way to everything else"};
    Replier replier(query);
    for (unsigned i = 0; i < 20; ++i) ASSERT_TRUE(replier.a(Section::answer, "q", i));
    const std::size_t before = replier.body_offset();
    const std::size_t opt = kOptSize + 4 + data.size();
    for (std::size_t limit = before + opt; limit < before + opt + 20 * 16 + 60; ++limit) {
        const Octets message = replier.finish(limit, {.error = &error});
        ASSERT_LE(message.size(), limit);
        const auto reply = read_message(message);
        ASSERT_TRUE(reply) << limit;
        ASSERT_EQ(find_option(reply->options, option::client_subnet),
                  subnet_data("2001:db8::1", 128))
            << limit;
        ASSERT_EQ(reply->count(1), std::min<std::size_t>((limit - before - opt) / 16, 20)) << limit;
        ASSERT_EQ(reply->truncated(), reply->count(1) < 20) << limit;
    }
}

TEST(ClientSubnet, TheLongestQuestionFitsItInto512Octets) {
    std::string longest;
    for (int i = 0; i < 126; ++i) longest += "x.";
    longest += "y";
    const Query query = answered(longest, subnet_data("::1"), 128, 512);
    Octets message(512, 0xee);
    const std::size_t size = write_empty_reply(message, query, {.rcode = Rcode::refused}, 512);
    const auto reply = read_message(Bytes(message).first(size));
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->qname->size(), 255u);
    EXPECT_EQ(find_option(reply->options, option::client_subnet), subnet_data("::1", 128));
}

TEST(ClientSubnet, AWriterWithItsLimitLosesNothingAtTheEnd) {
    const Query query = answered("q", subnet_data("10.1.2.0/24"), 24);
    Replier replier(query, 2000, body_limit(query, true));
    unsigned added = 0;
    while (replier.a(Section::answer, "q", added)) ++added;
    const auto reply = read_message(replier.finish(size_limit(query, true)));
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->count(1), added);
}

}  // namespace
}  // namespace peerzone::dns
