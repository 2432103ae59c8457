#include "simulation/servers.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "simulation/plan.hpp"

namespace peerzone::simulation {
namespace {

constexpr unsigned kLinksPerReply = 5;
constexpr unsigned kChainEnd = 30;

bool is_number_label(std::string_view label) {
    return label.size() > 1 && label[0] == 's' &&
           std::ranges::all_of(label.substr(1), [](char c) { return c >= '0' && c <= '9'; });
}

/// Without the numbers in front.
std::string base_of(std::string_view name) {
    while (true) {
        const std::size_t dot = name.find('.');
        if (dot == std::string_view::npos || !is_number_label(name.substr(0, dot)))
            return std::string(name);
        name.remove_prefix(dot + 1);
    }
}

/// "loop2.b.test" → 2
std::optional<unsigned> numbered(std::string_view name, std::string_view word) {
    if (!name.starts_with(word)) return std::nullopt;
    name = name.substr(word.size(), name.find('.') - word.size());
    unsigned number = 0;
    const auto end = name.data() + name.size();
    return std::from_chars(name.data(), end, number).ptr == end ? std::optional(number)
                                                                : std::nullopt;
}

Octets soa_data(const std::string& owner, std::uint32_t number, std::uint32_t minimum) {
    Octets data = wire_of("ns." + owner);
    const Octets mail = wire_of("hostmaster." + owner);
    data.insert(data.end(), mail.begin(), mail.end());
    for (const std::uint32_t value : {number, 3600u, 600u, 86400u, minimum})
        for (unsigned shift = 32; shift > 0;)
            data.push_back(static_cast<std::uint8_t>(value >> (shift -= 8)));
    return data;
}

Octets data_of(unsigned type, std::uint32_t number, unsigned padding) {
    Octets data;
    if (type == rr::aaaa) data.resize(12);
    if (type == rr::txt) data.push_back(static_cast<std::uint8_t>(4 + padding));
    for (unsigned shift = 32; shift > 0;)
        data.push_back(static_cast<std::uint8_t>(number >> (shift -= 8)));
    if (type == rr::txt) data.resize(data.size() + padding, 'x');
    return data;
}

}  // namespace

std::optional<std::uint32_t> number_of(const ReadRecord& record) {
    const Octets& data = record.data;
    if (record.type == rr::cname || record.type == rr::dname) {
        // Of an alias made from a DNAME it stands further behind.
        std::string_view rest = record.target;
        while (!rest.empty()) {
            const std::string_view label = rest.substr(0, rest.find('.'));
            if (is_number_label(label)) return numbered(label, "s");
            rest.remove_prefix(std::min(label.size() + 1, rest.size()));
        }
        return std::nullopt;
    }
    if (record.type == rr::a && data.size() == 4) return load_u32(data.data());
    if (record.type == rr::aaaa && data.size() == 16) return load_u32(&data[12]);
    if (record.type == rr::txt && data.size() >= 5) return load_u32(&data[1]);
    if (record.type == rr::soa && data.size() >= 22) return load_u32(&data[data.size() - 20]);
    return std::nullopt;
}

/// A reply that is being made.
struct Servers::Draft {
    Draft(const Question& q, unsigned flags)
        : question(q), writer(q.id, flags), name(q.text), owner(q.name) {}

