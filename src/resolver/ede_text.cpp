#include "resolver/ede_text.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "peerzone/base/text.hpp"

namespace peerzone::resolver {

EdeText& EdeText::add(std::string_view text) noexcept {
    const std::size_t size = cut_utf8(text, octets_.size() - size_).size();
    if (size != 0) std::memcpy(octets_.data() + size_, text.data(), size);
    size_ += size;
    return *this;
}

EdeText& EdeText::add_number(std::uint64_t number) noexcept {
    std::array<char, 20> digits;
    const char* end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
    return add({digits.data(), static_cast<std::size_t>(end - digits.data())});
}

EdeText& EdeText::add_age(Duration age) noexcept {
    using namespace std::chrono;
    const auto count = [](auto time) { return static_cast<std::uint64_t>(time.count()); };
    if (age < minutes(10)) return add_number(count(floor<Seconds>(age))).add("s");
    if (age < hours(10)) return add_number(count(floor<minutes>(age))).add("m");
    return add_number(count(floor<hours>(age))).add("h");
}

EdeText& EdeText::add_time(std::chrono::system_clock::time_point time) noexcept {
    using namespace std::chrono;
    const auto day = floor<days>(time);
    const year_month_day date(day);
    const hh_mm_ss clock(floor<seconds>(time - day));
    const auto two = [this](std::uint64_t number) {
        if (number < 10) add("0");
        add_number(number);
    };
    add_number(static_cast<std::uint64_t>(static_cast<int>(date.year()))).add("-");
    two(static_cast<unsigned>(date.month()));
    add("-");
    two(static_cast<unsigned>(date.day()));
    add("T");
    two(static_cast<std::uint64_t>(clock.hours().count()));
    add(":");
    two(static_cast<std::uint64_t>(clock.minutes().count()));
    add(":");
    two(static_cast<std::uint64_t>(clock.seconds().count()));
    return add("Z");
}

std::string_view describe_cached_failure(EdeText& ede_text, Duration remaining,
                                         Bytes text) noexcept {
    const auto seconds = std::chrono::ceil<Seconds>(remaining).count();
    return ede_text.begin()
        .add("retry in ")
        .add(static_cast<std::uint64_t>(seconds))
        .add("s: ")
        .add({reinterpret_cast<const char*>(text.data()), text.size()})
        .text();
}

}  // namespace peerzone::resolver
