#include "peerzone/base/random.hpp"

#include <sys/random.h>

#include <cerrno>
#include <cstdlib>

#include "peerzone/base/bytes.hpp"

namespace peerzone {

void Random::refill() noexcept {
    std::size_t have = 0;
    while (have < batch_.size()) {
        const ssize_t n = ::getrandom(batch_.data() + have, batch_.size() - have, 0);
        if (n > 0) have += static_cast<std::size_t>(n);
        // There is no second source: a guessable ID is worse than a restart.
        if (n < 0 && errno != EINTR) std::abort();
    }
    used_ = 0;
}

std::uint16_t Random::u16() noexcept {
    if (used_ + 2 > batch_.size()) refill();
    used_ += 2;
    return load_u16(batch_.data() + used_ - 2);
}

std::uint32_t Random::u32() noexcept {
    if (used_ + 4 > batch_.size()) refill();
    used_ += 4;
    return load_u32(batch_.data() + used_ - 4);
}

}  // namespace peerzone
