// The inside of a Zone: one block of octets per name, all blocks in one array, and a hash table of
// where they begin. A block holds its name and its RRsets with their data behind each other, so an
// answer touches one slot and one block. A Place is where a block begins in the array: a multiple
// of 4, and 0 is none. Immutable once it is packed; any thread.
//
//   block:   NodeHead, relative name (folded), padding, set_count × RRset
//   RRset:   SetHead, count × record, padding
//   record:  u32 Place of the target's block (types with a target only), u16 size, data
#pragma once

#include <cstdint>
#include <cstring>
#include <vector>

#include "peerzone/base/bytes.hpp"
#include "peerzone/dns/name.hpp"
#include "peerzone/dns/types.hpp"
#include "zone/path.hpp"

namespace peerzone::zone {

namespace type = dns::type;

using Place = std::uint32_t;  ///< of a block; 0: none

struct NodeHead {
    Place cover = 0;     ///< the highest cut at or above this name, or the highest DNAME above it
    Place wildcard = 0;  ///< the child `*`
    std::uint32_t set_count = 0;
    std::uint8_t name_size = 0;
    std::uint8_t depth = 0;  ///< labels below the origin
    std::uint8_t is_cut = 0;
    std::uint8_t has_dname = 0;
};

struct SetHead {
    std::uint16_t type = 0;
    std::uint16_t unused = 0;
    std::uint32_t ttl = 0;
    std::uint32_t count = 0;
    std::uint32_t size = 0;  ///< of the records, padding included
};

/// Types whose data names a host, the addresses of which go into the additional section, and where
/// that name begins.
constexpr bool has_target(std::uint16_t t) noexcept {
    return t == type::ns || t == type::mx || t == type::srv;
}
constexpr std::size_t target_offset(std::uint16_t t) noexcept {
    return t == type::srv ? 6 : t == type::mx ? 2 : 0;
}

/// One record as it lies in a block.
struct RecordView {
    Place target = 0;
    Bytes rdata;
};

/// The records of one RRset, in order, beginning anywhere when they are of one size.
class SetView {
public:
    SetView() noexcept = default;
    SetView(const std::uint8_t* at) noexcept : records_(at + sizeof(SetHead)) {
        std::memcpy(&head, at, sizeof head);
    }
    explicit operator bool() const noexcept { return records_ != nullptr; }

    /// Steps through the records: `cursor` begins at begin() and moves on.
    std::size_t begin() const noexcept { return 0; }
    RecordView next(std::size_t& cursor) const noexcept {
        RecordView view;
        const std::uint8_t* p = records_ + cursor;
        if (has_target(head.type)) {
            std::memcpy(&view.target, p, sizeof view.target);
            p += sizeof view.target;
        }
        std::uint16_t size = 0;
        std::memcpy(&size, p, sizeof size);
        view.rdata = {p + sizeof size, size};
        cursor = static_cast<std::size_t>(p + sizeof size + size - records_);
        return view;
    }

    SetHead head;

private:
    const std::uint8_t* records_ = nullptr;
};

class NodeView {
public:
    explicit NodeView(const std::uint8_t* block) noexcept : block_(block) {
        std::memcpy(&head, block, sizeof head);
    }
    Bytes name() const noexcept { return {block_ + sizeof(NodeHead), head.name_size}; }
    /// The RRset of that type, or nothing.
    SetView find(std::uint16_t wanted) const noexcept;
    /// The RRset of the lowest type, or nothing.
    SetView first() const noexcept;

    NodeHead head;

private:
    const std::uint8_t* sets() const noexcept {
        return block_ + sizeof(NodeHead) + ((head.name_size + 3u) & ~3u);
    }
    const std::uint8_t* block_;
};

/// Where a name stands in a zone.
struct Position {
    Place exact = 0;     ///< its own block; 0 when it does not exist
    Place encloser = 0;  ///< the closest encloser (RFC 4592 3.3.1); the name itself when it exists
    Place cover = 0;     ///< the cut or DNAME that hides it
};

struct ZoneData {
    struct Slot {
        std::uint32_t tag = 0;
        Place place = 0;
    };

    dns::Name origin;
    std::size_t record_count = 0;
    std::uint32_t negative_ttl = 0;  ///< min(SOA TTL, SOA MINIMUM), RFC 2308 5
    std::vector<Slot> slots;         ///< open addressing, linear; a power of two, at most half full
    std::vector<std::uint8_t> blocks;
    Place apex = 0;

    NodeView node(Place place) const noexcept { return NodeView(&blocks[place]); }
    /// The block of the ancestor of that depth, or 0.
    Place find(const Path& path, unsigned depth) const noexcept;
    Position locate(const Path& path) const noexcept;
    void insert(Place place, std::uint64_t hash) noexcept;
};

}  // namespace peerzone::zone
