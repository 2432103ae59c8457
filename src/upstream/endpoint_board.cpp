#include "peerzone/upstream/endpoint_board.hpp"

#include <utility>

namespace peerzone::upstream {
namespace {

std::uint64_t next_number() noexcept {
    static std::atomic<std::uint64_t> last{0};
    return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

}  // namespace

EndpointBoard::EndpointBoard()
    : set_(std::make_shared<const EndpointSet>()), number_(next_number()) {}

void EndpointBoard::publish(EndpointSet set) {
    auto next = std::make_shared<const EndpointSet>(std::move(set));
    const std::lock_guard lock(mutex_);
    set_.swap(next);  // what the former set held ends with `next`, behind the lock
    number_.store(next_number(), std::memory_order_relaxed);
}

std::shared_ptr<const EndpointSet> EndpointBoard::current() const {
    const std::lock_guard lock(mutex_);
    return set_;
}

// A number that was read with an older set than its own would hide the newer set; the other way
// round the set is only read once more. So the number is read first.
const std::shared_ptr<const EndpointSet>& EndpointReader::read(std::uint16_t place,
                                                               const EndpointBoard& board) {
    if (place >= seen_.size()) seen_.resize(place + 1u);
    Seen& seen = seen_[place];
    if (const std::uint64_t number = board.number(); number != seen.number)
        seen = {number, board.current()};
    return seen.set;
}

}  // namespace peerzone::upstream
