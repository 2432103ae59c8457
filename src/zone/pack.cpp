// From draft to blocks, in two passes: first every name with what hides it, then the RRsets, whose
// targets are looked up among the names.
#include <algorithm>
#include <bit>
#include <unordered_set>

#include "zone/draft.hpp"

namespace peerzone::zone {
namespace {

class Packer {
public:
    explicit Packer(const Draft& draft)
        : draft_(draft), data_(std::make_unique<ZoneData>()), covers_(draft.covers()) {}

    std::unique_ptr<ZoneData> run() {
        data_->origin = draft_.origin;
        order_records();
        write_names();
        for (std::uint32_t i = 0; i < draft_.nodes.size(); ++i) write_sets(i);
        const SetView soa = data_->node(data_->apex).find(type::soa);
        std::size_t cursor = soa.begin();
        const Bytes rdata = soa.next(cursor).rdata;
        data_->negative_ttl = std::min(soa.head.ttl, load_u32(&rdata[rdata.size() - 4]));
        return std::move(data_);
    }

private:
    // A set is a run of records of one type within a node's part of order_.
    struct Set {
        std::size_t begin;
        std::size_t end;
    };

    const DraftEntry& entry(std::size_t i) const { return draft_.entries[order_[i]]; }

    Set set_at(std::size_t begin, std::size_t node_end) const {
        std::size_t end = begin + 1;
        while (end < node_end && entry(end).type == entry(begin).type) ++end;
        return {begin, end};
    }

    std::size_t record_bytes(const DraftEntry& e) const {
        return (has_target(e.type) ? sizeof(Place) : 0) + sizeof(std::uint16_t) + e.rdata_size;
    }

    static std::size_t padded(std::size_t size) { return (size + 3) & ~std::size_t{3}; }

    // Each node's records by type, in the order they came, without duplicates and what is occluded;
    // and so the place of each block.
    void order_records() {
        starts_.reserve(draft_.nodes.size() + 1);
        places_.reserve(draft_.nodes.size());
        ttls_.reserve(draft_.nodes.size());
        std::size_t place = 4;  // 0 means none
        for (std::uint32_t index = 0; index < draft_.nodes.size(); ++index) {
            const DraftNode& node = draft_.nodes[index];
            starts_.push_back(order_.size());
            places_.push_back(static_cast<Place>(place));
            place += sizeof(NodeHead) + padded(node.name_size);
            const std::size_t begin = order_.size();
            for (std::uint32_t e = node.first; e != kNone; e = draft_.entries[e].next)
                if (!draft_.is_occluded(index, covers_[index], draft_.entries[e].type))
                    order_.push_back(e);
            std::sort(order_.begin() + static_cast<std::ptrdiff_t>(begin), order_.end(),
                      [&](std::uint32_t a, std::uint32_t b) {
                          const std::uint16_t first = draft_.entries[a].type;
                          const std::uint16_t second = draft_.entries[b].type;
                          return first != second ? first < second : a < b;
                      });
            for (std::size_t at = begin; at < order_.size();) {
                const Set set = drop_duplicates(set_at(at, order_.size()));
                std::size_t size = 0;
                for (std::size_t i = set.begin; i < set.end; ++i) size += record_bytes(entry(i));
                place += sizeof(SetHead) + padded(size);
                at = set.end;
            }
        }
        starts_.push_back(order_.size());
        data_->record_count = order_.size();
        data_->blocks.resize(place);
    }

    // Notes the lowest TTL of the set, duplicates included (RFC 2181 5.2).
    Set drop_duplicates(Set set) {
        std::uint32_t ttl = entry(set.begin).ttl;
        for (std::size_t i = set.begin; i < set.end; ++i) ttl = std::min(ttl, entry(i).ttl);
        ttls_.push_back(ttl);
        if (set.end - set.begin == 1) return set;
        const auto hash = [&](std::uint32_t e) {
            std::uint64_t value = 0xcbf29ce484222325;
            for (const std::uint8_t octet : draft_.rdata(draft_.entries[e]))
                value = (value ^ dns::kFold[octet]) * 0x100000001b3;
            return static_cast<std::size_t>(value ^ value >> 32);
        };
        const auto same = [&](std::uint32_t a, std::uint32_t b) {
            const DraftEntry& first = draft_.entries[a];
            return equal_rdata(first.type, draft_.rdata(first), draft_.rdata(draft_.entries[b]));
        };
        std::unordered_set<std::uint32_t, decltype(hash), decltype(same)> seen(
            2 * (set.end - set.begin), hash, same);
        const auto begin = order_.begin() + static_cast<std::ptrdiff_t>(set.begin);
        const auto end = order_.begin() + static_cast<std::ptrdiff_t>(set.end);
        const auto kept =
            std::remove_if(begin, end, [&](std::uint32_t e) { return !seen.insert(e).second; });
        set.end = static_cast<std::size_t>(kept - order_.begin());
        order_.erase(kept, end);
        return set;
    }

