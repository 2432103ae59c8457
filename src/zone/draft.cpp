#include "zone/draft.hpp"

#include <algorithm>

#include "peerzone/dns/message.hpp"

namespace peerzone::zone {
namespace {

constexpr std::size_t kSlotsAtFirst = 64;
constexpr std::size_t kOverheadBytes = 32;  // of a name or a record in its block, at most
constexpr std::size_t kQuotedMax = 80;      // characters of a record that a message repeats

std::string quoted(const dns::ResourceRecord& record) {
    std::string text = dns::record_text(record);
    if (text.size() > kQuotedMax) text = text.substr(0, kQuotedMax) + "…";
    return "'" + text + "': ";
}

// What a signed zone keeps beside a CNAME and at a cut (RFC 4035 2.3, 2.5).
bool is_signing_type(std::uint16_t t) noexcept {
    return t == type::rrsig || t == type::nsec;
}
bool is_address(std::uint16_t t) noexcept {
    return t == type::a || t == type::aaaa;
}

}  // namespace

Draft::Draft(const dns::Name& name) : origin(name), slots_(kSlotsAtFirst) {
    append_node(Path(origin, origin), 0, kNone);
}

Result<void> Draft::add(const dns::ResourceRecord& record, std::size_t line) {
    if (const Result<void> fine = check(record); !fine) return fine.error();
    const Path path(record.owner, origin);
    const std::uint32_t present = find_node(path, path.depth());
    if (present != kNone)
        if (const Result<void> fine = check_alone(nodes[present], record); !fine)
            return fine.error();
    const std::uint32_t at = present != kNone ? present : ensure_node(path);

    DraftEntry entry;
    entry.type = record.type;
    entry.ttl = record.ttl;
    entry.line = static_cast<std::uint32_t>(line);
    entry.rdata_at = store(record.rdata);
    entry.rdata_size = static_cast<std::uint16_t>(record.rdata.size());
    packed_bytes_ += record.rdata.size() + kOverheadBytes;
    DraftNode& node = nodes[at];
    const auto index = static_cast<std::uint32_t>(entries.size());
    (node.first == kNone ? node.first : entries[node.last].next) = index;
    node.last = index;
    entries.push_back(entry);
    node.has_ns |= record.type == type::ns;
    node.has_cname |= record.type == type::cname;
    node.has_dname |= record.type == type::dname;
    node.has_soa |= record.type == type::soa;
    node.has_other |= record.type != type::cname && !is_signing_type(record.type);
    return {};
}

// What is wrong with the record by itself.
Result<void> Draft::check(const dns::ResourceRecord& record) const {
    const auto wrong = [&](const std::string& why) { return fail(quoted(record) + why); };
    if (!record.owner.is_under(origin)) return wrong("the name is not in zone " + origin.to_text());
    if (dns::is_meta_type(record.type)) return wrong("a zone cannot hold this type");
    if (record.ttl > dns::kTtlMax) return wrong("the TTL is above " + std::to_string(dns::kTtlMax));
    if (!dns::is_sound_rdata(record.type, record.rdata))
        return wrong("the data does not fit the type");
    if (record.type == type::soa && !(record.owner == origin))
        return wrong("a SOA stands at the zone's own name only");
    if (record.type == type::cname && record.owner == origin)
        return wrong("the zone's own name cannot be a CNAME, it has SOA and NS");
    if (record.owner.is_wildcard() && (record.type == type::ns || record.type == type::dname))
        return wrong("a wildcard cannot hold NS or DNAME (RFC 4592 4.2, 4.4)");
    if (packed_bytes_ + record.rdata.size() + (dns::kNameMax + kOverheadBytes) * dns::kNameMax / 2 >
        kZoneBytesMax)
        return wrong("the zone is too large");
    return {};
}

// CNAME, DNAME and SOA are single, and a CNAME has no neighbours (RFC 1034 3.6.2, RFC 2181 10.1,
// RFC 6672 2.4).
Result<void> Draft::check_alone(const DraftNode& node, const dns::ResourceRecord& record) const {
    const auto wrong = [&](const char* why) { return fail(quoted(record) + why); };
    if (record.type == type::cname && node.has_other)
        return wrong("a CNAME stands alone, and this name has other records");
    if (record.type != type::cname && node.has_cname && !is_signing_type(record.type))
        return wrong("this name has a CNAME, which stands alone");
    const bool repeated = record.type == type::cname   ? node.has_cname
                          : record.type == type::dname ? node.has_dname
                                                       : record.type == type::soa && node.has_soa;
    if (!repeated) return {};
    for (std::uint32_t i = node.first; i != kNone; i = entries[i].next)
        if (entries[i].type == record.type &&
            !equal_rdata(record.type, rdata(entries[i]), record.rdata))
            return wrong("a second record of a type of which a name has only one");
    return {};
}

std::vector<std::uint32_t> Draft::covers() const {
    std::vector<std::uint32_t> result(nodes.size(), kNone);
    for (std::uint32_t i = 1; i < nodes.size(); ++i) {
        const std::uint32_t parent = nodes[i].parent;
        if (result[parent] != kNone)
            result[i] = result[parent];
        else if (nodes[parent].has_dname)
            result[i] = parent;
        else if (is_cut(i))
            result[i] = i;
    }
    return result;
}

bool Draft::is_occluded(std::uint32_t node, std::uint32_t cover, std::uint16_t t) const {
    if (cover == kNone) return false;
    const bool stays_at_cut =
        cover == node && (t == type::ns || t == type::ds || is_signing_type(t));
    return !is_cut(cover) || !(is_address(t) || stays_at_cut);
}

std::vector<Problem> Draft::warnings() const {
    std::vector<Problem> warnings;
    std::size_t unreported = 0;
    const auto warn = [&](const DraftEntry& entry, const auto& text) {
        if (warnings.size() < kWarningsMax)
            warnings.push_back({entry.line, text()});
        else
            ++unreported;
    };
    const std::vector<std::uint32_t> hidden = covers();
    bool is_signed = false;
    for (std::uint32_t i = 0; i < nodes.size(); ++i) {
        for (std::uint32_t e = nodes[i].first; e != kNone; e = entries[e].next) {
            const DraftEntry& entry = entries[e];
            if (is_occluded(i, hidden[i], entry.type))
                warn(entry, [&] { return occlusion(i, hidden[i], entry); });
            if (entry.type != type::rrsig || is_signed) continue;
            is_signed = true;
            warn(entry, [] {
                return std::string(
                    "the zone is signed, but signatures are not served: where its parent holds a "
                    "DS for it, validators will take its answers for forged");
            });
        }
    }
    if (unreported != 0)
        warnings.back() = {0, "and " + std::to_string(unreported + 1) + " more warnings"};
    return warnings;
}

// Why a record is left out.
std::string Draft::occlusion(std::uint32_t node, std::uint32_t cover,
                             const DraftEntry& entry) const {
    const std::string text = quoted_entry(nodes[node], entry);
    const std::string where = full_name(nodes[cover]).to_text();
    if (!is_cut(cover))
        return text + "ignored, it lies below the DNAME of " + where + " (RFC 6672 2.4)";
    if (node == cover)
        return text + "ignored, beside the delegation of " + where +
               " only DS and addresses are used";
    return text + "ignored, it lies below the delegation of " + where +
           ", where only addresses of name servers are used";
}

std::string Draft::quoted_entry(const DraftNode& node, const DraftEntry& entry) const {
    const Bytes data = rdata(entry);
    return quoted({.owner = full_name(node),
                   .type = entry.type,
                   .ttl = entry.ttl,
                   .rdata = {data.begin(), data.end()}});
}

dns::Name Draft::full_name(const DraftNode& node) const {
    std::vector<std::uint8_t> wire(name(node).begin(), name(node).end());
    wire.insert(wire.end(), origin.wire().begin(), origin.wire().end());
    return dns::Name::from_checked(wire);
}

Result<void> Draft::supply_apex() {
    const auto label = [](std::string_view text) {
        return Bytes{reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
    };
    // An origin so long that nothing fits before it stands for itself.
    const auto below_origin = [&](std::string_view first, std::string_view second) {
        const auto parent = second.empty() ? origin : origin.child(label(second)).value_or(origin);
        return parent.child(label(first)).value_or(origin);
    };
    const dns::Name server = below_origin("ns", "dns");
    if (!nodes[0].has_soa) {
        const dns::Name mailbox = below_origin("hostmaster", {});
        dns::ResourceRecord soa{
            .owner = origin, .type = type::soa, .ttl = kDefaultTtl, .rdata = {}};
        for (const dns::Name& part : {server, mailbox})
            soa.rdata.insert(soa.rdata.end(), part.wire().begin(), part.wire().end());
        const std::size_t at = soa.rdata.size();
        soa.rdata.resize(at + 20);
        const std::uint32_t numbers[] = {1, 7200, 1800, 86400, kDefaultTtl};
        for (std::size_t i = 0; i < 5; ++i) store_u32(&soa.rdata[at + 4 * i], numbers[i]);
        if (const Result<void> added = add(soa, 0); !added) return added.error();
    }
    if (nodes[0].has_ns) return {};
    const Bytes wire = server.wire();
    return add({.owner = origin,
                .type = type::ns,
                .ttl = kDefaultTtl,
                .rdata = {wire.begin(), wire.end()}},
               0);
}

std::uint32_t Draft::find_node(const Path& path, unsigned depth) const {
    const std::uint64_t hash = path.hash(depth);
    const Bytes wanted = path.relative(depth);
    const std::size_t mask = slots_.size() - 1;
    for (std::size_t i = hash & mask; slots_[i] != 0; i = (i + 1) & mask) {
        const DraftNode& node = nodes[slots_[i] - 1];
        const Bytes found = name(node);
        if (node.hash == hash && std::ranges::equal(found, wanted)) return slots_[i] - 1;
    }
    return kNone;
}

// Makes the name and what is missing above it: the empty non-terminals (RFC 4592 2.2.2).
std::uint32_t Draft::ensure_node(const Path& path) {
    std::uint32_t parent = 0;
    for (unsigned depth = 1; depth <= path.depth(); ++depth) {
        const std::uint32_t found = find_node(path, depth);
        if (found == kNone) append_node(path, depth, parent);
        parent = found != kNone ? found : static_cast<std::uint32_t>(nodes.size() - 1);
    }
    return parent;
}

void Draft::append_node(const Path& path, unsigned depth, std::uint32_t parent) {
    const Bytes relative = path.relative(depth);
    DraftNode node;
    node.hash = path.hash(depth);
    node.parent = parent;
    node.name_at = store(relative);
    node.name_size = static_cast<std::uint8_t>(relative.size());
    node.depth = static_cast<std::uint8_t>(depth);
    packed_bytes_ += relative.size() + kOverheadBytes;
    nodes.push_back(node);
    if (nodes.size() * 2 > slots_.size()) {
        slots_.assign(slots_.size() * 2, 0);
        for (std::uint32_t i = 0; i + 1 < nodes.size(); ++i) put_slot(i);
    }
    put_slot(static_cast<std::uint32_t>(nodes.size() - 1));
}

void Draft::put_slot(std::uint32_t node) {
    const std::size_t mask = slots_.size() - 1;
    std::size_t i = nodes[node].hash & mask;
    while (slots_[i] != 0) i = (i + 1) & mask;
    slots_[i] = node + 1;
}

std::uint32_t Draft::store(Bytes bytes) {
    const auto at = static_cast<std::uint32_t>(octets.size());
    octets.insert(octets.end(), bytes.begin(), bytes.end());
    return at;
}

bool equal_rdata(std::uint16_t type, Bytes a, Bytes b) noexcept {
    if (a.size() != b.size()) return false;
    const dns::RdataLayout layout = dns::rdata_layout(type);
    if (layout.name_count == 0 || layout.strings_before != 0) return std::ranges::equal(a, b);
    const std::size_t before = layout.octets_before;
    const std::size_t end = a.size() - layout.octets_after;
    return std::ranges::equal(a.first(before), b.first(before)) &&
           dns::equal_folded(a.subspan(before, end - before), b.subspan(before, end - before)) &&
           std::ranges::equal(a.subspan(end), b.subspan(end));
}

}  // namespace peerzone::zone
