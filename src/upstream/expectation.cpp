#include "peerzone/upstream/expectation.hpp"

#include "peerzone/dns/types.hpp"
#include "peerzone/upstream/upstream.hpp"

namespace peerzone::upstream {
namespace {

constexpr std::uint8_t kOneAddress = 128;

}  // namespace

std::string expected_text(const Expected& expected) {
    if (const auto* prefix = std::get_if<IpPrefix>(&expected))
        return prefix->length == kOneAddress ? prefix->address.to_text() : prefix->to_text();
    if (const auto* target = std::get_if<dns::Name>(&expected)) return target->to_text() + ".";
    return "txt:" + std::get<std::string>(expected);
}

std::uint16_t Expectation::type() const noexcept {
    if (const auto* prefix = std::get_if<IpPrefix>(&answer))
        return prefix->is_v4() ? dns::type::a : dns::type::aaaa;
    return std::holds_alternative<dns::Name>(answer) ? dns::type::cname : dns::type::txt;
}

std::optional<dns::Name> expected_name(const Options& options, const dns::Name& cluster_zone,
                                       std::string_view text) {
    const auto name = dns::Name::from_text(text);
    if (!name) return std::nullopt;
    if (text.ends_with('.')) return name->folded();
    const dns::Name& zone = options.alias ? options.alias->there : cluster_zone;
    const auto whole = name->with_suffix(dns::Name(), zone);
    if (!whole) return std::nullopt;
    return whole->folded();
}

}  // namespace peerzone::upstream
