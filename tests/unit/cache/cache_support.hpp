// What the cache's tests share: names, keys and bodies made the way the resolver makes them, and a
// look at the heap.
#pragma once

#include <gtest/gtest.h>
#include <malloc.h>

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "peerzone/cache/cache.hpp"
#include "peerzone/dns/name.hpp"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
extern "C" std::size_t __sanitizer_get_current_allocated_bytes();
#endif

namespace peerzone::cache::testing {

using namespace std::chrono_literals;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kSanitized = true;
/// Octets on the heap, by the allocator's own books.
inline std::size_t heap_in_use() {
    return __sanitizer_get_current_allocated_bytes();
}
#else
inline constexpr bool kSanitized = false;
inline std::size_t heap_in_use() {
    const auto info = mallinfo2();
    return info.uordblks + info.hblkhd;
}
#endif

inline const Time kStart = Time{} + 1000h;

/// Owns the name that a Key points to.
struct Question {
    dns::Name name;
    std::uint16_t type = dns::type::a;
    std::uint32_t scope = 0;
    bool dnssec_ok = false;
    bool checking_disabled = false;

    explicit Question(std::string_view text) : name(dns::Name::from_text(text).value().folded()) {}
    /// "n0000012.cockroachdb.westus.svc.cluster.local" and the like: 41 octets of wire form.
    explicit Question(std::uint64_t number) {
        std::array<std::uint8_t, 41> wire{};
        constexpr std::string_view rest("\6westus\3svc\7cluster\5local\0\0\0\0", 27);
        static_assert(rest.size() == 27);
        wire[0] = 13;
        for (std::size_t i = 13; i >= 1; --i, number /= 10)
            wire[i] = static_cast<std::uint8_t>('0' + number % 10);
        for (std::size_t i = 0; i < 26; ++i) wire[14 + i] = static_cast<std::uint8_t>(rest[i]);
        wire[40] = 0;
        name = dns::Name::from_checked(wire);
    }

    Key key(Kind kind = Kind::answer) const {
        return {name.wire(),
                dns::hash_folded(name.wire()),
                kind == Kind::nxdomain ? std::uint16_t{0} : type,
                scope,
                dnssec_ok,
                checking_disabled,
                kind};
    }
};

/// A body behind one question, built in a message of its own.
class BodyText {
public:
    explicit BodyText(const dns::Name& name, std::size_t limit = dns::kMessageMax)
        : message_(limit), name_(name), writer_(message_, limit, name_.wire()) {}
    BodyText(const BodyText&) = delete;
    BodyText& operator=(const BodyText&) = delete;

    BodyText& a(std::uint32_t ttl, std::uint32_t address, const dns::Name* owner = nullptr) {
        std::array<std::uint8_t, 4> rdata{};
        store_u32(rdata.data(), address);
        EXPECT_TRUE(writer_.add(dns::Section::answer, (owner != nullptr ? *owner : name_).wire(),
                                dns::type::a, ttl, rdata));
        return *this;
    }
    BodyText& cname(std::uint32_t ttl, const dns::Name& target) {
        EXPECT_TRUE(
            writer_.add(dns::Section::answer, name_.wire(), dns::type::cname, ttl, target.wire()));
        return *this;
    }
    BodyText& soa(std::uint32_t ttl, const dns::Name& zone) {
        std::vector<std::uint8_t> rdata(22, 0);  // two root names and five numbers
        rdata[21] = 5;
        EXPECT_TRUE(writer_.add(dns::Section::authority, zone.wire(), dns::type::soa, ttl, rdata));
        return *this;
    }

    Value value(Duration lifetime, dns::Rcode rcode = dns::Rcode::noerror) const {
        Value value;
        value.body = writer_.body();
        value.info = writer_.info();
        value.rcode = rcode;
        value.lifetime = lifetime;
        return value;
    }

private:
    std::vector<std::uint8_t> message_;
    dns::Name name_;
    dns::BodyWriter writer_;
};

/// The usual A answer's 16 octets (a pointer to the question as owner), cheap enough for floods.
struct PlainA {
    std::array<std::uint8_t, 16> octets{0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 10, 0, 0, 1};

    explicit PlainA(std::uint32_t ttl = 60, std::uint32_t address = 0x0a000001) {
        store_u32(octets.data() + 6, ttl);
        store_u32(octets.data() + 12, address);
    }
    Value value(Duration lifetime, dns::Rcode rcode = dns::Rcode::noerror) const {
        Value value;
        value.body = octets;
        value.info.size = octets.size();
        value.info.counts[0] = 1;
        value.rcode = rcode;
        value.lifetime = lifetime;
        return value;
    }
};

/// A cache, a clock and a buffer.
struct Fixture : ::testing::Test {
    Cache cache{Options{}};
    Time now = kStart;
    std::vector<std::uint8_t> out = std::vector<std::uint8_t>(65535);
    Hit hit{};

    bool find(const Key& key) { return cache.find(key, now, out, hit); }
    /// The TTLs of what the last hit copied, by a walk of its own.
    std::vector<std::uint32_t> ttls() const {
        std::vector<std::uint32_t> result;
        for (std::size_t at = 0; at < hit.info.size;) {
            while (out[at] != 0 && out[at] < 0xc0) at += out[at] + 1u;
            at += out[at] == 0 ? 1 : 2;
            result.push_back(load_u32(out.data() + at + 4));
            at += 10u + load_u16(out.data() + at + 8);
        }
        return result;
    }
};

}  // namespace peerzone::cache::testing
