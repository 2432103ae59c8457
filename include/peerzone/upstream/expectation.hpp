// By what an endpoint is known to be of the right cluster (peers.<name>.expect): a name, and what
// its answer must be. Where each cluster calls itself cluster.local, an address that has come to
// belong to another one answers as well, and nothing else tells. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "peerzone/base/ip.hpp"
#include "peerzone/dns/name.hpp"

namespace peerzone::upstream {

struct Options;

inline constexpr std::size_t kExpectationsMax = 8;  ///< of one peer

/// What each record of an answer must be, so that one of several is not enough: the block that an
/// address (A or AAAA, as the block is) is in, the target of an alias (CNAME), or the whole text of
/// a TXT record.
using Expected = std::variant<IpPrefix, dns::Name, std::string>;
/// As the configuration has it: "10.2.0.10", "10.2.0.0/16", "westus.", "txt:westus".
std::string expected_text(const Expected& expected);

struct Expectation {
    dns::Name name;  ///< as the endpoints are asked for it, folded
    Expected answer;

    std::uint16_t type() const noexcept;  ///< of the question

    friend bool operator==(const Expectation&, const Expectation&) = default;
};

/// The name that endpoints are asked for: `text` itself where it ends with a dot, else `text` below
/// what the peer calls its own zone: alias.there, else what this cluster calls its own
/// (cluster.zone). Nothing when that is no name or too long.
std::optional<dns::Name> expected_name(const Options& options, const dns::Name& cluster_zone,
                                       std::string_view text);

}  // namespace peerzone::upstream
