// The words stand there before the state that needs them.
#include "peerzone/upstream/endpoint_identity.hpp"

#include <utility>

#include "peerzone/base/text.hpp"

namespace peerzone::upstream {

std::string_view identity_text(Identity identity) noexcept {
    switch (identity) {
        case Identity::unasked: return "";
        case Identity::awaited: return "asked for";
        case Identity::unproven: return "not shown yet";
        case Identity::right: return "right";
        case Identity::wrong: return "wrong cluster";
    }
    return "";
}

std::optional<EndpointIdentity::Wrong> EndpointIdentity::wrong() const {
    if (!is_wrong()) return std::nullopt;
    const std::lock_guard lock(mutex_);
    return wrong_;
}

std::size_t EndpointIdentity::copy_why(std::span<char> out) const noexcept {
    if (!is_wrong()) return 0;
    const std::lock_guard lock(mutex_);
    const std::string_view why = cut_utf8(wrong_.why, out.size());
    return why.copy(out.data(), why.size());
}

void EndpointIdentity::note(Identity state) noexcept {
    state_.store(state, std::memory_order_relaxed);
}

void EndpointIdentity::note_wrong(std::string why, WallTime at) {
    {
        const std::lock_guard lock(mutex_);
        wrong_.why = std::move(why);
        if (!is_wrong()) wrong_.since = at;
    }
    state_.store(Identity::wrong, std::memory_order_relaxed);
}

}  // namespace peerzone::upstream
