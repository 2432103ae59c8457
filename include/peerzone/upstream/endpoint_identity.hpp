// Whether an endpoint is of the cluster that its peer is expected to be (upstream/expectation.hpp).
// The control thread writes; any thread reads: a relaxed atomic, and a lock around the words.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "peerzone/upstream/endpoint_stats.hpp"

namespace peerzone::upstream {

enum class Identity : std::uint8_t {
    unasked,   ///< nothing is expected
    awaited,   ///< it is asked for the first time: no client's question goes there before it has
               ///< replied, or has let the time of an attempt pass
    unproven,  ///< it has not said yet: used like any other, where none has shown that it is right
    right,
    wrong  ///< it is of another cluster: no client's question goes there
};
std::string_view identity_text(Identity identity) noexcept;  ///< "not shown yet"

class EndpointIdentity {
public:
    Identity state() const noexcept { return state_.load(std::memory_order_relaxed); }
    bool is_wrong() const noexcept { return state() == Identity::wrong; }
    bool is_unproven() const noexcept { return state() == Identity::unproven; }
    /// No client's question goes there.
    bool is_barred() const noexcept {
        const Identity now = state();
        return now == Identity::awaited || now == Identity::wrong;
    }

    /// Why it is wrong: "another cluster: cluster-id.kube-system.svc.cluster.local is eastus. not
    /// westus."
    struct Wrong {
        std::string why;
        WallTime since;
    };
    /// Nothing where it is not.
    std::optional<Wrong> wrong() const;
    /// The reason alone, without allocation: how much of it was written to `out`; 0 where it is
    /// not.
    std::size_t copy_why(std::span<char> out) const noexcept;

    // Control thread.
    void note(Identity state) noexcept;  ///< any but wrong
    /// `at`: when that began; kept while it is so, whatever else it says.
    void note_wrong(std::string why, WallTime at);

private:
    std::atomic<Identity> state_{Identity::unasked};
    mutable std::mutex mutex_;
    Wrong wrong_;  // mutex_
};

}  // namespace peerzone::upstream