    const Question& question;
    MessageWriter writer;
    Message message;
    std::string name;  // where the chain stands
    Octets owner;      // the same as it is written
    unsigned rcode = 0;
    bool spoils = false;  // what is told from here on may not be used
    bool is_over = false;
    bool is_authentic = false;
};

std::uint32_t Servers::some_ttl() {
    constexpr std::uint32_t kTtls[] = {0, 1, 2, 5, 30, 30, 300, 300, 4000, 100000};
    const std::uint32_t ttl = dice_.pick(kTtls);
    if (ttl == 0) tally_.add(Fault::ttl_zero);
    return ttl;
}

std::uint32_t Servers::tell(Draft& draft, const std::string& owner, unsigned type,
                            std::uint32_t ttl) {
    const Question& question = draft.question;
    const std::uint32_t number = ledger_.tell({.upstream = question.upstream,
                                               .owner = owner,
                                               .type = type,
                                               .ttl = ttl >= 0x80000000u ? 0 : ttl,
                                               .dnssec_ok = question.dnssec_ok,
                                               .checking_disabled = question.checking_disabled,
                                               .authentic = draft.is_authentic,
                                               .is_spoiled = draft.spoils,
                                               .at = std::nullopt});
    draft.message.numbers.push_back(number);
    return number;
}

unsigned Servers::flags_of(unsigned upstream) {
    constexpr unsigned kReply = 0x8100;  // QR, RD
    if (upstream >= kForward) return kReply | 0x80 | (dice_.chance(30) ? 0x20u : 0u);
    return kReply | (dice_.chance(90) ? 0x400u : 0x80u);
}

Message Servers::reply(const Question& question, std::optional<Fault> fault) {
    const unsigned flags = flags_of(question.upstream);
    Draft draft(question, flags);
    draft.is_authentic = flags & 0x20;
    if (fault) tally_.add(*fault);
    Octets echoed = question.name;
    if (fault == Fault::case_changed)
        for (std::uint8_t& octet : echoed)
            if ((octet | 32) >= 'a' && (octet | 32) <= 'z') octet ^= 32;
    if (fault == Fault::wrong_question) echoed = wire_of("other.b.test");
    draft.writer.question(echoed, question.type);
    draft.spoils = fault == Fault::truncated || fault == Fault::wrong_id ||
                   fault == Fault::wrong_question || fault == Fault::garbage;
    if (fault && *fault >= Fault::servfail && *fault <= Fault::without_soa) {
        fail(draft, *fault);
    } else {
        describe(draft);
    }
    if (question.edns && fault != Fault::formerr && fault != Fault::notimp)
        draft.writer.opt(1232, question.dnssec_ok);
    draft.message.octets = std::move(draft.writer.octets());
    draft.message.octets[3] |= static_cast<std::uint8_t>(draft.rcode);
    if (fault) damage(draft, *fault);
    return std::move(draft.message);
}

// What is wrong with the octets.
void Servers::damage(Draft& draft, Fault fault) {
    Octets& octets = draft.message.octets;
    const std::size_t head = 12 + draft.question.name.size() + 4;
    if (fault == Fault::truncated) octets[2] |= 2;
    if (fault == Fault::wrong_id) octets[0] ^= 0x80;  // no question has that one
    if (fault == Fault::cut_short && octets.size() > head)
        octets.resize(head + dice_.below(static_cast<unsigned>(octets.size() - head)));
    if (fault == Fault::garbage) {
        octets[7] = static_cast<std::uint8_t>(1 + dice_.below(200));
        octets.resize(head + dice_.below(60));
        for (std::size_t i = head; i < octets.size(); ++i)
            octets[i] = static_cast<std::uint8_t>(dice_.next());
    }
}

// A reply of no use, or a denial that proves nothing.
void Servers::fail(Draft& draft, Fault fault) {
    switch (fault) {
        case Fault::servfail: draft.rcode = 2; break;
        case Fault::rcode_refused: draft.rcode = 5; break;
        case Fault::formerr: draft.rcode = 1; break;
        case Fault::notimp: draft.rcode = 4; break;
        case Fault::foreign_soa:
            draft.rcode = dice_.chance(50) ? 3 : 0;
            add_soa(draft, "elsewhere.example", true);
            break;
        case Fault::referral:
            draft.writer.octets()[2] &= static_cast<std::uint8_t>(~4);  // neither AA …
            draft.writer.octets()[3] &= 0x7f;                           // … nor RA
            draft.writer.record(2, wire_of("test"), rr::ns, 300, wire_of("ns.test"));
            break;
        default: draft.rcode = dice_.chance(50) ? 3 : 0;
    }
}

// The truth of this server about the name, as far as one reply has it.
void Servers::describe(Draft& draft) {
    for (unsigned links = 0; !draft.is_over && links <= kLinksPerReply; ++links) {
        const std::string base = base_of(draft.name);
        const unsigned upstream = draft.question.upstream;
        const std::uint64_t hash = hash_of(base, seed_ + upstream * 77 + epochs_[upstream] * 1000);
        if (add_link(draft, base, hash)) {
            // The end may be left to whom it belongs to, or be told by who does not own it.
            if (draft.question.type == rr::cname || dice_.chance(50)) return;
            if (suffix_of(draft.name) != suffix_of(draft.question.text))
                tally_.add(Fault::foreign_data);
            continue;
        }
        const auto kind = static_cast<unsigned>(hash % 100);
        const unsigned types = static_cast<unsigned>(hash >> 20) | (hash & 1 << 19 ? 1u : 2u);
        const unsigned bit = draft.question.type == rr::a ? 0 : draft.question.type & 7;
        if (kind >= 88 && kind < 95) {
            add_denial(draft, true);
        } else if (kind < 95 && kind >= 80) {
            add_denial(draft, false);
        } else if (bit != 0 && !(types >> bit & 1)) {
            add_denial(draft, false);
        } else {
            add_data(draft, hash);
        }
        return;
    }
}

bool Servers::add_link(Draft& draft, const std::string& base, std::uint64_t hash) {
    constexpr unsigned kLoopSuffixes[] = {3, 0, 1};
    if (const auto loop = numbered(base, "loop")) {
        const unsigned to = (*loop + 1) % 3;
        tally_.add(Fault::loop);
        const std::string target =
            "loop" + std::to_string(to) + "." + std::string(kSuffixes[kLoopSuffixes[to]]);
        draft.writer.record(1, draft.owner, rr::cname, 30, wire_of(target));
        draft.name = target;
        draft.owner = wire_of(target);
        return true;
    }
    if (const auto chain = numbered(base, "chain"); chain && *chain < kChainEnd) {
        if (*chain == 0) tally_.add(Fault::long_chain);
        const std::size_t rest = base.find('.') + 1;
        const std::string suffix = hash % 3 == 0 ? std::string(kSuffixes[hash / 3 % 4])
                                   : rest == 0   ? std::string("a.test")
                                                 : base.substr(rest);
        add_alias(draft, "chain" + std::to_string(*chain + 1) + "." + suffix);
        return true;
    }
    if (const std::size_t at = base.find(".dn."); at != std::string::npos) {
        add_dname(draft, draft.name.size() - base.size() + at + 1, hash);
        return true;
    }
    const auto kind = static_cast<unsigned>(hash % 100);
    if (draft.question.type == rr::cname || kind < 58 || kind >= 80) return false;
    const std::uint64_t other = mix(hash);
    const unsigned suffix = static_cast<unsigned>(other % kSuffixes.size());
    const std::string zone = suffix == kRootSuffix ? "elsewhere" : std::string(kSuffixes[suffix]);
    add_alias(draft, "n" + std::to_string(other / 8 % 8) + "." + zone);
    return true;
}

void Servers::add_alias(Draft& draft, const std::string& target) {
    tally_.add(Fault::alias);
    if (suffix_of(target) != suffix_of(draft.name)) tally_.add(Fault::alias_away);
    const std::uint32_t ttl = some_ttl();
    const std::uint32_t number = tell(draft, draft.name, rr::cname, ttl);
    draft.name = "s" + std::to_string(number) + "." + target;
    const Octets wire = wire_of(draft.name);
    draft.writer.record(1, draft.owner, rr::cname, ttl, wire);
    draft.owner = wire;
}

// The name "x.dn.a.test" is below a DNAME at `at`; the alias made of it comes with it as a rule.
void Servers::add_dname(Draft& draft, std::size_t at, std::uint64_t hash) {
    tally_.add(Fault::dname);
    const std::uint32_t ttl = some_ttl();
    const std::string owner = draft.name.substr(at);
    const std::uint32_t number = tell(draft, owner, rr::dname, ttl);
    const std::string to =
        "s" + std::to_string(number) + "." + std::string(kSuffixes[hash / 100 % 4]);
    draft.writer.record(1, wire_of(owner), rr::dname, ttl, wire_of(to));
    const std::string target = draft.name.substr(0, at) + to;
    if (dice_.chance(80)) draft.writer.record(1, draft.owner, rr::cname, ttl, wire_of(target));
    draft.name = target;
    draft.owner = wire_of(target);
}

void Servers::add_data(Draft& draft, std::uint64_t hash) {
    const unsigned type = draft.question.type;
    draft.is_over = true;
    if (type != rr::a && type != rr::aaaa && type != rr::txt) return add_denial(draft, false);
    std::uint32_t ttl = some_ttl();
    if (dice_.per_mille(5)) {
        ttl = 0x80000000u + dice_.below(1000);
        tally_.add(Fault::ttl_invalid);
    }
    const bool is_large = type == rr::txt && hash / 100 % 8 == 0;
    const unsigned count = is_large ? 8 : 1 + static_cast<unsigned>(hash / 100 % 2);
    for (unsigned i = 0; i < count; ++i)
        draft.writer.record(1, draft.owner, type, ttl,
                            data_of(type, tell(draft, draft.name, type, ttl), is_large ? 180 : 0));
    if (!dice_.per_mille(20)) return;
    tally_.add(Fault::unrelated);
    const bool before = std::exchange(draft.spoils, true);
    const std::string other = "unrelated.b.test";
    draft.writer.record(1, wire_of(other), type, 30,
                        data_of(type, tell(draft, other, type, 30), 0));
    draft.spoils = before;
}

void Servers::add_denial(Draft& draft, bool of_name) {
    tally_.add(of_name ? Fault::nxdomain : Fault::nodata);
    draft.rcode = of_name ? 3 : 0;
    draft.is_over = true;
    const unsigned suffix = draft.question.upstream == kCatchAll && dice_.chance(50)
                                ? kRootSuffix
                                : suffix_of(draft.name);
    std::string zone(kSuffixes[suffix]);
    if (suffix == kRootSuffix) zone = draft.name.substr(draft.name.rfind('.') + 1);
    add_soa(draft, zone, draft.spoils);
}

void Servers::add_soa(Draft& draft, const std::string& owner, bool is_spoiled) {
    const std::uint32_t ttl = some_ttl();
    const std::uint32_t minimum = some_ttl();
    const bool before = std::exchange(draft.spoils, is_spoiled);
    const std::uint32_t number = tell(draft, owner, rr::soa, std::min(ttl, minimum));
    draft.spoils = before;
    draft.writer.record(2, wire_of(owner), rr::soa, ttl, soa_data(owner, number, minimum));
}

}  // namespace peerzone::simulation
