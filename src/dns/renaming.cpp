#include "peerzone/dns/renaming.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "peerzone/dns/message.hpp"
#include "peerzone/dns/types.hpp"

namespace peerzone::dns {
namespace {

constexpr std::uint16_t kNaptr = 35;
constexpr std::size_t kSizeMax = 65535;  // RFC 1035 4.1.3: RDLENGTH has 16 bits

// SVCB and HTTPS: a priority, the target, parameters of any size without names (RFC 9460 2.2).
// rdata_layout has no row for them, for their target is never compressed.
bool has_parameters(std::uint16_t type) noexcept {
    return type == type::svcb || type == type::https;
}

RdataLayout layout_of(std::uint16_t type) noexcept {
    return has_parameters(type) ? RdataLayout{.octets_before = 2, .name_count = 1}
                                : rdata_layout(type);
}

// "." as target: no such service (RFC 2782), no replacement (RFC 3403 4.1), no mail (RFC 7505 3),
// the owner's own name or no service (RFC 9460 2.5).
bool has_null_target(std::uint16_t type) noexcept {
    return type == type::mx || type == type::srv || type == kNaptr || has_parameters(type);
}

// The octets of the uncompressed name at the start of `data`; 0: there is none.
std::size_t name_size(Bytes data) noexcept {
    std::size_t at = 0;
    while (at < data.size() && data[at] != 0) {
        if (data[at] > kLabelMax) return 0;
        at += data[at] + 1u;
    }
    return at < data.size() && at < kNameMax ? at + 1 : 0;
}

// Where the first name of `rdata` begins; nothing: the data ends before it.
std::optional<std::size_t> first_name(const RdataLayout& layout, Bytes rdata) noexcept {
    std::size_t at = layout.octets_before;
    for (unsigned i = 0; i < layout.strings_before; ++i) {
        if (at >= rdata.size()) return std::nullopt;
        at += rdata[at] + 1u;
    }
    if (at > rdata.size()) return std::nullopt;
    return at;
}

class Output {
public:
    explicit Output(MutableBytes out) noexcept : out_(out.first(std::min(out.size(), kSizeMax))) {}
    void add(Bytes octets) noexcept {
        is_full_ = is_full_ || octets.size() > out_.size() - size_;
        if (is_full_ || octets.empty()) return;
        std::memcpy(&out_[size_], octets.data(), octets.size());
        size_ += octets.size();
    }
    RenamedRdata end() const noexcept {
        return is_full_ ? RenamedRdata{RenameError::too_long, 0}
                        : RenamedRdata{RenameError::none, size_};
    }

private:
    MutableBytes out_;
    std::size_t size_ = 0;
    bool is_full_ = false;
};

}  // namespace

Renaming::Renaming(const Name& here, const Name& there, std::vector<Name> exceptions)
    : is_identity_(here == there), here_(here), there_(there), exceptions_(std::move(exceptions)) {}

std::optional<Name> Renaming::to_owner(const Name& name) const noexcept {
    return swap(name, {here_, there_});
}

std::optional<Name> Renaming::to_client(const Name& name) const noexcept {
    return swap(name, {there_, here_});
}

RenamedRdata Renaming::rdata_to_owner(std::uint16_t type, Bytes rdata,
                                      MutableBytes out) const noexcept {
    return swap_in_rdata(type, rdata, out, {here_, there_});
}

RenamedRdata Renaming::rdata_to_client(std::uint16_t type, Bytes rdata,
                                       MutableBytes out) const noexcept {
    return swap_in_rdata(type, rdata, out, {there_, here_});
}

bool Renaming::renames(const Name& name, const Name& from) const noexcept {
    const auto holds = [&](const Name& exception) { return name.is_under(exception); };
    return !is_identity_ && name.is_under(from) && std::ranges::none_of(exceptions_, holds);
}

std::optional<Name> Renaming::swap(const Name& name, const Swap& suffix) const noexcept {
    if (!renames(name, suffix.from)) return name;
    return name.with_suffix(suffix.from, suffix.to);
}

RenamedRdata Renaming::swap_in_rdata(std::uint16_t type, Bytes rdata, MutableBytes out,
                                     const Swap& suffix) const noexcept {
    constexpr RenamedRdata kMalformed{RenameError::malformed, 0};
    Output output(out);
    const RdataLayout layout = layout_of(type);
    if (is_identity_ || layout.name_count == 0) {
        output.add(rdata);
        return output.end();
    }
    const std::optional<std::size_t> first = first_name(layout, rdata);
    if (!first) return kMalformed;
    output.add(rdata.first(*first));
    Bytes rest = rdata.subspan(*first);
    bool fits = true;
    for (unsigned i = 0; i < layout.name_count; ++i) {
        const std::size_t size = name_size(rest);
        if (size == 0) return kMalformed;
        const Name name = Name::from_checked(rest.first(size));
        const bool is_null = name.is_root() && has_null_target(type);
        const std::optional<Name> renamed = is_null ? name : swap(name, suffix);
        fits = fits && renamed.has_value();
        if (renamed) output.add(renamed->wire());
        rest = rest.subspan(size);
    }
    if (!has_parameters(type) && rest.size() != layout.octets_after) return kMalformed;
    output.add(rest);
    return fits ? output.end() : RenamedRdata{RenameError::too_long, 0};
}

}  // namespace peerzone::dns
