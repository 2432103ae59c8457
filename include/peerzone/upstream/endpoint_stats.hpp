// What people are told about an endpoint: how often it was asked, what went wrong, when and how.
// Decisions rest on upstream/endpoint.hpp instead. Any thread writes and reads: relaxed atomics,
// and a lock around the text of the last error, which is written at most ten times a second.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "peerzone/base/clock.hpp"

namespace peerzone::upstream {

using WallTime = std::chrono::system_clock::time_point;

/// What a moment of our clock is called elsewhere. For people: it follows corrections of the wall
/// clock.
inline WallTime wall_time(Time at) noexcept {
    return std::chrono::system_clock::now() -
           std::chrono::duration_cast<WallTime::duration>(Clock::now() - at);
}

/// Why a question to an endpoint was of no use.
enum class FailureReason : std::uint8_t {
    timeout,
    refused,      ///< port unreachable, or the connection was refused or reset
    unreachable,  ///< no route, or another error of the network
    closed,       ///< the connection ended before the reply
    untrusted,    ///< TLS failed
    servfail,
    rcode_refused,
    rcode_other,  ///< another RCODE
    lame,         ///< a denial of a server that does not have the zone
    mismatch,     ///< what came answers no question of ours: late, or forged
    invalid,      ///< the reply does not parse
    // Not counted by themselves.
    dropped,  ///< closed: the server answers others, and closes each connection with this question
    busy      ///< no failure of the endpoint: no socket free, or no room on a connection
};
inline constexpr auto kFailureNames = std::to_array<std::string_view>(
    {"timeout", "refused", "unreachable", "closed", "tls", "servfail", "rcode_refused",
     "rcode_other", "lame", "mismatch", "invalid"});

class EndpointStats {
public:
    /// Attempts that were begun: clients' questions, repetitions, hedges and copies. No probes.
    std::uint64_t questions() const noexcept { return questions_.load(kRelaxed); }
    /// Usable replies to those: data, or a well-formed negative answer.
    std::uint64_t replies() const noexcept { return replies_.load(kRelaxed); }
    /// Of those questions that were of no use, by reason.
    std::uint64_t failures(FailureReason why) const noexcept { return counted(failures_, why); }
    std::uint64_t probes() const noexcept { return probes_.load(kRelaxed); }
    /// Of those probes.
    std::uint64_t probe_failures(FailureReason why) const noexcept {
        return counted(probe_failures_, why);
    }
    /// Second questions that went here because another endpoint took long, and those that were
    /// answered first.
    std::uint64_t hedges_sent() const noexcept { return hedges_sent_.load(kRelaxed); }
    std::uint64_t hedges_won() const noexcept { return hedges_won_.load(kRelaxed); }

    /// "udp timeout 200ms", "SERVFAIL: no upstream", "tls: certificate is for …".
    struct LastError {
        std::string text;
        WallTime at;
    };
    std::optional<LastError> last_error() const;
    /// The same text without allocation: how much of it was written to `out`.
    std::size_t copy_last_error(std::span<char> out) const noexcept;

    void note_question() noexcept { questions_.fetch_add(1, kRelaxed); }
    void note_reply() noexcept { replies_.fetch_add(1, kRelaxed); }
    void note_probe() noexcept { probes_.fetch_add(1, kRelaxed); }
    void note_hedge() noexcept { hedges_sent_.fetch_add(1, kRelaxed); }
    void note_hedge_won() noexcept { hedges_won_.fetch_add(1, kRelaxed); }
    void note_failure(FailureReason why) noexcept { count(failures_, why); }
    void note_probe_failure(FailureReason why) noexcept { count(probe_failures_, why); }
    /// True for one caller per 100 ms: write what went wrong with note_error.
    bool wants_error(Time now) noexcept;
    void note_error(std::string text, WallTime at);

private:
    using Tally = std::array<std::atomic<std::uint64_t>, kFailureNames.size()>;
    static constexpr auto kRelaxed = std::memory_order_relaxed;

    static std::uint64_t counted(const Tally& tally, FailureReason why) noexcept {
        const auto index = static_cast<std::size_t>(why);
        return index < tally.size() ? tally[index].load(kRelaxed) : 0;
    }
    static void count(Tally& tally, FailureReason why) noexcept {
        if (why == FailureReason::dropped) why = FailureReason::closed;
        const auto index = static_cast<std::size_t>(why);
        if (index < tally.size()) tally[index].fetch_add(1, kRelaxed);
    }

    std::atomic<std::uint64_t> questions_{0};
    std::atomic<std::uint64_t> replies_{0};
    std::atomic<std::uint64_t> probes_{0};
    std::atomic<std::uint64_t> hedges_sent_{0};
    std::atomic<std::uint64_t> hedges_won_{0};
    Tally failures_{};
    Tally probe_failures_{};
    std::atomic<Duration::rep> error_wanted_from_{Duration::min().count()};
    mutable std::mutex mutex_;
    std::optional<LastError> last_error_;  // mutex_
};

}  // namespace peerzone::upstream
