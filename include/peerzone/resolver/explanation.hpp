// What a name's explanation consists of: lines with a key, in an order that stays. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "peerzone/base/ip.hpp"
#include "peerzone/dns/name.hpp"

namespace peerzone::resolver {

struct ExplanationLine {
    std::string key;   ///< "view"; a key may come several times ("endpoint")
    std::string text;  ///< printable UTF-8

    friend bool operator==(const ExplanationLine&, const ExplanationLine&) = default;
};
using Explanation = std::vector<ExplanationLine>;

inline constexpr std::size_t kColumnsMax = 80;  ///< octets of a line for people

/// For people: the key in front, then the text; long ones go on in lines that begin with blanks.
/// No line is longer than kColumnsMax.
std::vector<std::string> to_columns(const Explanation& explanation);
/// The other way. Lines that to_columns has not made are taken as they are.
Explanation from_columns(const std::vector<std::string>& lines);

/// What is to be explained to a client.
struct ExplainRequest {
    dns::Name name;                     ///< may have the prefixes of `_explain` in front
    std::optional<std::uint16_t> type;  ///< none: the usual one of such a name
    IpAddress client;
};

}  // namespace peerzone::resolver
