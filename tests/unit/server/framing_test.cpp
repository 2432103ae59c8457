#include "server/framing.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace peerzone::server {
namespace {

using Octets = std::vector<std::uint8_t>;
using Next = FrameReader::Next;

Octets message(std::size_t size, std::uint8_t first) {
    Octets out(size);
    for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<std::uint8_t>(first + i);
    return out;
}

void append_framed(Octets& stream, const Octets& one) {
    stream.push_back(static_cast<std::uint8_t>(one.size() >> 8));
    stream.push_back(static_cast<std::uint8_t>(one.size()));
    stream.insert(stream.end(), one.begin(), one.end());
}

// Feeds one read the way a session does, in memory that is gone afterwards, and takes every whole
// message.
Next read_once(FrameReader& reader, Bytes part, std::vector<Octets>& out) {
    Octets scratch(part.begin(), part.end());
    reader.feed(scratch);
    Bytes found;
    Next next;
    while ((next = reader.next(found)) == Next::message)
        out.emplace_back(found.begin(), found.end());
    reader.keep_rest();
    std::fill(scratch.begin(), scratch.end(), std::uint8_t{0xdd});
    return next;
}

TEST(FrameReader, FindsTheMessageOfOneRead) {
    Octets stream;
    append_framed(stream, message(12, 1));
    FrameReader reader;
    std::vector<Octets> out;
    EXPECT_EQ(read_once(reader, stream, out), Next::incomplete);
    ASSERT_EQ(out.size(), 1u);
    EXPECT_EQ(out[0], message(12, 1));
    EXPECT_EQ(reader.pending_bytes(), 0u);
    EXPECT_EQ(reader.reserved_bytes(), 0u) << "a message that is whole in one read is not copied";
}

TEST(FrameReader, FindsManyMessagesInOneReadAndKeepsTheCutOne) {
    Octets stream;
    for (std::uint8_t i = 0; i < 100; ++i) append_framed(stream, message(12u + i, i));
    append_framed(stream, message(40, 7));
    FrameReader reader;
    std::vector<Octets> out;
    EXPECT_EQ(read_once(reader, Bytes{stream}.first(stream.size() - 3), out), Next::incomplete);
    ASSERT_EQ(out.size(), 100u);
    for (std::uint8_t i = 0; i < 100; ++i) EXPECT_EQ(out[i], message(12u + i, i));
    EXPECT_EQ(reader.pending_bytes(), 39u);
    read_once(reader, Bytes{stream}.last(3), out);
    ASSERT_EQ(out.size(), 101u);
    EXPECT_EQ(out[100], message(40, 7));
}

TEST(FrameReader, TakesOneOctetAtATime) {
    Octets stream;
    append_framed(stream, message(12, 1));
    append_framed(stream, message(300, 2));
    FrameReader reader;
    std::vector<Octets> out;
    for (std::size_t i = 0; i < stream.size(); ++i) {
        EXPECT_EQ(read_once(reader, Bytes{stream}.subspan(i, 1), out), Next::incomplete);
        EXPECT_EQ(out.size(), i < 13 ? 0u : i < stream.size() - 1 ? 1u : 2u) << i;
    }
    EXPECT_EQ(out[0], message(12, 1));
    EXPECT_EQ(out[1], message(300, 2));
}

TEST(FrameReader, TakesTheLongestMessageInPieces) {
    Octets stream;
    append_framed(stream, message(65535, 3));
    append_framed(stream, message(65535, 4));
    FrameReader reader;
    std::vector<Octets> out;
    std::size_t most = 0;
    for (std::size_t at = 0; at < stream.size(); at += 16384) {
        read_once(reader,
                  Bytes{stream}.subspan(at, std::min<std::size_t>(16384, stream.size() - at)), out);
        most = std::max(most, reader.pending_bytes());
    }
    ASSERT_EQ(out.size(), 2u);
    EXPECT_EQ(out[0], message(65535, 3));
    EXPECT_EQ(out[1], message(65535, 4));
    EXPECT_LT(most, 65537u);
}

TEST(FrameReader, TakesAnyCutOfAnyStream) {
    std::mt19937 random(7);
    for (int round = 0; round < 200; ++round) {
        Octets stream;
        std::vector<Octets> sent;
        for (int i = 0; i < 20; ++i) {
            sent.push_back(
                message(12 + random() % (i % 5 == 0 ? 3000 : 60), static_cast<std::uint8_t>(i)));
            append_framed(stream, sent.back());
        }
        FrameReader reader;
        std::vector<Octets> out;
        for (std::size_t at = 0; at < stream.size();) {
            const std::size_t size = std::min<std::size_t>(1 + random() % 700, stream.size() - at);
            read_once(reader, Bytes{stream}.subspan(at, size), out);
            at += size;
        }
        EXPECT_EQ(out, sent);
        EXPECT_EQ(reader.pending_bytes(), 0u);
    }
}

TEST(FrameReader, GoesOnAfterItsUserPausedInTheMiddleOfARead) {
    Octets stream;
    for (std::uint8_t i = 0; i < 5; ++i) append_framed(stream, message(20, i));
    FrameReader reader;
    Bytes found;
    {
        Octets scratch = stream;
        reader.feed(scratch);
        ASSERT_EQ(reader.next(found), Next::message);
        ASSERT_EQ(reader.next(found), Next::message);
        reader.keep_rest();
    }
    EXPECT_EQ(reader.pending_bytes(), 3 * 22u);
    ASSERT_EQ(reader.next(found), Next::message);
    EXPECT_TRUE(std::ranges::equal(found, message(20, 2)));
    std::vector<Octets> out;
    read_once(reader, Bytes{stream}.first(10), out);
    ASSERT_EQ(out.size(), 2u);
    EXPECT_EQ(out[1], message(20, 4));
    EXPECT_EQ(reader.pending_bytes(), 10u);
}

TEST(FrameReader, RefusesEveryLengthBelowAHeader) {
    for (std::uint8_t length = 0; length < 12; ++length) {
        Octets stream;
        append_framed(stream, message(12, 1));
        stream.push_back(0);
        stream.push_back(length);
        append_framed(stream, message(12, 2));
        FrameReader reader;
        std::vector<Octets> out;
        EXPECT_EQ(read_once(reader, stream, out), Next::bad) << int{length};
        EXPECT_EQ(out.size(), 1u) << "what came before counts";
        EXPECT_EQ(reader.pending_bytes(), 0u);
        EXPECT_EQ(read_once(reader, stream, out), Next::bad) << "and nothing after it";
        EXPECT_EQ(out.size(), 1u);
    }
}

TEST(FrameReader, HoldsNoMemoryForALengthThatWasOnlyAnnounced) {
    FrameReader reader;
    std::vector<Octets> out;
    const Octets start = {0xff, 0xff, 1, 2, 3};
    EXPECT_EQ(read_once(reader, start, out), Next::incomplete);
    EXPECT_LT(reader.reserved_bytes(), 64u);
}

TEST(FrameReader, GivesMemoryBackButKeepsTheBeginningOfAMessage) {
    Octets stream;
    append_framed(stream, message(60000, 3));
    append_framed(stream, message(50, 4));
    FrameReader reader;
    std::vector<Octets> out;
    read_once(reader, Bytes{stream}.first(40000), out);
    read_once(reader, Bytes{stream}.subspan(40000, 20002 + 12), out);
    ASSERT_EQ(out.size(), 1u);
    ASSERT_GT(reader.reserved_bytes(), 40000u);
    reader.shrink();
    EXPECT_LT(reader.reserved_bytes(), 64u);
    EXPECT_EQ(reader.pending_bytes(), 12u);
    read_once(reader, Bytes{stream}.last(40), out);
    ASSERT_EQ(out.size(), 2u);
    EXPECT_EQ(out[1], message(50, 4));
    reader.shrink();
    EXPECT_EQ(reader.reserved_bytes(), 0u);
}

TEST(ReplyQueue, FramesAndJoinsReplies) {
    ReplyQueue queue;
    EXPECT_TRUE(queue.empty());
    Octets expected;
    for (std::uint8_t i = 0; i < 10; ++i) {
        queue.append(message(12u + i, i));
        append_framed(expected, message(12u + i, i));
    }
    EXPECT_TRUE(std::ranges::equal(queue.pending(), expected));
    EXPECT_EQ(queue.size_bytes(), expected.size());
}

TEST(ReplyQueue, KeepsOrderHoweverTheSocketTakesThem) {
    std::mt19937 random(11);
    ReplyQueue queue;
    Octets expected;
    Octets taken;
    std::size_t largest = 0;
    for (int i = 0; i < 2000; ++i) {
        const Octets reply = message(12 + random() % 400, static_cast<std::uint8_t>(i));
        queue.append(reply);
        append_framed(expected, reply);
        const Bytes pending = queue.pending();
        const std::size_t size = std::min<std::size_t>(pending.size(), random() % 600);
        taken.insert(taken.end(), pending.begin(),
                     pending.begin() + static_cast<std::ptrdiff_t>(size));
        queue.consume(size);
        EXPECT_EQ(queue.size_bytes(), expected.size() - taken.size());
        largest = std::max(largest, queue.size_bytes());
    }
    const Bytes rest = queue.pending();
    taken.insert(taken.end(), rest.begin(), rest.end());
    queue.consume(rest.size());
    EXPECT_EQ(taken, expected);
    EXPECT_TRUE(queue.empty());
    EXPECT_LT(queue.reserved_bytes(), 6 * largest + 4096) << "what was sent does not pile up";
}

TEST(ReplyQueue, GivesLargeMemoryBackAtOnceAndTheRestWhenAsked) {
    ReplyQueue queue;
    queue.append(message(100, 1));
    queue.shrink();
    EXPECT_EQ(queue.size_bytes(), 102u) << "never what is pending";
    queue.consume(102);
    EXPECT_GT(queue.reserved_bytes(), 0u);
    queue.shrink();
    EXPECT_EQ(queue.reserved_bytes(), 0u);
    for (int i = 0; i < 3; ++i) queue.append(message(65535, 1));
    queue.consume(queue.size_bytes());
    EXPECT_EQ(queue.reserved_bytes(), 0u);
}

}  // namespace
}  // namespace peerzone::server
