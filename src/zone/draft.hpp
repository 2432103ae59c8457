// A zone while it is being collected: a tree of names, each with the list of its records in the
// order they came.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "peerzone/zone/zone.hpp"
#include "zone/data.hpp"

namespace peerzone::zone {

inline constexpr std::uint32_t kNone = 0xffffffff;

struct DraftNode {
    std::uint64_t hash = 0;
    std::uint32_t name_at = 0;  ///< of the folded relative name in Draft::octets
    std::uint32_t parent = kNone;
    std::uint32_t first = kNone;  ///< its records: Draft::entries, linked
    std::uint32_t last = kNone;
    std::uint8_t name_size = 0;
    std::uint8_t depth = 0;
    bool has_ns = false;
    bool has_cname = false;
    bool has_dname = false;
    bool has_soa = false;
    bool has_other = false;  ///< what may not stand beside a CNAME
};

struct DraftEntry {
    std::uint32_t next = kNone;
    std::uint32_t ttl = 0;
    std::uint32_t rdata_at = 0;  ///< in Draft::octets
    std::uint32_t line = 0;
    std::uint16_t rdata_size = 0;
    std::uint16_t type = 0;
};

struct Draft {
    explicit Draft(const dns::Name& name);

    Result<void> add(const dns::ResourceRecord& record, std::size_t line);
    std::vector<Problem> warnings() const;
    /// SOA and NS when there are none.
    Result<void> supply_apex();

    Bytes name(const DraftNode& node) const {
        return {octets.data() + node.name_at, node.name_size};
    }
    Bytes rdata(const DraftEntry& entry) const {
        return {octets.data() + entry.rdata_at, entry.rdata_size};
    }
    bool is_cut(std::uint32_t node) const { return node != 0 && nodes[node].has_ns; }
    /// True when no query can reach a record of that type at `node`. `cover` is the node's entry of
    /// covers().
    bool is_occluded(std::uint32_t node, std::uint32_t cover, std::uint16_t type) const;
    /// For each node the one that hides it: NodeHead::cover as an index, or kNone.
    std::vector<std::uint32_t> covers() const;

    dns::Name origin;
    std::vector<DraftNode> nodes;  ///< a parent comes before its children; 0 is the origin
    std::vector<DraftEntry> entries;
    std::vector<std::uint8_t> octets;

private:
    std::uint32_t find_node(const Path& path, unsigned depth) const;
    std::uint32_t ensure_node(const Path& path);
    void append_node(const Path& path, unsigned depth, std::uint32_t parent);
    void put_slot(std::uint32_t node);
    std::uint32_t store(Bytes bytes);
    Result<void> check(const dns::ResourceRecord& record) const;
    Result<void> check_alone(const DraftNode& node, const dns::ResourceRecord& record) const;
    std::string occlusion(std::uint32_t node, std::uint32_t cover, const DraftEntry& entry) const;
    std::string quoted_entry(const DraftNode& node, const DraftEntry& entry) const;
    dns::Name full_name(const DraftNode& node) const;

    std::vector<std::uint32_t> slots_;  ///< node + 1; a power of two, at most half full
    std::size_t packed_bytes_ = 0;      ///< an upper bound of what pack() will need
};

/// Do two data of one type mean the same, letters of names folded?
bool equal_rdata(std::uint16_t type, Bytes a, Bytes b) noexcept;

/// Lays the blocks out, what is occluded left out. The draft has its SOA.
std::unique_ptr<ZoneData> pack(const Draft& draft);

}  // namespace peerzone::zone
