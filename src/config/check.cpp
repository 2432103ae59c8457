// Contradictions between values that are each right. Every complaint stands at the later of the two
// places and names the earlier.
#include <algorithm>
#include <array>
#include <string>

#include "config/builder.hpp"
#include "config/values.hpp"

namespace peerzone::config {
namespace {

template <class T>
void sort_by_place(std::vector<Placed<T>>& values) {
    std::stable_sort(values.begin(), values.end(),
                     [](const auto& a, const auto& b) { return a.mark < b.mark; });
}

// Two sockets with the same port see the same datagrams when one of them is bound to every address
// of the family.
bool covers(const SocketAddress& wildcard, const SocketAddress& other) {
    return wildcard.port == other.port && wildcard.ip.is_unspecified() &&
           wildcard.ip.is_v4() == other.ip.is_v4();
}

void check_listen(ConfigBuilder& builder) {
    sort_by_place(builder.listen);
    for (auto later = builder.listen.begin(); later != builder.listen.end(); ++later) {
        for (auto earlier = builder.listen.begin(); earlier != later; ++earlier) {
            const bool is_same = earlier->value == later->value;
            if (!is_same && !covers(earlier->value, later->value) &&
                !covers(later->value, earlier->value))
                continue;
            builder.problems.add(later->mark, later->path,
                                 is_same ? in_quotes(later->value.to_text()) + " is listed twice"
                                         : in_quotes(later->value.to_text()) + " and " +
                                               in_quotes(earlier->value.to_text()) + " overlap",
                                 is_same ? "" : "listen on every address or on single ones");
            break;
        }
    }
}

bool is_loopback(const IpAddress& ip) {
    if (ip.is_v4()) return ip.v4_value() >> 24 == 127;
    std::array<std::uint8_t, 16> one{};
    one.back() = 1;
    return ip.bytes() == one;
}

// An endpoint that is ourselves would ask itself until its deadline.
void check_loops(ConfigBuilder& builder) {
    auto listen = builder.config.listen.dns;
    listen.insert(listen.end(), builder.config.listen.tls.begin(), builder.config.listen.tls.end());
    for (const auto& endpoint : builder.endpoints) {
        const auto own =
            std::find_if(listen.begin(), listen.end(), [&](const SocketAddress& address) {
                return address == endpoint.value ||
                       (covers(address, endpoint.value) && is_loopback(endpoint.value.ip));
            });
        if (own == listen.end()) continue;
        builder.problems.add(endpoint.mark, endpoint.path,
                             in_quotes(endpoint.value.to_text()) +
                                 " is an address we listen on ourselves (" + own->to_text() + ")",
                             "this would be a loop");
    }
}

}  // namespace

std::string place_text(const std::string& path, const Mark& mark) {
    return path + " (line " + std::to_string(mark.line) + ")";
}

void check(ConfigBuilder& builder) {
    check_suffixes(builder);
    check_aliases(builder);
    check_listen(builder);
    check_views(builder);
    check_loops(builder);
    check_expectations(builder);
}

}  // namespace peerzone::config
