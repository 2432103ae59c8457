#include "judge.hpp"

#include <cstring>

namespace peerzone::bench {
namespace {

constexpr std::uint64_t kSampleEvery = 32;

// Behind the name at `at`; 0 when it does not end within the message.
std::size_t skip_name(Octets message, std::size_t at) noexcept {
    while (at < message.size()) {
        if (message[at] == 0) return at + 1;
        if (message[at] >= 0xc0) return at + 2;
        at += message[at] + 1u;
    }
    return 0;
}

struct Record {
    std::uint16_t type = 0;
    std::size_t data = 0;  // offset
    std::size_t size = 0;
};

// Reads the record at `at` and moves behind it. False: it does not fit.
bool read_record(Octets message, std::size_t& at, Record& record) noexcept {
    at = skip_name(message, at);
    if (at == 0 || at + 10 > message.size()) return false;
    record = {read16(&message[at]), at + 10, read16(&message[at + 8])};
    at = record.data + record.size;
    return at <= message.size();
}

unsigned answers_of(SyntheticAnswer expected) noexcept {
    switch (expected) {
        case SyntheticAnswer::address:
        case SyntheticAnswer::count: return 1;
        case SyntheticAnswer::addresses: return kBigAddresses;
        case SyntheticAnswer::services: return kSrvTargets;
        default: return 0;
    }
}

bool same_folded(Octets a, const std::uint8_t* b) noexcept {
    for (std::size_t i = 0; i < a.size(); ++i)
        if (a[i] != b[i] && ((a[i] ^ b[i]) != 0x20)) return false;
    return true;
}

}  // namespace

void Judge::take(Octets asked, SyntheticAnswer expected, Octets reply) noexcept {
    ++tally.answers;
    ++tally.rcodes[reply[3] & 15u];
    if (echo_) return;
    bool right = reply.size() >= asked.size() - 11 && header_right(expected, reply.data());
    if (right && tally.answers % kSampleEvery == 0) {
        ++tally.sampled;
        right = records_right(asked, expected, reply);
    }
    if (!right) ++tally.wrong;
}

bool Judge::header_right(SyntheticAnswer expected, const std::uint8_t* reply) const noexcept {
    const unsigned rcode = expected == SyntheticAnswer::no_such_name ? 3 : 0;
    const bool response = reply[2] & 0x80, truncated = reply[2] & 0x02;
    return response && !truncated && (reply[3] & 15u) == rcode && read16(reply + 4) == 1 &&
           read16(reply + 6) == answers_of(expected);
}

bool Judge::records_right(Octets asked, SyntheticAnswer expected, Octets reply) noexcept {
    const Octets name = question_name(asked);
    const std::size_t question_end = kHeader + name.size() + 4;
    if (reply.size() < question_end || !same_folded(name, &reply[kHeader])) return false;
    if (std::memcmp(&asked[question_end - 4], &reply[question_end - 4], 4) != 0) return false;

    // The order of a set is the server's own: sums do not depend on it.
    const unsigned count = answers_of(expected);
    std::uint64_t sum = 0, wanted = 0;
    for (unsigned i = 0; i < count; ++i)
        wanted += expected == SyntheticAnswer::services ? kSrvPort + std::uint64_t{'0' + i}
                                                        : std::uint64_t{address_of(name)} + i;
    std::size_t at = question_end;
    Record record;
    for (unsigned i = 0; i < count; ++i) {
        if (!read_record(reply, at, record)) return false;
        const std::uint8_t* data = &reply[record.data];
        if (record.type == kTypeA && record.size == 4) sum += read32(data);
        if (record.type == kTypeSrv && record.size > 9)
            sum += read16(data + 4) + std::uint64_t{data[8]};
    }
    if (sum != wanted) return false;
    const unsigned rest = read16(&reply[8]) + read16(&reply[10]);
    for (unsigned i = 0; i < rest; ++i) {
        if (!read_record(reply, at, record)) return false;
        if (record.type == kTypeA) ++tally.additionals;
    }
    return at == reply.size();
}

}  // namespace peerzone::bench
