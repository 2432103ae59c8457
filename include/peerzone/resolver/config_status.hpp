// Whether the configuration that serves is the one on disk, for /status and for those who ask with
// dig. One per program, shared by its snapshots. The control thread and the config follower write,
// any thread reads; a lock is held for a copy.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>

namespace peerzone::resolver {

class ConfigStatus {
public:
    using WallTime = std::chrono::system_clock::time_point;

    struct Seen {
        std::string file;
        WallTime loaded{};        ///< the one that serves
        std::uint64_t loads = 0;  ///< how often one was taken over since the start, which is 1
        std::optional<std::uint64_t> digest;  ///< of the contents of the files that serve; the same
                                              ///< on every host where they are the same
        bool is_changing = false;  ///< the files were written since, and are about to be read
        std::string problem;       ///< why what was read last does not serve; empty: it does
        WallTime refused{};        ///< when that was found
        std::string restart;  ///< the keys that take effect after a restart only; empty: none has
                              ///< changed

        /// What serves is what stands in the files.
        bool is_in_force() const noexcept {
            return !is_changing && problem.empty() && restart.empty();
        }
    };

    void note_loaded(const std::string& file, std::optional<std::uint64_t> digest,
                     const std::string& restart);
    /// The former configuration serves on.
    void note_refused(const std::string& problem);
    void note_changing(bool is_changing);
    /// Of the configuration that was loaded first.
    void note_first_digest(std::optional<std::uint64_t> digest);

    Seen seen() const;

private:
    mutable std::mutex mutex_;
    Seen seen_;  // mutex_
};

}  // namespace peerzone::resolver
