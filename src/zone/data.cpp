#include "zone/data.hpp"

namespace peerzone::zone {

SetView NodeView::find(std::uint16_t wanted) const noexcept {
    const std::uint8_t* at = sets();
    for (std::uint32_t i = 0; i < head.set_count; ++i) {
        const SetView set(at);
        if (set.head.type == wanted) return set;
        if (set.head.type > wanted) break;  // sets lie in the order of their types
        at += sizeof(SetHead) + set.head.size;
    }
    return {};
}

SetView NodeView::first() const noexcept {
    return head.set_count == 0 ? SetView{} : SetView(sets());
}

Place ZoneData::find(const Path& path, unsigned depth) const noexcept {
    const Bytes name = path.relative(depth);
    const std::uint64_t hash = path.hash(depth);
    const auto tag = static_cast<std::uint32_t>(hash >> 32);
    const std::size_t mask = slots.size() - 1;
    for (std::size_t i = hash & mask; slots[i].place != 0; i = (i + 1) & mask) {
        if (slots[i].tag != tag) continue;
        const Bytes found = node(slots[i].place).name();
        if (found.size() == name.size() && std::memcmp(found.data(), name.data(), name.size()) == 0)
            return slots[i].place;
    }
    return 0;
}

void ZoneData::insert(Place place, std::uint64_t hash) noexcept {
    const std::size_t mask = slots.size() - 1;
    std::size_t i = hash & mask;
    while (slots[i].place != 0) i = (i + 1) & mask;
    slots[i] = {static_cast<std::uint32_t>(hash >> 32), place};
}

Position ZoneData::locate(const Path& path) const noexcept {
    Position position;
    position.exact = path.depth() == 0 ? apex : find(path, path.depth());
    if (position.exact != 0) {
        position.encloser = position.exact;
        position.cover = node(position.exact).head.cover;
        return position;
    }
    // From the origin down, because existence ends only once on that way: a name of a hundred
    // labels costs no more than the zone is deep.
    position.encloser = apex;
    for (unsigned depth = 1; depth < path.depth(); ++depth) {
        const Place below = find(path, depth);
        if (below == 0) break;
        position.encloser = below;
    }
    const NodeHead encloser = node(position.encloser).head;
    position.cover = encloser.cover != 0  ? encloser.cover
                     : encloser.has_dname ? position.encloser
                                          : 0;
    return position;
}

}  // namespace peerzone::zone
