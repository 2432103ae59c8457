#include "peerzone/dns/message.hpp"
#include "peerzone/dns/record.hpp"

namespace peerzone::dns {

bool is_sound_rdata(std::uint16_t type, Bytes rdata) noexcept {
    if (rdata.size() > 0xffff) return false;
    const RdataLayout layout = rdata_layout(type);
    if (layout.name_count == 0)
        return layout.octets_before == 0 || rdata.size() == layout.octets_before;
    std::size_t at = layout.octets_before;
    for (unsigned i = 0; i < layout.strings_before; ++i) {
        if (at >= rdata.size()) return false;
        at += rdata[at] + 1u;
    }
    for (unsigned i = 0; i < layout.name_count; ++i) {
        const std::size_t start = at;
        while (at < rdata.size() && rdata[at] != 0) {
            if (rdata[at] > kLabelMax) return false;
            at += rdata[at] + 1u;
        }
        if (at++ >= rdata.size() || at - start > kNameMax) return false;
    }
    return rdata.size() - at == layout.octets_after;
}

}  // namespace peerzone::dns
