// Replies on their way out: heads, rotation, truncation, the counters and what the observer is told
// of each. One per worker, used on its thread. The replies that are made at once go to the caller's
// buffer and allocate nothing.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <utility>

#include "peerzone/cache/cache.hpp"
#include "peerzone/dns/answer.hpp"
#include "peerzone/metrics/counters.hpp"
#include "peerzone/resolver/observer.hpp"
#include "peerzone/resolver/resolver.hpp"
#include "resolver/ede_text.hpp"
#include "resolver/in_flight.hpp"

namespace peerzone::resolver {

/// An answer before it is put behind one client's question: the body stands elsewhere.
struct Answer {
    dns::Rcode rcode = dns::Rcode::noerror;
    Source source = Source::none;
    const upstream::Upstream* upstream = nullptr;  ///< the last one on the way
    bool authoritative = false;
    bool authentic_data = false;
    bool failed = false;  ///< rcode and error are all there is
    dns::BodyInfo info{};
    std::uint16_t error_code = 0;
    std::string error_text;  ///< empty: no extended error
};

/// AD only for clients that can tell (RFC 6840 5.7, 5.8).
inline bool wants_ad(const dns::Query& query) noexcept {
    return query.dnssec_ok || (query.flags & dns::kFlagAd);
}

class ReplyWriter {
public:
    /// Where a reply that is made at once goes, and how long it became.
    struct Out {
        MutableBytes buffer;
        std::size_t& size;
    };

    explicit ReplyWriter(metrics::Counters& counters) noexcept : counters_(counters) {}

    void observe(ReplyObserver* observer) noexcept { observer_ = observer; }
    /// What clients that ask for NSID are told from now on.
    void introduce(std::string id) { id_ = std::move(id); }
    bool is_observed() const noexcept { return observer_ != nullptr; }
    /// Each zone lookup and each answer from memory turns addresses on by one.
    std::uint32_t& rotation() noexcept { return rotation_; }

    // A reply at once: begin(), what is known of it in note(), one of the writing functions, then
    // told().
    void begin() noexcept { note_ = {}; }
    ReplyNote& note() noexcept { return note_; }
    Disposition error(const Request& request, dns::Rcode rcode, Out out,
                      const dns::ExtendedError* why = nullptr, bool recursion = false) noexcept;
    /// The body that `writer` has put into out.buffer, from zones of ours.
    Disposition from_zone(const Request& request, const view::View& view,
                          const dns::BodyWriter& writer, dns::Rcode rcode, bool authoritative,
                          const dns::ExtendedError* why, Out out) noexcept;
    /// The body that the cache has copied behind the question; `why` is told unless null.
    Disposition from_cache(const Request& request, const view::View& view, const cache::Hit& hit,
                           const dns::ExtendedError* why, Out out) noexcept;
    void told(const Request& request, std::size_t size) noexcept;
    /// For the extended error of that reply: holds until the next one.
    EdeText& begin_text() noexcept { return text_.begin(); }
    const dns::ExtendedError& extended(std::uint16_t code, std::string_view text) noexcept {
        return extended_ = {code, text};
    }

    /// The reply to one who has waited. The body is that of `message`, behind the question.
    void deliver(const Waiter& waiter, const view::View& view, const Answer& answer, Bytes message,
                 Time now);

private:
    dns::ReplyHead head_of(const Request& request, bool recursion) noexcept;
    const dns::ReplyOptions& options_for(const Request& request) noexcept;

    metrics::Counters& counters_;
    ReplyObserver* observer_ = nullptr;
    std::uint32_t rotation_ = 0;
    std::string id_;
    // Of the reply that is being made.
    ReplyNote note_;
    EdeText text_;
    dns::ExtendedError extended_;
    dns::ReplyOptions options_;
    std::array<std::uint8_t, dns::kMessageMax> out_;  // one waiter's reply
};

}  // namespace peerzone::resolver