    void write_names() {
        data_->slots.resize(std::bit_ceil(draft_.nodes.size() * 2));
        data_->apex = places_[0];
        for (std::uint32_t i = 0; i < draft_.nodes.size(); ++i) {
            const DraftNode& node = draft_.nodes[i];
            NodeHead head;
            head.cover = covers_[i] == kNone ? 0 : places_[covers_[i]];
            head.name_size = node.name_size;
            head.depth = node.depth;
            head.is_cut = draft_.is_cut(i);
            head.has_dname = node.has_dname;
            for (std::size_t at = starts_[i]; at < starts_[i + 1];
                 at = set_at(at, starts_[i + 1]).end)
                ++head.set_count;
            std::memcpy(&data_->blocks[places_[i]], &head, sizeof head);
            const Bytes name = draft_.name(node);
            if (!name.empty())
                std::memcpy(&data_->blocks[places_[i] + sizeof head], name.data(), name.size());
            data_->insert(places_[i], node.hash);
            if (name.size() > 1 && name[0] == 1 && name[1] == '*')
                std::memcpy(&data_->blocks[places_[node.parent] + offsetof(NodeHead, wildcard)],
                            &places_[i], sizeof(Place));
        }
    }

    void write_sets(std::uint32_t index) {
        const DraftNode& node = draft_.nodes[index];
        std::uint8_t* at =
            &data_->blocks[places_[index]] + sizeof(NodeHead) + padded(node.name_size);
        for (std::size_t begin = starts_[index]; begin < starts_[index + 1];) {
            const Set set = set_at(begin, starts_[index + 1]);
            SetHead head;
            head.type = entry(set.begin).type;
            head.ttl = ttls_[next_ttl_++];
            head.count = static_cast<std::uint32_t>(set.end - set.begin);
            std::uint8_t* const head_at = at;
            at += sizeof head;
            std::unordered_set<std::string> named;  // targets that have their addresses already
            for (std::size_t i = set.begin; i < set.end; ++i) {
                const DraftEntry& e = entry(i);
                if (has_target(e.type)) {
                    const Place target =
                        find_target(e, draft_.is_cut(index), set.end - set.begin > 1, named);
                    std::memcpy(at, &target, sizeof target);
                    at += sizeof target;
                }
                std::memcpy(at, &e.rdata_size, sizeof e.rdata_size);
                at += sizeof e.rdata_size;
                if (e.rdata_size != 0) std::memcpy(at, draft_.rdata(e).data(), e.rdata_size);
                at += e.rdata_size;
            }
            at = head_at + sizeof head +
                 padded(static_cast<std::size_t>(at - head_at) - sizeof head);
            head.size = static_cast<std::uint32_t>(at - head_at - sizeof head);
            std::memcpy(head_at, &head, sizeof head);
            begin = set.end;
        }
    }

    // The block of the host whose addresses go with the record, or 0. Glue belongs to referrals
    // only; everything else is said with authority.
    Place find_target(const DraftEntry& e, bool is_referral, bool may_repeat,
                      std::unordered_set<std::string>& named) const {
        const dns::Name host =
            dns::Name::from_checked(draft_.rdata(e).subspan(target_offset(e.type)));
        if (!host.is_under(draft_.origin)) return 0;
        const Position position = data_->locate(Path(host, draft_.origin));
        Place found = position.exact;
        if (position.cover != 0) {
            if (!is_referral) found = 0;
        } else if (found == 0) {
            found = data_->node(position.encloser).head.wildcard;
        }
        if (found != 0 && may_repeat && !named.emplace(host.folded().view()).second) return 0;
        return found;
    }

    const Draft& draft_;
    std::unique_ptr<ZoneData> data_;
    std::vector<std::uint32_t> covers_;  // of each node: Draft::covers
    std::vector<std::uint32_t> order_;   // indices of entries, node by node
    std::vector<std::size_t> starts_;    // of each node within order_
    std::vector<Place> places_;          // of each node's block
    std::vector<std::uint32_t> ttls_;    // of each set, in order
    std::size_t next_ttl_ = 0;
};

}  // namespace

std::unique_ptr<ZoneData> pack(const Draft& draft) {
    return Packer(draft).run();
}

}  // namespace peerzone::zone
