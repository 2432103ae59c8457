#include "peerzone/resolver/config_status.hpp"

namespace peerzone::resolver {

void ConfigStatus::note_loaded(const std::string& file, std::optional<std::uint64_t> digest,
                               const std::string& restart) {
    const std::scoped_lock lock(mutex_);
    seen_ = {.file = file,
             .loaded = std::chrono::system_clock::now(),
             .loads = seen_.loads + 1,
             .digest = digest,
             .is_changing = false,
             .problem = {},
             .refused = {},
             .restart = restart};
}

void ConfigStatus::note_refused(const std::string& problem) {
    const std::scoped_lock lock(mutex_);
    seen_.is_changing = false;
    seen_.problem = problem;
    seen_.refused = std::chrono::system_clock::now();
}

void ConfigStatus::note_changing(bool is_changing) {
    const std::scoped_lock lock(mutex_);
    seen_.is_changing = is_changing;
}

void ConfigStatus::note_first_digest(std::optional<std::uint64_t> digest) {
    const std::scoped_lock lock(mutex_);
    if (seen_.loads <= 1) seen_.digest = digest;
}

ConfigStatus::Seen ConfigStatus::seen() const {
    const std::scoped_lock lock(mutex_);
    return seen_;
}

}  // namespace peerzone::resolver
