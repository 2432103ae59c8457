#include "server/padding.hpp"

#include <gtest/gtest.h>

#include "support/dns_wire.hpp"

namespace peerzone::server {
namespace {

using peerzone::testing::exact;
using peerzone::testing::Octets;
using peerzone::testing::read_message;

// A header, a question, records of `body` octets in all (0 or at least 13), and OPT with `options`.
Octets reply(std::size_t body, const Octets& options, bool with_opt = true) {
    Octets out = {0, 1, 0x80, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 'a', 0, 0, 16, 0, 1};
    if (body > 0) {
        out[7] = 1;
        const Octets record = {0xc0, 12, 0, 16, 0, 1, 0, 0, 0, 9};
        out.insert(out.end(), record.begin(), record.end());
        out.push_back(static_cast<std::uint8_t>((body - 12) >> 8));
        out.push_back(static_cast<std::uint8_t>(body - 12));
        out.resize(out.size() + body - 12, 1);
    }
    if (!with_opt) return out;
    out[11] = 1;
    const Octets opt = {
        0, 0, 41, 4, 0xd0, 0, 0, 0, 0, 0, static_cast<std::uint8_t>(options.size())};
    out.insert(out.end(), opt.begin(), opt.end());
    out.insert(out.end(), options.begin(), options.end());
    return out;
}

Octets padded(const Octets& message, std::size_t room = 65535) {
    Octets buffer = exact(message);
    buffer.resize(room, 0xee);
    buffer.resize(pad_reply(buffer, message.size()));
    return buffer;
}

TEST(Padding, EveryReplyBecomesWholeBlocks) {
    for (std::size_t body = 13; body < 1500; ++body) {
        const Octets message = reply(body, {});
        const Octets out = padded(message);
        ASSERT_EQ(out.size() % kPaddingBlock, 0u) << body;
        ASSERT_GE(out.size(), message.size() + 4);
        ASSERT_LT(out.size(), message.size() + 4 + kPaddingBlock);
        const auto read = read_message(out);
        ASSERT_TRUE(read && read->opt) << body;
        ASSERT_EQ(read->records.size(), 1u);
        ASSERT_EQ(read->options.size(), out.size() - message.size());
        ASSERT_EQ(load_u16(read->options.data()), 12u);
        ASSERT_EQ(load_u16(read->options.data() + 2), read->options.size() - 4);
        for (std::size_t i = 4; i < read->options.size(); ++i) ASSERT_EQ(read->options[i], 0);
    }
}

TEST(Padding, OtherOptionsStay) {
    const Octets out = padded(reply(0, {0, 11, 0, 2, 0, 100}));
    const auto read = read_message(out);
    ASSERT_TRUE(read && read->opt);
    EXPECT_EQ(out.size(), kPaddingBlock);
    EXPECT_EQ(Octets(read->options.begin(), read->options.begin() + 8),
              (Octets{0, 11, 0, 2, 0, 100, 0, 12}));
}

TEST(Padding, NothingIsAddedWithoutEdnsOrRoom) {
    const Octets plain = reply(40, {}, false);
    EXPECT_EQ(padded(plain), plain);
    const Octets message = reply(40, {});
    EXPECT_EQ(padded(message, 467), message);
    EXPECT_EQ(padded(message, 468).size(), 468u);
    const Octets longest = reply(65535 - 30 - 2, {});
    EXPECT_EQ(padded(longest), longest) << "the next whole block is past 65535";
}

TEST(Padding, WhatIsNoReplyIsLeftAlone) {
    const Octets message = reply(40, {});
    for (std::size_t size = 0; size < message.size(); ++size) {
        const Octets cut(message.begin(), message.begin() + static_cast<std::ptrdiff_t>(size));
        ASSERT_EQ(padded(cut), cut) << size;
    }
}

}  // namespace
}  // namespace peerzone::server
