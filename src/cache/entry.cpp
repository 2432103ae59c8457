#include "cache/entry.hpp"

#include <algorithm>
#include <cstring>
#include <new>

#include "peerzone/dns/message.hpp"
#include "peerzone/dns/name.hpp"

namespace peerzone::cache {
namespace {

constexpr unsigned kRcodeMax = (1u << kRcodeBits) - 1;
constexpr std::size_t kRecordMin = 11;  // the root as owner, type, class, TTL, size of no data
static_assert(dns::kMessageMax / kRecordMin < 1u << kCountBits);

/// A block with the key filled in, and room for `ttl_count` offsets and `body_size` octets.
EntryPtr make_block(const Key& key, std::uint32_t tag, const dns::BodyInfo& info,
                    std::size_t body_size, dns::Rcode rcode, Moment now) noexcept {
    if (static_cast<unsigned>(rcode) > kRcodeMax || key.name.empty() ||
        key.name.size() > dns::kNameMax || body_size > dns::kMessageMax)
        return nullptr;
    const std::size_t ttl_count = std::size_t{info.counts[0]} + info.counts[1] + info.counts[2];
    const std::size_t size = kEntryHead + 2 * ttl_count + key.name.size() + body_size;
    void* block = std::malloc(std::max(size, sizeof(Entry)));
    if (block == nullptr) return nullptr;
    EntryPtr entry(new (block) Entry());
    if (pack_address(block) > kAddressMask)
        return nullptr;  // no platform of ours; better not kept than lost
    entry->tag = tag & ((1u << kTagBits) - 1);
    entry->stored = now & kMomentMax;
    entry->kind = static_cast<std::uint8_t>(key.kind) & 3;
    entry->dnssec_ok = key.dnssec_ok;
    entry->checking_disabled = key.checking_disabled;
    entry->type = key.type;
    entry->scope = key.scope;
    entry->rcode = static_cast<unsigned>(rcode) & kRcodeMax;
    entry->name_size = static_cast<std::uint8_t>(key.name.size());
    entry->body_size = static_cast<std::uint16_t>(body_size);
    entry->truncated = info.truncated;
    constexpr unsigned kCountMax = (1u << kCountBits) - 1;
    entry->answers = info.counts[0] & kCountMax;
    entry->authorities = info.counts[1] & kCountMax;
    entry->additionals = info.counts[2] & kCountMax;
    std::memcpy(entry->name(), key.name.data(), key.name.size());
    return entry;
}

/// Walks a body record by record and notes where the TTLs stand. False unless it holds exactly
/// `count` records and nothing else, and no OPT: the "TTL" of an OPT is not a time (RFC
/// 6891 6.1.3), and it belongs to one hop, not to an answer.
bool note_ttls(Bytes body, std::size_t count, std::uint8_t* offsets) noexcept {
    std::size_t at = 0;
    for (std::size_t i = 0; i < count; ++i) {
        dns::Reader reader(body, at);
        std::uint16_t type = 0;
        std::uint16_t klass = 0;
        std::uint32_t ttl = 0;
        std::uint16_t rdata_size = 0;
        if (!reader.skip_name() || !reader.read_u16(type) || !reader.read_u16(klass)) return false;
        store_u16(offsets + 2 * i, reader.offset());
        if (!reader.read_u32(ttl) || !reader.read_u16(rdata_size) || type == dns::type::opt)
            return false;
        at = reader.offset() + rdata_size;
        if (at > body.size()) return false;
    }
    return at == body.size();
}

}  // namespace

Moment moment_of(Time now) noexcept {
    const auto ms = std::chrono::floor<Millis>(now.time_since_epoch()).count();
    return ms < 0 ? 0 : std::min(static_cast<Moment>(ms), kMomentMax);
}

std::uint8_t* Entry::ttl_offsets() noexcept {
    return reinterpret_cast<std::uint8_t*>(this) + kEntryHead;
}

std::size_t Entry::cost() const noexcept {
    const std::size_t size = kEntryHead + 2 * ttl_count() + name_size + body_size;
    return block_cost(std::max(size, sizeof(Entry)));
}

bool Entry::matches(const Key& key) noexcept {
    return type == key.type && scope == key.scope && kind == static_cast<std::uint64_t>(key.kind) &&
           dnssec_ok == std::uint64_t{key.dnssec_ok} &&
           checking_disabled == std::uint64_t{key.checking_disabled} &&
           name_size == key.name.size() && std::memcmp(name(), key.name.data(), name_size) == 0;
}

bool Entry::is_selected(const Selection& selection) noexcept {
    if (selection.source && *selection.source != source) return false;
    const std::size_t size = selection.name.size();
    if (size == 0) return true;
    if (name_size < size || (!selection.below && name_size != size)) return false;
    // A suffix of octets is a suffix of labels only where a label begins.
    std::size_t at = 0;
    while (name_size - at > size) at += name()[at] + std::size_t{1};
    return name_size - at == size && std::memcmp(name() + at, selection.name.data(), size) == 0;
}

void Entry::count_use() noexcept {
    if (frequency < 3) frequency = (frequency + 1u) & 3;
    if (!is_failure() && uses < 0xffff) ++uses;
}

std::size_t Entry::copy_body(MutableBytes out) noexcept {
    const std::size_t size = std::min<std::size_t>(body_size, out.size());
    if (size != 0) std::memcpy(out.data(), body(), size);
    return size;
}

template <class Change>
void Entry::change_ttls(MutableBytes copied, Change change) noexcept {
    const std::uint8_t* offsets = ttl_offsets();
    for (std::size_t i = 0, count = ttl_count(); i < count; ++i) {
        const std::size_t at = load_u16(offsets + 2 * i);
        if (at + 4 > copied.size()) break;  // offsets ascend
        store_u32(copied.data() + at, change(load_u32(copied.data() + at)));
    }
}

void Entry::describe(Moment now, std::size_t size, Hit& hit) const noexcept {
    const std::uint64_t age = age_ms(now);
    hit.info.size = size;
    hit.info.counts[0] = answers;
    hit.info.counts[1] = authorities;
    hit.info.counts[2] = additionals;
    hit.info.truncated = truncated || size < body_size;
    hit.rcode = static_cast<dns::Rcode>(rcode);
    hit.authentic_data = authentic_data;
    hit.source = source;
    hit.age = Millis(age);
    hit.remaining = Millis(age < lifetime_ms ? lifetime_ms - age : 0);
    hit.uses = uses;
}

void Entry::copy_to(Moment now, MutableBytes out, Hit& hit) noexcept {
    const std::size_t size = copy_body(out);
    if (const std::uint64_t seconds = age_ms(now) / 1000; seconds != 0)
        change_ttls(out.first(size), [seconds](std::uint32_t ttl) {
            return ttl > seconds ? static_cast<std::uint32_t>(ttl - seconds) : 0;
        });
    describe(now, size, hit);
}

void Entry::copy_stale_to(Moment now, std::uint32_t ttl, MutableBytes out, Hit& hit) noexcept {
    const std::size_t size = copy_body(out);
    change_ttls(out.first(size), [ttl](std::uint32_t) { return ttl; });
    describe(now, size, hit);
    hit.stale = true;
}

EntryPtr make_entry(const Key& key, std::uint32_t tag, const Value& value,
                    std::uint32_t lifetime_ms, Moment now) noexcept {
    const dns::BodyInfo& info = value.info;
    const std::size_t count = std::size_t{info.counts[0]} + info.counts[1] + info.counts[2];
    if (info.size != value.body.size() || count * kRecordMin > value.body.size()) return nullptr;
    EntryPtr entry = make_block(key, tag, info, value.body.size(), value.rcode, now);
    if (!entry || !note_ttls(value.body, count, entry->ttl_offsets())) return nullptr;
    if (!value.body.empty()) std::memcpy(entry->body(), value.body.data(), value.body.size());
    entry->authentic_data = value.authentic_data;
    entry->source = value.source;
    entry->lifetime_ms = lifetime_ms;
    return entry;
}

EntryPtr make_failure(const Key& key, std::uint32_t tag, std::string_view text, dns::Rcode rcode,
                      std::uint16_t source, Moment now) noexcept {
    EntryPtr entry = make_block(key, tag, {}, text.size(), rcode, now);
    if (!entry) return nullptr;
    if (!text.empty()) std::memcpy(entry->body(), text.data(), text.size());
    entry->source = source;
    return entry;
}

}  // namespace peerzone::cache
