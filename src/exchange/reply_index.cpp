// Invariants: entries_ holds only records that read_record took from message_, those of the answer
// section first; a CNAME or DNAME is there only when its data is one whole name and nothing else,
// an RRSIG only when it is long enough to say what it covers.
#include "peerzone/exchange/reply_index.hpp"

#include <array>
#include <string_view>

#include "peerzone/base/text.hpp"

namespace peerzone::exchange {
namespace {

constexpr std::size_t kTextMax = 240;  // as much as we send ourselves
constexpr std::size_t kSignatureMin =
    19;  // RRSIG: 18 octets and the shortest signer (RFC 4034 3.1)

// Text of a stranger that ends up in logs and in front of people: UTF-8 without control characters
// (C0, DEL and C1), bounded.
std::string clean_text(Bytes text) {
    const std::string_view characters(reinterpret_cast<const char*>(text.data()), text.size());
    std::string clean;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t size = character_size(characters.substr(at));
        const bool control = size == 1 ? text[at] < 0x20 || text[at] == 0x7f
                                       : size == 2 && text[at] == 0xc2 && text[at + 1] < 0xa0;
        const std::size_t taken = size == 0 || control ? 1 : size;
        if (clean.size() + taken > kTextMax) break;
        if (control) {
            clean += ' ';
        } else if (size == 0) {
            clean += '?';
        } else {
            clean += characters.substr(at, size);
        }
        at += size == 0 ? 1 : size;
    }
    while (!clean.empty() && clean.back() == ' ')
        clean.pop_back();  // some end their text with a NUL
    clean.erase(0, clean.find_first_not_of(' '));
    return clean;
}

bool is_alias(std::uint16_t type) noexcept {
    return type == dns::type::cname || type == dns::type::dname;
}

}  // namespace

std::uint64_t owner_hash(const dns::Name& name) noexcept {
    return dns::hash_folded(name.folded().wire());
}

bool ReplyIndex::read(Bytes message) {
    message_ = message;
    header_ = {};
    entries_.clear();
    answer_count_ = 0;
    section_ = 0;
    authority_is_whole_ = false;
    has_signatures_ = has_invalid_ttl_ = false;
    extended_rcode_ = 0;
    extended_.present = false;
    extended_.text.clear();
    dns::Reader reader(message);
    if (!reader.read_header(header_) || header_.counts[0] > 1) return false;
    if (has_question() && !reader.read_question(question_, question_type_, question_class_))
        return false;
    if (!read_section(reader)) return false;
    answer_count_ = entries_.size();
    authority_is_whole_ = read_section(reader);
    if (authority_is_whole_)
        read_additional(reader);
    else
        entries_.resize(answer_count_);
    return true;
}

bool ReplyIndex::asks(const dns::Name& name, std::uint16_t type) const noexcept {
    return has_question() && question_type_ == type && question_class_ == dns::klass::in &&
           question_ == name;
}

// The answer section, then the authority section. A count that promises more than the octets hold
// ends at the first record that is not there. An OPT belongs elsewhere (RFC 6891 6.1.1): some
// servers put it in front and count as if it were not there, others count it.
bool ReplyIndex::read_section(dns::Reader& reader) {
    ++section_;
    bool stray_opt = false;
    for (unsigned i = 0; i < header_.counts[section_];) {
        if (stray_opt && reader.at_end()) return true;
        const std::size_t at = reader.offset();
        dns::Record record;
        if (!reader.read_record(record)) return false;
        if (record.type == dns::type::opt && !stray_opt) {
            stray_opt = true;
            continue;
        }
        if (!add(record, at)) return false;
        ++i;
    }
    return true;
}

bool ReplyIndex::add(const dns::Record& record, std::size_t at) {
    // What other classes mean by their data is not known here; none of their records is kept.
    if (record.klass != dns::klass::in) return true;
    Bytes expanded;
    if (!expand(record, expanded)) return false;
    const bool signature = record.type == dns::type::rrsig;
    if (signature && record.rdata_size < kSignatureMin) return false;
    Entry entry;
    entry.owner_hash = owner_hash(record.owner);
    entry.at = static_cast<std::uint32_t>(at);
    entry.ttl = record.ttl >> 31 ? 0 : record.ttl;
    has_invalid_ttl_ = has_invalid_ttl_ || record.ttl >> 31;
    entry.rdata_at = static_cast<std::uint32_t>(record.rdata_offset);
    entry.rdata_size = record.rdata_size;
    entry.type = record.type;
    if (signature) entry.covered = load_u16(&message_[record.rdata_offset]);
    has_signatures_ = has_signatures_ || signature;
    if (is_alias(entry.type)) {
        dns::Reader name_reader(message_, entry.rdata_at);
        dns::Name name;
        if (!name_reader.read_name(name) ||
            name_reader.offset() != entry.rdata_at + entry.rdata_size)
            return false;
    }
    entries_.push_back(entry);
    return true;
}

// Only the OPT is used, the first one of the root. What else stands here, and whether the octets
// end with it, is not judged: the answer does not depend on it.
void ReplyIndex::read_additional(dns::Reader& reader) {
    for (unsigned i = 0; i < header_.counts[3]; ++i) {
        dns::Record record;
        if (!reader.read_record(record)) return;
        if (record.type == dns::type::opt && record.owner.is_root()) return read_opt(record);
    }
}

// RFC 6891 6.1.2 and 6.1.3: the TTL holds the upper bits of the RCODE, the data is a list of
// options; those in front of damage are taken.
void ReplyIndex::read_opt(const dns::Record& record) {
    extended_rcode_ = record.ttl >> 24;
    const std::size_t end = record.rdata_offset + record.rdata_size;
    dns::Reader options(message_.first(end), record.rdata_offset);
    while (!options.at_end()) {
        std::uint16_t code = 0;
        std::uint16_t size = 0;
        if (!options.read_u16(code) || !options.read_u16(size) || end - options.offset() < size)
            return;
        const Bytes value = message_.subspan(options.offset(), size);
        if (code == dns::option::ede && size >= 2) {
            extended_.present = true;
            extended_.code = load_u16(value.data());
            extended_.text = clean_text(value.subspan(2));
            return;
        }
        options = dns::Reader(message_.first(end), options.offset() + size);
    }
}

bool ReplyIndex::expand(const dns::Record& record, Bytes& expanded) const noexcept {
    thread_local std::array<std::uint8_t, dns::kRdataMax> scratch;
    bool fits = false;
    const std::size_t size = dns::expand_rdata(message_, record, scratch, fits);
    expanded = Bytes(scratch).first(size);
    return fits;
}

dns::Record ReplyIndex::load(const Entry& entry) const noexcept {
    dns::Record record;
    dns::Reader(message_, entry.at).read_record(record);
    return record;
}

dns::Name ReplyIndex::target(const Entry& entry) const noexcept {
    dns::Name name;
    dns::Reader(message_, entry.rdata_at).read_name(name);
    return name;
}

}  // namespace peerzone::exchange
