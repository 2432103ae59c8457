#include "admin/admin_text.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>

namespace peerzone::admin {
namespace {

template <class... Values>
std::string formatted(const char* format, Values... values) {
    std::array<char, 64> text{};
    const int size = std::snprintf(text.data(), text.size(), format, values...);
    return {text.data(), static_cast<std::size_t>(size)};
}

}  // namespace

std::string iso_time(metrics::WallTime time) {
    const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
    std::tm parts{};
    ::gmtime_r(&seconds, &parts);
    std::array<char, 32> text{};
    return {text.data(), std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts)};
}

std::string age_text(Duration age) {
    const auto seconds =
        std::max<std::int64_t>(std::chrono::duration_cast<Seconds>(age).count(), 0);
    const auto pair = [](std::int64_t large, char large_unit, std::int64_t small, char small_unit) {
        std::string text = std::to_string(large) + large_unit;
        if (small != 0) text += " " + std::to_string(small) + small_unit;
        return text;
    };
    if (seconds >= 86'400) return pair(seconds / 86'400, 'd', seconds % 86'400 / 3'600, 'h');
    if (seconds >= 3'600) return pair(seconds / 3'600, 'h', seconds % 3'600 / 60, 'm');
    if (seconds >= 60) return pair(seconds / 60, 'm', seconds % 60, 's');
    return std::to_string(seconds) + "s";
}

std::string rtt_text(Duration rtt) {
    if (rtt == Duration::zero()) return "-";
    return formatted("%.1f ms", std::chrono::duration<double, std::milli>(rtt).count());
}

std::string bytes_text(std::uint64_t bytes) {
    const auto value = static_cast<double>(bytes);
    if (bytes >= 1u << 30) return formatted("%.1f GiB", value / (1u << 30));
    if (bytes >= 1u << 20) return formatted("%.1f MiB", value / (1u << 20));
    return formatted("%.1f KiB", value / (1u << 10));
}

}  // namespace peerzone::admin
