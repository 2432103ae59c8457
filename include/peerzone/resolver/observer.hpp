// Who watches replies go out: the query log and the metrics by rcode, source and duration. One
// virtual call per reply, on the worker's thread, for hits too: an observer must not allocate, wait
// or throw. A Resolver without an observer pays for a test of a pointer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "peerzone/base/clock.hpp"
#include "peerzone/dns/types.hpp"
#include "peerzone/upstream/upstream.hpp"
#include "peerzone/view/view.hpp"

namespace peerzone::resolver {

struct Request;

/// Where an answer came from; for one with aliases, where its end did.
enum class Source : std::uint8_t {
    none,     ///< we refused, or failed without having asked
    zone,     ///< a zone of ours
    cache,    ///< what an upstream said before, a failure that is remembered included
    stale,    ///< the same past its TTL
    upstream  ///< it was asked for this question, or for the identical one of another client
};
inline constexpr std::size_t kSourceCount = 5;

inline std::string_view source_text(Source source) noexcept {
    switch (source) {
        case Source::none: return "none";
        case Source::zone: return "zone";
        case Source::cache: return "cache";
        case Source::stale: return "stale";
        case Source::upstream: return "upstream";
    }
    return "";
}

/// What is said of one reply. The pointers hold for the call only.
struct ReplyNote {
    Source source = Source::none;
    dns::Rcode rcode = dns::Rcode::noerror;
    bool truncated = false;
    const dns::ExtendedError* error = nullptr;     ///< whether or not the client speaks EDNS
    const view::View* view = nullptr;              ///< null: the client has none
    const upstream::Upstream* upstream = nullptr;  ///< whose name it is; null: nobody's or ours
    std::size_t size = 0;                          ///< octets
    Duration duration{};  ///< how long the question waited for upstreams; zero at once
};

class ReplyObserver {
public:
    /// `request` is the parsed question, as far as it could be parsed.
    virtual void on_reply(const Request& request, const ReplyNote& note) noexcept = 0;

protected:
    ~ReplyObserver() = default;
};

}  // namespace peerzone::resolver
