#include "peerzone/discovery/resolv_conf.hpp"

#include <net/if.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>

#include "peerzone/base/file.hpp"
#include "peerzone/upstream/upstream.hpp"

namespace peerzone::discovery {
namespace {

constexpr std::size_t kServersMax = 16;
constexpr std::size_t kResolvConfBytesMax = 64 * 1024;

// The next word of `line`, which is cut behind it.
std::string_view take_word(std::string_view& line) {
    constexpr std::string_view kBlank = " \t\r\v\f";
    const std::size_t start = std::min(line.find_first_not_of(kBlank), line.size());
    const std::size_t end = std::min(line.find_first_of(kBlank, start), line.size());
    const std::string_view word = line.substr(start, end - start);
    line.remove_prefix(end);
    return word;
}

std::uint32_t interface_index(const std::string& name) {
    std::uint32_t index = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), index);
    return error == std::errc{} && end == name.data() + name.size() ? index
                                                                    : if_nametoindex(name.c_str());
}

// "10.0.0.1", "fd00::1", "fe80::1%eth0", and with a port as SocketAddress takes it. Nothing for
// what is no address.
std::optional<SocketAddress> parse_server(std::string_view text) {
    const std::size_t percent = text.find('%');
    const auto address = SocketAddress::parse(text.substr(0, percent), upstream::kDnsPort);
    if (!address) return std::nullopt;
    SocketAddress server = *address;
    if (percent != std::string_view::npos) {
        server.scope = interface_index(std::string(text.substr(percent + 1)));
        if (server.scope == 0) return std::nullopt;
    }
    return server;
}

}  // namespace

Result<std::vector<SocketAddress>> read_resolv_conf(const std::string& path) {
    const auto text = read_file(path, kResolvConfBytesMax);
    if (!text) return fail("cannot read " + path + ": " + text.error().message);
    std::vector<SocketAddress> servers;
    std::string unusable;
    for (std::string_view rest = *text; !rest.empty() && servers.size() < kServersMax;) {
        const std::size_t size = std::min(rest.find('\n'), rest.size());
        std::string_view line = rest.substr(0, size);
        rest.remove_prefix(std::min(size + 1, rest.size()));
        if (take_word(line) != "nameserver") continue;  // comments too: they start with # or ;
        const std::string_view word = take_word(line);
        const auto server = parse_server(word);
        if (!server) {
            if (unusable.empty())
                unusable = " ('" + std::string(word.substr(0, 64)) + "' is not an address)";
        } else if (std::find(servers.begin(), servers.end(), *server) == servers.end()) {
            servers.push_back(*server);
        }
    }
    if (servers.empty()) return fail(path + " names no nameserver" + unusable);
    return servers;
}

}  // namespace peerzone::discovery
