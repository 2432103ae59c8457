// A reply taken apart once: where each record of its answer and authority sections stands.
// Everything in it was checked against the message's bounds, so what is loaded later cannot lead
// outside. Pure.
#pragma once

#include <boost/container/small_vector.hpp>
#include <cstdint>
#include <span>
#include <string>

#include "peerzone/dns/message.hpp"
#include "peerzone/dns/name.hpp"
#include "peerzone/exchange/reply_check.hpp"

namespace peerzone::exchange {

/// One record of class IN.
struct Entry {
    std::uint64_t owner_hash = 0;
    std::uint32_t at = 0;   ///< where the record starts within the message
    std::uint32_t ttl = 0;  ///< 0 when its top bit was set (RFC 2181 8)
    std::uint32_t rdata_at = 0;
    std::uint16_t rdata_size = 0;
    std::uint16_t type = 0;
    std::uint16_t covered = 0;  ///< of an RRSIG: the type that it signs
};

class ReplyIndex {
public:
    /// Reads the message, which must live as long as anything is asked of the index; forgets the
    /// one before. False when header, question and answers are not all there, or data does not fit
    /// its type; the header can be asked for all the same. Damage behind the answers spoils only
    /// what stands there.
    bool read(Bytes message);

    const dns::Header& header() const noexcept { return header_; }
    bool has_question() const noexcept { return header_.counts[0] != 0; }
    /// Does the question section hold exactly this, letter case aside? Only after read() returned
    /// true.
    bool asks(const dns::Name& name, std::uint16_t type) const noexcept;
    std::span<const Entry> answers() const noexcept { return {entries_.data(), answer_count_}; }
    std::span<const Entry> authorities() const noexcept {
        return std::span<const Entry>(entries_).subspan(answer_count_);
    }
    /// False when the authority section was damaged: it counts as empty then, and proves nothing.
    bool authority_is_whole() const noexcept { return authority_is_whole_; }
    bool has_signatures() const noexcept { return has_signatures_; }
    /// Is there a TTL with its top bit set, in answer or authority?
    bool has_invalid_ttl() const noexcept { return has_invalid_ttl_; }
    unsigned extended_rcode() const noexcept {
        return extended_rcode_;
    }  ///< the upper bits, from OPT
    const Extended& extended() const noexcept { return extended_; }

    dns::Record load(const Entry& entry) const noexcept;
    Bytes rdata(const Entry& entry) const noexcept {  ///< as it stands in the message
        return message_.subspan(entry.rdata_at, entry.rdata_size);
    }
    /// The data with its names decompressed, valid until this thread expands other data. False when
    /// it does not fit its type.
    bool expand(const dns::Record& record, Bytes& expanded) const noexcept;
    /// The only name in the data of a CNAME or DNAME.
    dns::Name target(const Entry& entry) const noexcept;
    bool owned_by(const Entry& entry, const dns::Name& name, std::uint64_t hash) const noexcept {
        return entry.owner_hash == hash && load(entry).owner == name;
    }

private:
    bool read_section(dns::Reader& reader);
    bool add(const dns::Record& record, std::size_t at);
    void read_additional(dns::Reader& reader);
    void read_opt(const dns::Record& record);

    Bytes message_;
    dns::Header header_;
    dns::Name question_;
    std::uint16_t question_type_ = 0;
    std::uint16_t question_class_ = 0;
    boost::container::small_vector<Entry, 24> entries_;
    std::size_t section_ = 0;  // the one that is read
    std::size_t answer_count_ = 0;
    bool authority_is_whole_ = false;
    bool has_signatures_ = false;
    bool has_invalid_ttl_ = false;
    unsigned extended_rcode_ = 0;
    Extended extended_;
};

/// The hash that Entry::owner_hash holds.
std::uint64_t owner_hash(const dns::Name& name) noexcept;

}  // namespace peerzone::exchange
