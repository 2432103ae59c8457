// Zones that we answer ourselves. A Zone is an immutable value: built once on the control thread,
// then read by every worker without locks. Lookup follows RFC 1034 4.3.2, wildcards RFC 4592, DNAME
// RFC 6672, negative answers RFC 2308.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "peerzone/base/result.hpp"
#include "peerzone/dns/answer.hpp"
#include "peerzone/dns/name.hpp"
#include "peerzone/dns/record.hpp"
#include "peerzone/zone/authority.hpp"

namespace peerzone::zone {

struct Options {
    dns::Name origin;
    std::vector<std::string> records;  ///< zones.<origin>.records: lines of RFC 1035 master format,
                                       ///< relative to the origin
    std::string file;  ///< zones.<origin>.file: an RFC 1035 zone file; exclusive with records
};

/// TTL of records that name none, of the SOA we supply, and of its MINIMUM.
inline constexpr std::uint32_t kDefaultTtl = 30;
/// CNAME and DNAME links followed within one zone.
inline constexpr unsigned kChainMax = 16;

struct ZoneData;
struct Draft;

/// Records that were given by the configuration or a file.
class Zone final : public Authority {
public:
    Zone(Zone&&) noexcept;
    Zone& operator=(Zone&&) noexcept;
    ~Zone();

    const dns::Name& origin() const noexcept override;
    std::size_t record_count() const noexcept;
    bool delegates(const dns::Name& name) const noexcept override;
    LookupResult lookup(const dns::Name& name, std::uint16_t type, std::uint32_t rotation,
                        dns::BodyWriter& writer,
                        const NamesOwnedElsewhere* elsewhere = nullptr) const noexcept override;

private:
    friend class Builder;
    explicit Zone(std::unique_ptr<ZoneData> data) noexcept;
    std::unique_ptr<ZoneData> data_;
};

/// What is wrong with a zone's source, or odd. `line` is 1-based within the file, or the index of
/// the `records` item plus 1; 0 when the fault is not in one line.
struct Problem {
    std::size_t line = 0;
    std::string message;
};

/// Collects records and checks that they make a zone. Used by one thread. What is checked: in
/// bailiwick, CNAME alone at its name, one SOA, equal TTLs per RRset (the lowest wins, RFC 2181
/// 5.2). Duplicates are dropped. What can never be asked for is left out, too: all but NS, DS and
/// glue at and below a cut, and everything below a DNAME.
class Builder {
public:
    explicit Builder(dns::Name origin);
    Builder(Builder&&) noexcept;
    Builder& operator=(Builder&&) noexcept;
    ~Builder();

    /// An error names the record and what is wrong with it; the builder stays usable. `line` comes
    /// back in warnings().
    Result<void> add(const dns::ResourceRecord& record, std::size_t line = 0);
    /// What is odd, and what is left out; at most kWarningsMax, the rest counted in the last one.
    std::vector<Problem> warnings() const;
    /// Supplies SOA and NS when there are none: `ns.dns.<origin>` and `hostmaster.<origin>`, TTL
    /// kDefaultTtl. An error says what does not fit.
    Result<Zone> build() &&;

private:
    std::unique_ptr<Draft> draft_;
};

/// A zone file may have this size.
inline constexpr std::size_t kFileBytesMax = std::size_t{64} << 20;
/// All records of a zone, in octets.
inline constexpr std::size_t kZoneBytesMax = std::size_t{1} << 30;
/// Problems reported for one zone; the rest is counted in the last one.
inline constexpr std::size_t kProblemsMax = 1000;
/// The same for warnings, which are logged at each load.
inline constexpr std::size_t kWarningsMax = 100;

/// Builds a zone from its options. `file` may hold $ORIGIN and $TTL; $INCLUDE and $GENERATE are
/// errors. Reports all problems, not the first; does not throw for what the source holds. Reads the
/// file: seconds for a large one. Any thread.
struct LoadResult {
    std::unique_ptr<Zone> zone;  ///< null when there are problems
    std::vector<Problem> problems;
    std::vector<Problem> warnings;  ///< the zone is served all the same
};
LoadResult load(const Options& options);

}  // namespace peerzone::zone
