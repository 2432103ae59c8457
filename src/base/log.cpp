#include "peerzone/base/log.hpp"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>

namespace peerzone::log {
namespace {

spdlog::level::level_enum native(Level level) {
    switch (level) {
        case Level::debug: return spdlog::level::debug;
        case Level::info: return spdlog::level::info;
        case Level::warning: return spdlog::level::warn;
        case Level::error: return spdlog::level::err;
    }
    return spdlog::level::info;
}

spdlog::logger& logger() {
    static const std::shared_ptr<spdlog::logger> instance = [] {
        auto made = std::make_shared<spdlog::logger>(
            "peerzone", std::make_shared<spdlog::sinks::stderr_sink_mt>());
        made->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %l %v", spdlog::pattern_time_type::utc);
        made->flush_on(spdlog::level::debug);
        return made;
    }();
    return *instance;
}

bool is_plain(std::string_view value) {
    if (value.empty()) return false;
    for (const unsigned char c : value)
        if (c <= ' ' || c == '"' || c == '=' || c == '\\' || c >= 0x7f) return false;
    return true;
}

// Values come from the network too: anything that could forge a field or a line is quoted and
// escaped.
void append_value(std::string& line, std::string_view value) {
    if (is_plain(value)) {
        line += value;
        return;
    }
    static constexpr char kHex[] = "0123456789abcdef";
    line += '"';
    for (const unsigned char c : value) {
        if (c == '"' || c == '\\') {
            line += '\\';
            line += static_cast<char>(c);
        } else if (c < ' ' ||
                   c >= 0x7f) {  // beyond ASCII lie terminal controls (U+009B) and bidi marks
            line += "\\x";
            line += kHex[c >> 4];
            line += kHex[c & 15];
        } else {
            line += static_cast<char>(c);
        }
    }
    line += '"';
}

}  // namespace

void configure(const Options& options) {
    logger().set_level(native(options.level));
}

bool enabled(Level level) noexcept {
    return logger().should_log(native(level));
}

void append_field(std::string& line, std::string_view key, std::string_view value) {
    line += ' ';
    line += key;
    line += '=';
    append_value(line, value);
}

void write(Level level, std::string_view event, std::initializer_list<Field> fields) {
    if (!enabled(level)) return;
    std::string line;
    append_value(line, event);
    for (const Field& field : fields) append_field(line, field.key, field.value);
    logger().log(native(level), spdlog::string_view_t(line.data(), line.size()));
}

bool LogLimit::allow(Time now, std::uint64_t& suppressed) noexcept {
    Duration::rep next = next_.load(std::memory_order_relaxed);
    const Duration::rep at = now.time_since_epoch().count();
    if (at < next ||
        !next_.compare_exchange_strong(next, at + interval_.count(), std::memory_order_relaxed)) {
        held_back_.fetch_add(1, std::memory_order_relaxed);
        return false;
    }
    suppressed = held_back_.exchange(0, std::memory_order_relaxed);
    return true;
}

}  // namespace peerzone::log
