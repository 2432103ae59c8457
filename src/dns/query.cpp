#include "peerzone/dns/query.hpp"

#include "peerzone/dns/message.hpp"

namespace peerzone::dns {
namespace {

// The question's name, copied as asked and folded in one pass. A pointer has nothing to point at
// here, so it is an error.
bool take_name(Bytes message, std::size_t& at, Query& query) noexcept {
    std::size_t size = 0;
    for (;;) {
        if (at + size >= message.size()) return false;
        const std::uint8_t label = message[at + size];
        if (label > kLabelMax) return false;
        const std::size_t end = size + label + 1u;
        if (end > kNameMax || at + end > message.size()) return false;
        for (; size < end; ++size) {
            const std::uint8_t octet = message[at + size];
            query.asked[size] = octet;
            query.folded[size] = kFold[octet];
        }
        if (label == 0) break;
    }
    at += size;
    query.name_size = static_cast<std::uint8_t>(size);
    return true;
}

// Types that no zone can hold and that ask for nothing (RFC 6895 3.1; NXNAME: RFC 9824 3.5). The
// unassigned rest of 128–255 is answered like any unknown type (RFC 8906 3.1.2).
bool is_meta(std::uint16_t type) noexcept {
    constexpr std::uint16_t nxname = 128;
    return type == 0 || type == type::opt || type == nxname || type == type::tkey ||
           type == type::tsig || type == type::maila || type == type::mailb;
}

// Our own mark (src/README.md, "Loops"). Of another size it is another program's option, for the
// number is for local use; of several the one with most hops counts.
void take_hop_mark(Bytes mark, Query& query) noexcept {
    if (mark.size() != 9 || mark[8] < query.hops) return;
    query.hop_node = std::uint64_t{load_u32(&mark[0])} << 32 | load_u32(&mark[4]);
    query.hops = mark[8];
}

// Whether it counts is not known yet, so a wrong form is noted and not refused. Of several it
// cannot be told which one is meant.
void take_client_subnet(Bytes data, Query& query) noexcept {
    const bool is_first = query.subnet_state == SubnetState::none;
    query.subnet_state = is_first && parse_client_subnet(data, query.subnet)
                             ? SubnetState::asked
                             : SubnetState::malformed;
}

// OPT's data: options must fill it exactly (RFC 6891 6.1.2). Unknown ones are ignored.
bool take_options(Bytes rdata, Query& query) noexcept {
    while (!rdata.empty()) {
        if (rdata.size() < 4) return false;
        const std::size_t size = load_u16(&rdata[2]);
        if (rdata.size() - 4 < size) return false;
        const std::uint16_t code = load_u16(&rdata[0]);
        if (code == option::tcp_keepalive) query.wanted |= kWantsKeepalive;
        if (code == option::nsid) query.wanted |= kWantsNsid;
        if (code == option::padding) query.padding = true;
        if (code == option::hop_mark) take_hop_mark(rdata.subspan(4, size), query);
        if (code == option::client_subnet) take_client_subnet(rdata.subspan(4, size), query);
        rdata = rdata.subspan(4 + size);
    }
    return true;
}

// Everything behind the question: looked through for OPT, otherwise only checked to be whole.
Verdict take_rest(Bytes message, std::size_t at, const Header& header, Query& query) noexcept {
    Reader reader(message, at);
    std::uint8_t version = 0;
    for (std::size_t section = 1; section <= 3; ++section) {
        for (unsigned i = 0; i < header.counts[section]; ++i) {
            Record record;
            const std::size_t start = reader.offset();
            if (!reader.read_record(record)) return Verdict::formerr;
            if (record.type != type::opt) continue;
            // RFC 6891 6.1.1: at most one, in the additional section, its owner the root.
            if (section != 3 || query.has_edns || message[start] != 0) return Verdict::formerr;
            query.has_edns = true;
            query.edns_size = record.klass;
            query.dnssec_ok = record.ttl & kEdnsFlagDo;
            version = static_cast<std::uint8_t>(record.ttl >> 16);
            if (version != 0) continue;  // what its options look like only that version knows
            if (!take_options(message.subspan(record.rdata_offset, record.rdata_size), query))
                return Verdict::formerr;
        }
    }
    if (!reader.at_end()) return Verdict::formerr;
    return version == 0 ? Verdict::ok : Verdict::badvers;
}

}  // namespace

Query& Query::operator=(const Query& other) noexcept {
    if (this == &other) return *this;
    id = other.id;
    flags = other.flags;
    type = other.type;
    klass = other.klass;
    edns_size = other.edns_size;
    name_size = other.name_size;
    has_edns = other.has_edns;
    dnssec_ok = other.dnssec_ok;
    wanted = other.wanted;
    padding = other.padding;
    hops = other.hops;
    subnet_state = other.subnet_state;
    hop_node = other.hop_node;
    name_hash = other.name_hash;
    std::memcpy(asked.data(), other.asked.data(), name_size);
    std::memcpy(folded.data(), other.folded.data(), name_size);
    if (subnet_state != SubnetState::none) subnet = other.subnet;
    return *this;
}

Verdict parse_query(Bytes message, Query& query) noexcept {
    Header header;
    Reader reader(message);
    if (!reader.read_header(header) || (header.flags & kFlagQr)) return Verdict::drop;
    query.id = header.id;
    query.flags = header.flags;
    query.type = query.klass = query.edns_size = 0;
    query.name_size = 0;
    query.has_edns = query.dnssec_ok = query.padding = false;
    query.wanted = query.hops = 0;
    query.subnet_state = SubnetState::none;
    query.hop_node = query.name_hash = 0;
    if (header.opcode() != 0) return Verdict::notimp;    // RFC 8906 3.1.4
    if (header.counts[0] != 1) return Verdict::formerr;  // RFC 9619
    std::size_t at = kHeaderSize;
    if (!take_name(message, at, query)) return Verdict::formerr;
    if (message.size() - at < 4) {
        query.name_size = 0;
        return Verdict::formerr;
    }
    query.type = load_u16(&message[at]);
    query.klass = load_u16(&message[at + 2]);
    query.name_hash = hash_folded(query.name());
    at += 4;
    if (at != message.size() || header.counts[1] || header.counts[2] || header.counts[3]) {
        const Verdict verdict = take_rest(message, at, header, query);
        if (verdict != Verdict::ok) return verdict;
    }
    return is_meta(query.type) ? Verdict::formerr : Verdict::ok;
}

}  // namespace peerzone::dns
