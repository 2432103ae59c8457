// Explanations as a client of TXT gets them.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "peerzone/resolver/explanation.hpp"
#include "support/integration_client.hpp"

namespace peerzone::itest {

/// The strings of the reply's TXT record; none when it has not exactly one record of TTL 0 and the
/// question's class.
inline std::vector<std::string> strings_of(const Reply& reply) {
    std::vector<std::string> strings;
    const auto& records = reply.message.records;
    if (records.size() != 1 || records[0].record.type != type::txt || records[0].record.ttl != 0 ||
        records[0].record.klass != reply.message.qclass)
        return strings;
    const Octets& rdata = records[0].rdata;
    for (std::size_t at = 0; at < rdata.size(); at += rdata[at] + 1u)
        strings.emplace_back(rdata.begin() + static_cast<std::ptrdiff_t>(at + 1),
                             rdata.begin() + static_cast<std::ptrdiff_t>(at + 1 + rdata[at]));
    return strings;
}

inline resolver::Explanation explanation_of(const Reply& reply) {
    return resolver::from_columns(strings_of(reply));
}

/// The texts of all lines with this key, one a line.
inline std::string said(const resolver::Explanation& lines, std::string_view key) {
    std::string text;
    for (const auto& line : lines)
        if (line.key == key) text += (text.empty() ? "" : "\n") + line.text;
    return text;
}
inline std::string said(const Reply& reply, std::string_view key) {
    return said(explanation_of(reply), key);
}

inline constexpr Asking kChaos{.klass = dns::klass::ch};

}  // namespace peerzone::itest
