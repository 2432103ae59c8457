// Numbers that cannot be guessed from outside: IDs, ports, letter case (RFC 5452). From the
// kernel's generator, fetched in batches; the program ends when the kernel gives none. One per
// worker, used on its thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace peerzone {

class Random {
public:
    std::uint16_t u16() noexcept;
    std::uint32_t u32() noexcept;
    /// Uniform in [0, bound) for a small `bound` above 0 (a bias of bound / 2^32 is accepted).
    std::uint32_t below(std::uint32_t bound) noexcept {
        return static_cast<std::uint32_t>(std::uint64_t{u32()} * bound >> 32);
    }

private:
    void refill() noexcept;
    std::array<std::uint8_t, 512> batch_;
    std::size_t used_ = 512;
};

}  // namespace peerzone
