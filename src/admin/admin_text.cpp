#include "admin/admin_text.hpp"

#include <array>
#include <cstdio>

namespace peerzone::admin {
namespace {

template <class... Values>
std::string formatted(const char* format, Values... values) {
    std::array<char, 64> text{};
    const int size = std::snprintf(text.data(), text.size(), format, values...);
    return {text.data(), static_cast<std::size_t>(size)};
}

}  // namespace

std::string bytes_text(std::uint64_t bytes) {
    const auto value = static_cast<double>(bytes);
    if (bytes >= 1u << 30) return formatted("%.1f GiB", value / (1u << 30));
    if (bytes >= 1u << 20) return formatted("%.1f MiB", value / (1u << 20));
    return formatted("%.1f KiB", value / (1u << 10));
}

}  // namespace peerzone::admin
