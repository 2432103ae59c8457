#include "peerzone/upstream/endpoint_stats.hpp"

#include <utility>

#include "peerzone/base/text.hpp"

namespace peerzone::upstream {
namespace {

constexpr Duration kErrorInterval = Millis(100);

}  // namespace

std::optional<EndpointStats::LastError> EndpointStats::last_error() const {
    const std::lock_guard lock(mutex_);
    return last_error_;
}

std::size_t EndpointStats::copy_last_error(std::span<char> out) const noexcept {
    const std::lock_guard lock(mutex_);
    if (!last_error_) return 0;
    const std::string_view text = cut_utf8(last_error_->text, out.size());
    return text.copy(out.data(), text.size());
}

bool EndpointStats::wants_error(Time now) noexcept {
    const Duration::rep ticks = now.time_since_epoch().count();
    Duration::rep from = error_wanted_from_.load(kRelaxed);
    if (ticks < from) return false;
    return error_wanted_from_.compare_exchange_strong(from, ticks + kErrorInterval.count(),
                                                      kRelaxed);
}

void EndpointStats::note_error(std::string text, WallTime at) {
    const std::lock_guard lock(mutex_);
    last_error_ = LastError{std::move(text), at};
}

}  // namespace peerzone::upstream
