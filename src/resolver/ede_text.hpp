// Texts of extended errors, put together without allocation. Owned by whoever makes the reply; a
// text holds until the next one is begun.
#pragma once

#include <array>
#include <concepts>
#include <cstdint>
#include <string_view>

#include "peerzone/base/bytes.hpp"
#include "peerzone/base/clock.hpp"
#include "peerzone/upstream/upstream.hpp"

namespace peerzone::resolver {

class EdeText {
public:
    EdeText& begin() noexcept {
        size_ = 0;
        return *this;
    }
    // What does not fit is cut off.
    EdeText& add(std::string_view text) noexcept;
    EdeText& add(std::unsigned_integral auto number) noexcept {
        return add_number(static_cast<std::uint64_t>(number));
    }
    EdeText& add_age(Duration age) noexcept;  ///< "42s", "17m", "30h"
    EdeText& add_time(std::chrono::system_clock::time_point time) noexcept;  ///< as RFC 3339, UTC

    std::string_view text() const noexcept { return {octets_.data(), size_}; }

private:
    EdeText& add_number(std::uint64_t number) noexcept;

    std::array<char, 256> octets_;
    std::size_t size_ = 0;
};

/// "retry in 3s: <text>" for a failure that the cache remembers (RFC 8914 4.14).
std::string_view describe_cached_failure(EdeText& ede_text, Duration remaining,
                                         Bytes text) noexcept;

}  // namespace peerzone::resolver
