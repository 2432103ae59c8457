#include "server/tls_wire.hpp"

#include <gtest/gtest.h>
#include <openssl/bio.h>
#include <sys/socket.h>

#include <array>
#include <cstring>
#include <memory>
#include <string>

#include "peerzone/base/fd.hpp"

namespace peerzone::server {
namespace {

class TlsWireTest : public testing::Test {
protected:
    TlsWireTest() {
        std::array<int, 2> ends{};
        // Packets keep their borders: what leaves together arrives together.
        EXPECT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, ends.data()), 0);
        ours_ = Fd(ends[0]);
        theirs_ = Fd(ends[1]);
        wire_ = std::make_unique<TlsWire>(ours_.get());
        bio_.reset(wire_->new_bio());
    }
    std::string arrived() {
        std::array<char, 64> octets{};
        const ssize_t got = ::recv(theirs_.get(), octets.data(), octets.size(), 0);
        return got < 0 ? "nothing" : std::string(octets.data(), static_cast<std::size_t>(got));
    }
    std::string read(int size) {
        std::array<char, 64> octets{};
        const int got = BIO_read(bio_.get(), octets.data(), size);
        if (got <= 0) return BIO_should_retry(bio_.get()) ? "later" : "failed";
        return std::string(octets.data(), static_cast<std::size_t>(got));
    }
    bool write(const char* text) {
        const int size = static_cast<int>(std::strlen(text));
        return BIO_write(bio_.get(), text, size) == size;
    }
    void say(const char* text) { ::send(theirs_.get(), text, std::strlen(text), MSG_NOSIGNAL); }

    Fd ours_;
    Fd theirs_;
    std::unique_ptr<TlsWire> wire_;
    std::unique_ptr<BIO, int (*)(BIO*)> bio_{nullptr, BIO_free};
};

// OpenSSL goes on reading by itself while records carry no data, so the wire has to end the turn.
TEST_F(TlsWireTest, OneTurnReadsABoundedNumberOfOctets) {
    constexpr std::size_t kPacket = 16 * 1024;
    const std::string packet(kPacket, 'x');
    std::string octets(kPacket, 0);
    const auto turn = [&] {
        std::size_t total = 0;
        wire_->begin_input();
        for (;;) {
            // There is always more, and no read comes back short.
            ::send(theirs_.get(), packet.data(), kPacket, MSG_NOSIGNAL);
            const int got = BIO_read(bio_.get(), octets.data(), static_cast<int>(kPacket));
            if (got <= 0) break;
            total += static_cast<std::size_t>(got);
            if (total > 1024 * 1024) break;
        }
        EXPECT_TRUE(BIO_should_retry(bio_.get()));
        wire_->end_input();
        return total;
    };
    EXPECT_EQ(turn(), 64u * 1024);
    EXPECT_EQ(turn(), 64u * 1024) << "the next turn goes on";
}

TEST_F(TlsWireTest, WhatIsGatheredLeavesWithTheNextWrite) {
    wire_->begin_input();
    EXPECT_TRUE(write("ticket "));
    wire_->end_input();
    EXPECT_TRUE(wire_->has_gathered());
    EXPECT_EQ(arrived(), "nothing");
    EXPECT_TRUE(write("reply"));
    EXPECT_EQ(arrived(), "ticket reply");
    EXPECT_FALSE(wire_->has_gathered());
}

TEST_F(TlsWireTest, WhatIsGatheredLeavesWithAFlush) {
    wire_->begin_input();
    EXPECT_TRUE(write("one "));
    EXPECT_TRUE(write("two"));
    wire_->end_input();
    wire_->flush();
    EXPECT_EQ(arrived(), "one two");
    wire_->flush();
    EXPECT_EQ(arrived(), "nothing");
}

TEST_F(TlsWireTest, AfterAShortReadTheSocketIsAskedNextTurn) {
    say("first");
    say("second");
    wire_->begin_input();
    EXPECT_EQ(read(64), "first");
    EXPECT_EQ(read(64), "later");
    wire_->begin_input();
    EXPECT_EQ(read(6), "second") << "and a full read is not the last";
    EXPECT_EQ(read(64), "later");
}

TEST_F(TlsWireTest, OctetsThatWereReadBeforeComeFirst) {
    const std::array<std::uint8_t, 2> head = {'a', 'b'};
    say("c");
    wire_->begin_input();
    wire_->put_first(head, false);
    EXPECT_EQ(read(64), "ab");
    EXPECT_EQ(read(64), "c");
}

TEST_F(TlsWireTest, OfABrokenSocketNothingStaysGathered) {
    wire_->begin_input();
    EXPECT_TRUE(write("ticket"));
    wire_->end_input();
    theirs_.reset();
    wire_->flush();
    EXPECT_FALSE(wire_->has_gathered());
    wire_->begin_input();
    EXPECT_EQ(read(64), "failed");
    EXPECT_EQ(BIO_eof(bio_.get()), 1);
}

}  // namespace
}  // namespace peerzone::server
