// Invariants of a BodyWriter: everything in [start_, at_) is whole records; offsets_ holds places
// of labels in [12, at_) that stand uncompressed in the message; info_ describes exactly what is
// written.
#include "peerzone/dns/answer.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "peerzone/base/text.hpp"

namespace peerzone::dns {
namespace {

constexpr std::size_t kPointerLimit = 0x3fff;
constexpr std::size_t kEdeTextMax = 240;

// Does the name that stands at `at` in the message equal `name`, letters folded?
bool stands_at(Bytes message, std::size_t at, Bytes name) noexcept {
    std::size_t i = 0;
    for (;;) {
        while (message[at] >= 0xc0) at = load_u16(&message[at]) & kPointerLimit;
        const std::size_t step = message[at] + 1u;
        if (message[at] != name[i]) return false;
        if (!equal_folded(message.subspan(at, step), name.subspan(i, step))) return false;
        if (step == 1) return true;
        at += step;
        i += step;
    }
}

// What the OPT record of a reply takes at least: an echoed Client Subnet is never left out for want
// of room, since a reply without it is believed for every client (RFC 7871 7.3).
std::size_t opt_size(const Query& query) noexcept {
    if (!query.has_edns) return 0;
    const bool echoes = query.subnet_state == SubnetState::answered;
    return kOptSize + (echoes ? query.subnet.option_size() : 0);
}

// Options that fit into `room`, behind each other; returns their size.
std::size_t write_options(std::uint8_t* p, const ReplyOptions& options, std::size_t room) noexcept {
    std::size_t size = 0;
    if (options.keepalive_100ms != 0 && room >= 6) {
        store_u16(p, option::tcp_keepalive);
        store_u16(p + 2, 2);
        store_u16(p + 4, options.keepalive_100ms);
        size = 6;
    }
    if (const Bytes nsid = options.nsid; !nsid.empty() && room - size >= 4 + nsid.size()) {
        store_u16(p + size, option::nsid);
        store_u16(p + size + 2, nsid.size());
        std::memcpy(p + size + 4, nsid.data(), nsid.size());
        size += 4 + nsid.size();
    }
    return size;
}

std::size_t write_opt(std::uint8_t* p, const Query& query, const ReplyHead& head,
                      std::size_t room) noexcept {
    p[0] = 0;
    store_u16(p + 1, type::opt);
    store_u16(p + 3, kUdpEdnsMax);
    p[5] = static_cast<std::uint8_t>(static_cast<unsigned>(head.rcode) >> 4);
    p[6] = 0;
    store_u16(p + 7, query.dnssec_ok ? kEdnsFlagDo : 0);
    std::size_t size = kOptSize;
    if (query.subnet_state == SubnetState::answered) {
        write_client_subnet(p + size, query.subnet);
        size += query.subnet.option_size();
    }
    if (head.options != nullptr) size += write_options(p + size, *head.options, room - size);
    if (head.error != nullptr && room - size >= 6) {
        std::string_view text = head.error->text;
        text = cut_utf8(text, std::min(room - size - 6, kEdeTextMax));
        store_u16(p + size, option::ede);
        store_u16(p + size + 2, 2 + text.size());
        store_u16(p + size + 4, head.error->code);
        std::copy(text.begin(), text.end(), p + size + 6);
        size += 6 + text.size();
    }
    store_u16(p + 9, size - kOptSize);
    return size;
}

// Cuts a body behind the last record that ends within `room` octets.
BodyInfo cut_body(Bytes message, std::size_t start, const BodyInfo& info,
                  std::size_t room) noexcept {
    BodyInfo cut;
    cut.truncated = info.truncated;
    const std::size_t end = start + std::min(info.size, room);
    Reader reader(message.first(end), start);
    for (std::size_t section = 0; section < 3; ++section) {
        for (unsigned i = 0; i < info.counts[section]; ++i) {
            std::uint16_t rdata_size = 0;
            std::uint32_t skipped = 0;
            const bool whole = reader.skip_name() && reader.read_u32(skipped) &&
                               reader.read_u32(skipped) && reader.read_u16(rdata_size) &&
                               end - reader.offset() >= rdata_size;
            if (!whole) {
                // Where records are missing, their section says whether TC is due (RFC 2181 9): a
                // writer that had to set `truncated` has added nothing behind that, so additional
                // records mean that what precedes them is whole.
                cut.truncated = section < 2;
                return cut;
            }
            reader = Reader(message.first(end), reader.offset() + rdata_size);
            ++cut.counts[section];
            cut.size = reader.offset() - start;
        }
    }
    return cut;
}

}  // namespace

BodyWriter::BodyWriter(MutableBytes message, std::size_t limit, Bytes qname) noexcept
    : message_(message),
      limit_(std::min(limit, message.size())),
      start_(kHeaderSize + qname.size() + 4),
      at_(start_) {
    std::memcpy(&message_[kHeaderSize], qname.data(), qname.size());
    reset();
}

void BodyWriter::reset() noexcept {
    at_ = start_;
    info_ = {};
    full_ = false;
    offsets_count_ = 0;
    for (std::size_t at = kHeaderSize; message_[at] != 0; at += message_[at] + 1u) remember(at);
}

void BodyWriter::remember(std::size_t offset) noexcept {
    if (offsets_count_ < kRemembered && offset <= kPointerLimit)
        offsets_[offsets_count_++] = static_cast<std::uint16_t>(offset);
}

std::uint16_t BodyWriter::find_suffix(Bytes suffix) const noexcept {
    for (std::size_t i = 0; i < offsets_count_; ++i)
        if (stands_at(message_, offsets_[i], suffix)) return offsets_[i];
    return 0;
}

bool BodyWriter::put(Bytes octets) noexcept {
    if (at_ > limit_ || limit_ - at_ < octets.size()) return false;
    if (!octets.empty()) std::memcpy(&message_[at_], octets.data(), octets.size());
    at_ += octets.size();
    return true;
}

bool BodyWriter::put_name(Bytes name, bool may_compress) noexcept {
    std::size_t at = 0;
    std::uint16_t target = 0;
    if (may_compress)
        while (name[at] != 0 && (target = find_suffix(name.subspan(at))) == 0) at += name[at] + 1u;
    if (target == 0) {
        const std::size_t start = at_;
        if (!put(name)) return false;
        for (std::size_t i = 0; name[i] != 0; i += name[i] + 1u) remember(start + i);
        return true;
    }
    const std::size_t start = at_;
    std::uint8_t pointer[2];
    store_u16(pointer, 0xc000u | target);
    if (!put(name.first(at)) || !put(pointer)) return false;
    for (std::size_t i = 0; i < at; i += name[i] + 1u) remember(start + i);
    return true;
}

bool BodyWriter::put_rdata(std::uint16_t type, Bytes rdata) noexcept {
    const std::size_t size_at = at_;
    const std::uint8_t none[2] = {0, 0};
    if (!put(none)) return false;
    const RdataLayout layout = rdata_layout(type);
    if (layout.name_count == 0 || layout.strings_before != 0) {
        if (!put(rdata)) return false;
    } else {
        std::size_t at = layout.octets_before;
        if (!put(rdata.first(at))) return false;
        for (unsigned i = 0; i < layout.name_count; ++i) {
            std::size_t end = at;
            while (rdata[end] != 0) end += rdata[end] + 1u;
            if (!put_name(rdata.subspan(at, end + 1 - at), layout.compress)) return false;
            at = end + 1;
        }
        if (!put(rdata.subspan(at))) return false;
    }
    store_u16(&message_[size_at], at_ - size_at - 2);
    return true;
}

bool BodyWriter::add(Section section, Bytes owner, std::uint16_t type, std::uint32_t ttl,
                     Bytes rdata) noexcept {
    if (full_) return false;
    const std::size_t start = at_;
    const std::uint16_t offsets = offsets_count_;
    std::uint8_t fixed[8];
    store_u16(fixed, type);
    store_u16(fixed + 2, klass::in);
    store_u32(fixed + 4, ttl);
    if (!put_name(owner, true) || !put(fixed) || !put_rdata(type, rdata)) {
        at_ = start;
        offsets_count_ = offsets;
        full_ = true;
        if (section != Section::additional) info_.truncated = true;
        return false;
    }
    ++info_.counts[static_cast<std::size_t>(section)];
    info_.size = at_ - start_;
    return true;
}

bool BodyWriter::add_from(Bytes message, const Record& record, Section section,
                          std::uint32_t ttl) noexcept {
    thread_local std::array<std::uint8_t, kRdataMax> expanded;
    bool ok = false;
    const std::size_t size = expand_rdata(message, record, expanded, ok);
    return ok && add(section, record.owner.wire(), record.type, ttl, {expanded.data(), size});
}

std::size_t size_limit(const Query& query, bool udp) noexcept {
    if (!udp) return kMessageMax;
    if (!query.has_edns) return kUdpPlainMax;
    return std::clamp<std::size_t>(query.edns_size, kUdpPlainMax, kUdpEdnsMax);
}

std::size_t body_limit(const Query& query, bool udp) noexcept {
    return size_limit(query, udp) - opt_size(query);
}

std::size_t finish_reply(MutableBytes message, const Query& query, BodyInfo info,
                         const ReplyHead& head, std::size_t limit) noexcept {
    limit = std::min(limit, message.size());
    const std::size_t start = kHeaderSize + query.question_size();
    const std::size_t room = limit - std::min(limit, start + opt_size(query));
    if (info.truncated || info.size > room) info = cut_body(message, start, info, room);
    store_u16(&message[0], query.id);
    // What RD and CD mean is not known for an opcode that is not; BIND sends none back, too.
    const bool is_known = head.rcode != Rcode::notimp;
    const unsigned kept = query.flags & (kOpcodeMask | (is_known ? kFlagRd | kFlagCd : 0u));
    store_u16(&message[2], kFlagQr | kept | head.flags | (info.truncated ? kFlagTc : 0) |
                               (static_cast<unsigned>(head.rcode) & 15));
    store_u16(&message[4], query.name_size ? 1 : 0);
    store_u16(&message[6], info.counts[0]);
    store_u16(&message[8], info.counts[1]);
    store_u16(&message[10], info.counts[2] + (query.has_edns ? 1u : 0u));
    if (query.name_size != 0) {
        std::memcpy(&message[kHeaderSize], query.asked.data(), query.name_size);
        store_u16(&message[kHeaderSize + query.name_size], query.type);
        store_u16(&message[kHeaderSize + query.name_size + 2], query.klass);
    }
    std::size_t size = start + info.size;
    if (query.has_edns) size += write_opt(&message[size], query, head, limit - size);
    return size;
}

std::size_t write_empty_reply(MutableBytes message, const Query& query, const ReplyHead& head,
                              std::size_t limit) noexcept {
    return finish_reply(message, query, BodyInfo{}, head, limit);
}

namespace {

constexpr std::size_t kHopMarkSize = 4 + 8 + 1;  // code and length, node, hops

}  // namespace

std::size_t write_question(MutableBytes out, std::uint16_t id, const UpstreamQuestion& question,
                           bool edns) noexcept {
    const bool marked = edns && question.hops != 0;
    const std::size_t size = kHeaderSize + question.name.size() + 4 + (edns ? kOptSize : 0) +
                             (marked ? kHopMarkSize : 0);
    if (out.size() < size) return 0;
    store_u16(&out[0], id);
    store_u16(&out[2], (question.recursion_desired ? kFlagRd : 0) |
                           (question.checking_disabled ? kFlagCd : 0));
    store_u16(&out[4], 1);
    store_u32(&out[6], 0);
    store_u16(&out[10], edns ? 1 : 0);
    std::memcpy(&out[kHeaderSize], question.name.data(), question.name.size());
    std::uint8_t* p = &out[kHeaderSize + question.name.size()];
    store_u16(p, question.type);
    store_u16(p + 2, klass::in);
    if (edns) {
        p += 4;
        p[0] = 0;
        store_u16(p + 1, type::opt);
        store_u16(p + 3, kUdpEdnsMax);
        store_u16(p + 5, 0);
        store_u16(p + 7, question.dnssec_ok ? kEdnsFlagDo : 0);
        store_u16(p + 9, marked ? kHopMarkSize : 0);
    }
    if (marked) {
        p += kOptSize;
        store_u16(p, option::hop_mark);
        store_u16(p + 2, kHopMarkSize - 4);
        store_u32(p + 4, static_cast<std::uint32_t>(question.node >> 32));
        store_u32(p + 8, static_cast<std::uint32_t>(question.node));
        p[12] = question.hops;
    }
    return size;
}

namespace {

// Turns `part` left by `turn` octets: the shorter side waits on the stack meanwhile.
void turn_left(MutableBytes part, std::size_t turn) noexcept {
    std::array<std::uint8_t, 2048> aside;  // filled up to the shorter side
    const std::size_t rest = part.size() - turn;
    if (std::min(turn, rest) > aside.size()) {
        std::rotate(part.begin(), part.begin() + static_cast<std::ptrdiff_t>(turn), part.end());
    } else if (turn <= rest) {
        std::memcpy(aside.data(), part.data(), turn);
        std::memmove(part.data(), part.data() + turn, rest);
        std::memcpy(part.data() + rest, aside.data(), turn);
    } else {
        std::memcpy(aside.data(), part.data() + turn, rest);
        std::memmove(part.data() + rest, part.data(), turn);
        std::memcpy(part.data(), aside.data(), rest);
    }
}

// Does a record with the same owner (a pointer), type and size as the one at `run`, which takes
// `stride` octets, stand at `at`?
bool goes_on(Bytes message, std::size_t run, std::size_t at, std::size_t stride) noexcept {
    constexpr std::size_t kRdataSizeAt = 10;  // behind owner (2), type (2), class (2) and TTL (4)
    return at + stride <= message.size() && std::memcmp(&message[run], &message[at], 4) == 0 &&
           load_u16(&message[run + kRdataSizeAt]) == load_u16(&message[at + kRdataSizeAt]);
}

}  // namespace

void rotate_addresses(MutableBytes message, std::size_t body_offset, const BodyInfo& info,
                      std::uint32_t steps) noexcept {
    if (info.counts[0] < 2 || info.truncated) return;
    // A run is records with the same owner (a pointer), type and size behind each other. The last
    // run is what gets turned.
    std::size_t run = 0;
    std::size_t run_count = 0;
    std::size_t stride = 0;
    Reader reader(message, body_offset);
    for (unsigned i = 0; i < info.counts[0]; ++i) {
        const std::size_t at = reader.offset();
        if (run_count != 0 && goes_on(message, run, at, stride)) {
            ++run_count;
            reader = Reader(message, at + stride);
            continue;
        }
        std::uint16_t type = 0;
        std::uint16_t rdata_size = 0;
        std::uint32_t ttl = 0;
        if (!reader.skip_name() || !reader.read_u16(type) || !reader.read_u16(rdata_size) ||
            !reader.read_u32(ttl) || !reader.read_u16(rdata_size) ||
            message.size() - reader.offset() < rdata_size)
            return;
        const std::size_t size = reader.offset() + rdata_size - at;
        reader = Reader(message, at + size);
        // Only records whose owner is a bare pointer are moved: nothing can point to them, and
        // equal owners are equal pointers.
        if ((type != type::a && type != type::aaaa) || message[at] < 0xc0) {
            run_count = 0;
            continue;
        }
        run = at;
        run_count = 1;
        stride = size;
    }
    if (run_count < 2) return;
    turn_left(message.subspan(run, run_count * stride), steps % run_count * stride);
}

}  // namespace peerzone::dns
