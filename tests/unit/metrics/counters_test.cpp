// The counters of one thread, and that each name stands at the place of its counter.
#include "peerzone/metrics/counters.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string_view>
#include <utility>

namespace peerzone::metrics {
namespace {

/// "udp_queries" of Count::udp_queries, as the compiler spells it: "[with … = …::udp_queries]".
template <Count C>
constexpr std::string_view spelt() {
    std::string_view text = __PRETTY_FUNCTION__;
    text = text.substr(0, text.find_first_of(";]", text.find("Count::")));
    return text.substr(text.rfind(':') + 1);
}

template <std::size_t... I>
constexpr auto all_spelt(std::index_sequence<I...>) {
    return std::array{spelt<static_cast<Count>(I)>()...};
}

TEST(Counters, EachNameStandsAtThePlaceOfItsCounter) {
    constexpr auto spelt = all_spelt(std::make_index_sequence<kCountNames.size()>());
    for (std::size_t i = 0; i < kCountNames.size(); ++i)
        EXPECT_EQ(kCountNames[i], spelt[i]) << "at " << i;
}

TEST(Counters, AnAddCountsForItsOwnCounterOnly) {
    Counters counters;
    counters.add(Count::loops);
    counters.add(Count::loops, 2);
    for (std::size_t i = 0; i < kCountNames.size(); ++i) {
        const auto count = static_cast<Count>(i);
        EXPECT_EQ(counters.value(count), count == Count::loops ? 3u : 0u) << kCountNames[i];
    }
}

}  // namespace
}  // namespace peerzone::metrics
