// Structured log lines on stderr: `2026-01-31T10:00:00.000Z level event key=value key="two words"`.
// Safe in any thread; allocates, so not for the path of a hit. What a client can provoke goes
// through a LogLimit.
#pragma once

#include <atomic>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "peerzone/base/clock.hpp"

namespace peerzone::log {

enum class Level : std::uint8_t { debug, info, warning, error };

/// Which replies to clients are told, one line each.
enum class Queries : std::uint8_t {
    off,
    errors,  ///< those with another RCODE than NOERROR and NXDOMAIN
    all
};

struct Options {
    Level level = Level::info;       ///< log.level: debug | info | warning | error
    Queries queries = Queries::off;  ///< log.queries: off | errors | all (server/query_log.hpp)
};

struct Field {
    std::string_view key;
    std::string value;
};

void configure(const Options& options);
bool enabled(Level level) noexcept;
void write(Level level, std::string_view event, std::initializer_list<Field> fields = {});

/// " key=value" for a line that the caller puts together, with the same quoting.
void append_field(std::string& line, std::string_view key, std::string_view value);

inline void debug(std::string_view event, std::initializer_list<Field> fields = {}) {
    if (enabled(Level::debug)) write(Level::debug, event, fields);
}
inline void info(std::string_view event, std::initializer_list<Field> fields = {}) {
    write(Level::info, event, fields);
}
inline void warning(std::string_view event, std::initializer_list<Field> fields = {}) {
    write(Level::warning, event, fields);
}
inline void error(std::string_view event, std::initializer_list<Field> fields = {}) {
    write(Level::error, event, fields);
}

/// Lets one line through per interval and counts the rest. One object per event, usually a static
/// or a member.
class LogLimit {
public:
    explicit LogLimit(Duration interval = std::chrono::minutes(1)) : interval_(interval) {}
    /// True when a line may be written now; `suppressed` is how many were held back since the last
    /// one.
    bool allow(Time now, std::uint64_t& suppressed) noexcept;

private:
    Duration interval_;
    std::atomic<Duration::rep> next_{Duration::min().count()};
    std::atomic<std::uint64_t> held_back_{0};
};

}  // namespace peerzone::log
