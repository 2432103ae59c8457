// Addresses, prefixes and endpoints of the configuration.
#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "config/keys.hpp"
#include "config/values.hpp"

namespace peerzone::config {
namespace {

constexpr std::string_view kResolvConf = "resolv.conf:";

bool is_multicast(const IpAddress& ip) {
    return ip.is_v4() ? ip.v4_value() >> 28 == 0xe : ip.bytes()[0] == 0xff;
}

// Digits, dots and colons can only be meant as an address, "10.2.0.300" too.
bool looks_like_address(std::string_view text) {
    const bool numeric = text.find_first_not_of("0123456789.:/") == std::string_view::npos;
    return numeric || text.find('[') != std::string_view::npos ||
           std::count(text.begin(), text.end(), ':') > 1;
}

// Ports that DNS servers and their metrics have.
bool looks_like_port(std::string_view text) {
    static constexpr auto kPorts =
        std::to_array<std::string_view>({"53", "853", "1053", "8053", "9053", "9153"});
    const bool number = text.find_first_not_of("0123456789") == std::string_view::npos;
    return std::ranges::find(kPorts, text) != kPorts.end() ||
           (number && text.size() == 4 && text[0] == '5');
}

// "fd00::1:53" is an IPv6 address, but hardly the one that was meant; "fd00:1:2:3:4:5:6:7:53" is
// none. Nothing when the text is neither.
std::optional<Wrong> unbracketed(std::string_view text) {
    const std::size_t colon = text.rfind(':');
    if (text.starts_with('[') || std::count(text.begin(), text.end(), ':') < 2) return {};
    const std::string_view host = text == "::53" ? "::" : text.substr(0, colon);
    const std::string port(text.substr(colon + 1));
    const auto ip = IpAddress::parse(host);
    if (!ip || port.empty() || !parse_count(port, 1, 65535)) return {};
    const std::string meant = "\"[" + std::string(host) + "]:" + port + "\"";
    if (!IpAddress::parse(text))
        return Wrong{in_quotes(text) + " is an IPv6 address with a port, but without brackets",
                     "write " + meant};
    const bool own = ip->is_unspecified() || host == "::1";
    if (!own && !looks_like_port(port)) return {};
    return Wrong{
        in_quotes(text) + " can be read in two ways: address and port need brackets",
        "write " + meant + ", or \"[" + std::string(text) + "]\" if all of it is the address"};
}

// How others write what is an address and a port here: 10.2.0.10#53 (dnsmasq), 10.2.0.10@53
// (Unbound), tls://10.2.0.10 (CoreDNS). Empty: none of these, or nothing that would be taken.
std::string respelled(std::string_view text, EndpointKinds kinds) {
    constexpr std::string_view kScheme = "://";
    std::string meant;
    std::string transport;
    if (const std::size_t scheme = text.find(kScheme); scheme != std::string_view::npos) {
        const std::string name(text.substr(0, scheme));
        meant = text.substr(scheme + kScheme.size());
        if (kinds.transport && (name == "tls" || name == "tcp" || name == "udp"))
            transport = " and transport: " + name;
    } else if (const std::size_t at = text.find_first_of("#@"); at != std::string_view::npos) {
        const std::string host(text.substr(0, at));
        const bool six = host.find(':') != std::string::npos;
        meant = (six ? "[" + host + "]" : host) + ":" + std::string(text.substr(at + 1));
    }
    // What has one of their marks still is refused before its hint would come back here.
    if (meant.empty() || meant.find_first_of("#@/") != std::string::npos) return "";
    return parse_endpoint(meant, "", kinds) ? "write '" + meant + "'" + transport : "";
}

// "/etc/resolv.conf", "reslov.conf:/etc/resolv.conf".
std::string meant_resolv_conf(std::string_view text) {
    static constexpr auto kWord = std::to_array<std::string_view>({"resolv.conf"});
    const std::size_t slash = text.find('/');
    if (slash == std::string_view::npos) return "";
    if (slash > 0 && (text[slash - 1] != ':' || nearest(text.substr(0, slash - 1), kWord).empty()))
        return "";
    return "did you mean '" + std::string(kResolvConf) + std::string(text.substr(slash)) + "'?";
}

// The prefix that was meant, with the bits behind its length cleared.
std::string masked(std::string_view text) {
    const std::size_t slash = text.find('/');
    const auto address = IpAddress::parse(text.substr(0, slash));
    const auto length = parse_count(text.substr(slash + 1), 0, 128);
    if (!address || !length) return "";
    const std::size_t bits = *length + (address->is_v4() ? 96 : 0);
    auto octets = address->bytes();
    for (std::size_t bit = bits; bit < 128; ++bit)
        octets[bit / 8] = static_cast<std::uint8_t>(octets[bit / 8] & ~(0x80u >> bit % 8));
    return IpAddress::v6(octets).to_text() + "/" + std::to_string(*length);
}

Parsed<upstream::EndpointSpec> parse_host(std::string_view text, std::uint16_t default_port) {
    const Wrong wrong{in_quotes(text) + " is not an address or host name",
                      "such as 10.2.0.10, \"[fd00::1]:5353\" or dns.example.com:53"};
    if (text.find('/') != std::string_view::npos) return wrong;
    upstream::EndpointSpec spec;
    spec.port = default_port;
    std::string_view host = text;
    if (const std::size_t colon = text.rfind(':'); colon != std::string_view::npos) {
        const auto port = parse_count(text.substr(colon + 1), 1, 65535);
        if (!port) return Wrong{"port " + port.error().message, ""};
        spec.port = static_cast<std::uint16_t>(*port);
        host = text.substr(0, colon);
    }
    const auto name = parse_zone_name(host);
    if (!name || name->is_root()) return wrong;
    spec.host = name->to_text();
    return spec;
}

}  // namespace

Parsed<IpPrefix> parse_prefix(std::string_view text) {
    const auto prefix = IpPrefix::parse(text);
    if (prefix) return *prefix;
    std::string hint = "such as 10.1.0.0/16 or fd00:1::/64";
    if (prefix.error().message.find("bits set") != std::string::npos)
        if (const std::string meant = masked(text); !meant.empty()) hint = "write " + meant;
    return Wrong{prefix.error().message, hint};
}

Parsed<SocketAddress> parse_listen_address(std::string_view text, std::uint16_t port) {
    if (auto wrong = unbracketed(text)) return *std::move(wrong);
    const auto address = SocketAddress::parse(text, port);
    const std::string sample = std::to_string(port);
    if (!address)
        return Wrong{address.error().message,
                     looks_like_address(text)
                         ? "such as 0.0.0.0:" + sample + " or \"[::]:" + sample + "\""
                         : "an address of this host, not a name"};
    if (is_multicast(address->ip))
        return Wrong{in_quotes(text) + " is a multicast address", "DNS is asked over unicast"};
    return *address;
}

Parsed<upstream::EndpointSpec> parse_endpoint(std::string_view text,
                                              const std::filesystem::path& folder,
                                              EndpointKinds kinds) {
    upstream::EndpointSpec spec;
    if (text.starts_with(kResolvConf)) {
        const std::string_view path = text.substr(kResolvConf.size());
        if (!kinds.resolv_conf)
            return Wrong{"resolv.conf names this host's own DNS servers, not a peer's",
                         "write the peer's addresses or a host name"};
        if (path.empty())
            return Wrong{in_quotes(text) + " names no file",
                         "such as resolv.conf:/etc/resolv.conf"};
        spec.resolv_conf = resolve_path(path, folder);
        return spec;
    }
    if (auto wrong = unbracketed(text)) return *std::move(wrong);
    const auto address = SocketAddress::parse(text, kinds.port);
    if (!address) {
        std::string meant = respelled(text, kinds);
        if (meant.empty()) meant = meant_resolv_conf(text);
        if (!meant.empty())
            return Wrong{in_quotes(text) + " is not an address or host name", std::move(meant)};
        if (looks_like_address(text) || text.empty())
            return Wrong{address.error().message,
                         "such as 10.2.0.10, 10.2.0.10:5353 or \"[fd00::1]:53\""};
        if (!kinds.hosts)
            return Wrong{in_quotes(text) + " is not an IP address",
                         "host names need somebody to resolve them: write an address here"};
        return parse_host(text, kinds.port);
    }
    if (address->ip.is_unspecified() || is_multicast(address->ip))
        return Wrong{in_quotes(text) + " is not the address of one host", ""};
    spec.address = *address;
    return spec;
}

Parsed<upstream::EndpointSpec> parse_srv_endpoint(std::string_view text, EndpointKinds kinds) {
    if (!kinds.hosts) return Wrong{"srv needs somebody to resolve it", "write an address here"};
    const auto name = parse_zone_name(text);
    const std::size_t second = text.find('.') + 1;
    if (!name || name->label_count() < 3 || text.front() != '_' || text[second] != '_')
        return Wrong{in_quotes(text) + " is not the name of a service",
                     "_service._protocol.domain, such as _dns._udp.example.com"};
    upstream::EndpointSpec spec;
    spec.srv = name->to_text();
    return spec;
}

Parsed<std::string> parse_file(std::string_view text, const std::filesystem::path& folder) {
    if (text.empty()) return Wrong{"'' names no file", ""};
    return resolve_path(text, folder);
}

std::string resolve_path(std::string_view text, const std::filesystem::path& folder) {
    return (folder / std::filesystem::path(text)).lexically_normal().string();
}

}  // namespace peerzone::config
