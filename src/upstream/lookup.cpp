// One channel per lookup, so nothing is shared between threads. The channel asks the given servers
// only: no resolv.conf, hosts file or search list of the machine. Callbacks run within our own
// calls into the library, the last of them when the channel is destroyed.
#include "peerzone/upstream/lookup.hpp"

#include <ares.h>
#include <net/if.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>

namespace peerzone::upstream {
namespace {

constexpr std::size_t kServersMax = 16;
constexpr std::size_t kAddressesMax = 64;  // per family
constexpr std::size_t kResolvConfBytesMax = 64 * 1024;
constexpr std::uint16_t kDnsPort = 53;
constexpr int kClassIn = 1;
constexpr int kTypeA = 1;
constexpr int kTypeAaaa = 28;
constexpr int kTries = 3;

// One question in flight: A or AAAA.
struct Ask {
    int type = kTypeA;
    bool done = false;
    int status = ARES_SUCCESS;
    std::vector<IpAddress> addresses;
};

void collect(Ask& ask, const unsigned char* message, int size) {
    if (ask.type == kTypeA) {
        std::array<ares_addrttl, kAddressesMax> found;
        int count = found.size();
        ask.status = ares_parse_a_reply(message, size, nullptr, found.data(), &count);
        for (int i = 0; ask.status == ARES_SUCCESS && i < count; ++i)
            ask.addresses.push_back(
                IpAddress::v4(ntohl(found[static_cast<std::size_t>(i)].ipaddr.s_addr)));
        return;
    }
    std::array<ares_addr6ttl, kAddressesMax> found;
    int count = found.size();
    ask.status = ares_parse_aaaa_reply(message, size, nullptr, found.data(), &count);
    for (int i = 0; ask.status == ARES_SUCCESS && i < count; ++i) {
        std::array<std::uint8_t, 16> bytes{};
        std::memcpy(bytes.data(), &found[static_cast<std::size_t>(i)].ip6addr, bytes.size());
        ask.addresses.push_back(IpAddress::v6(bytes));
    }
}

void on_reply(void* arg, int status, int /*timeouts*/, unsigned char* message, int size) {
    Ask& ask = *static_cast<Ask*>(arg);
    ask.done = true;
    ask.status = status;
    if (status == ARES_SUCCESS) collect(ask, message, size);
}

// The library tells which sockets it waits for.
void on_socket(void* arg, ares_socket_t socket, int readable, int writable) {
    auto& sockets = *static_cast<std::vector<pollfd>*>(arg);
    const auto same = [socket](const pollfd& other) { return other.fd == socket; };
    sockets.erase(std::remove_if(sockets.begin(), sockets.end(), same), sockets.end());
    if (readable == 0 && writable == 0) return;
    const auto events = static_cast<short>((readable ? POLLIN : 0) | (writable ? POLLOUT : 0));
    sockets.push_back({socket, events, 0});
}

class Channel {
public:
    Channel() = default;
    ~Channel() {
        if (channel_ != nullptr) ares_destroy(channel_);
    }
    Channel(const Channel&) = delete;
    Channel& operator=(const Channel&) = delete;

    int open(const std::vector<SocketAddress>& servers, Millis attempt_timeout) {
        static std::once_flag once;  // ares_library_init may not run twice at the same time
        static int library = ARES_SUCCESS;
        std::call_once(once, [] { library = ares_library_init(ARES_LIB_INIT_ALL); });
        if (library != ARES_SUCCESS) return library;
        char lookups[] = "b";  // DNS only
        char nowhere[] = "/dev/null";
        ares_options options{};
        options.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES;
        options.timeout = static_cast<int>(attempt_timeout.count());
        options.tries = kTries;
        options.lookups = lookups;
        options.resolvconf_path = nowhere;
        options.sock_state_cb = on_socket;
        options.sock_state_cb_data = &sockets_;
        const int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS |
                         ARES_OPT_DOMAINS | ARES_OPT_RESOLVCONF | ARES_OPT_SOCK_STATE_CB |
                         ARES_OPT_NOROTATE;
        const int status = ares_init_options(&channel_, &options, mask);
        return status == ARES_SUCCESS ? set_servers(servers) : status;
    }

    void ask(const std::string& host, Ask& ask) {
        ares_query(channel_, host.c_str(), kClassIn, ask.type, on_reply, &ask);
    }

    /// Waits until `done()` or the deadline; then every question has ended.
    template <class Done>
    void run(Time deadline, const Done& done) {
        while (!done()) {
            const auto left = std::chrono::ceil<Millis>(deadline - Clock::now()).count();
            if (left <= 0) return ares_cancel(channel_);
            timeval limit{left / 1000, left % 1000 * 1000};
            timeval buffer{};
            const timeval wait = *ares_timeout(channel_, &limit, &buffer);
            const auto wait_ms = static_cast<int>(wait.tv_sec * 1000 + (wait.tv_usec + 999) / 1000);
            std::vector<pollfd> ready = sockets_;  // callbacks change sockets_
            if (poll(ready.data(), ready.size(), wait_ms) < 0) {
                if (errno == EINTR) continue;
                return ares_cancel(channel_);
            }
            for (const pollfd& socket : ready) {
                const bool broken = socket.revents & (POLLERR | POLLHUP | POLLNVAL);
                const bool readable = broken || socket.revents & POLLIN;
                if (readable || socket.revents & POLLOUT)
                    ares_process_fd(channel_, readable ? socket.fd : ARES_SOCKET_BAD,
                                    socket.revents & POLLOUT ? socket.fd : ARES_SOCKET_BAD);
            }
            ares_process_fd(channel_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);  // time-outs
        }
    }

private:
    int set_servers(const std::vector<SocketAddress>& servers) {
        std::vector<ares_addr_port_node> nodes(servers.size());
        for (std::size_t i = 0; i < servers.size(); ++i) {
            ares_addr_port_node& node = nodes[i];
            node.next = i + 1 < nodes.size() ? &nodes[i + 1] : nullptr;
            node.udp_port = node.tcp_port = servers[i].port;
            if (servers[i].ip.is_v4()) {
                node.family = AF_INET;
                node.addr.addr4.s_addr = htonl(servers[i].ip.v4_value());
            } else {
                node.family = AF_INET6;
                std::memcpy(&node.addr.addr6, servers[i].ip.bytes().data(), 16);
            }
        }
        return ares_set_servers_ports(channel_, nodes.data());
    }

    std::vector<pollfd> sockets_;  // outlives the channel, which reports to it until its end
    ares_channel channel_ = nullptr;
};

std::string status_text(int status) {
    switch (status) {
        case ARES_ENOTFOUND: return "no such name";
        case ARES_ENODATA: return "none";
        case ARES_ETIMEOUT:
        case ARES_ECANCELLED: return "no reply in time";
        // c-ares moves on after SERVFAIL, NOTIMP and REFUSED and ends with this.
        case ARES_ECONNREFUSED: return "no server reached, or only errors from it";
        default: return ares_strerror(status);
    }
}

std::string asked_text(const std::vector<SocketAddress>& servers) {
    std::string text;
    for (const SocketAddress& server : servers)
        text += (text.empty() ? "" : ", ") + server.to_text();
    return text;
}

// Every server gets two turns within the deadline: c-ares doubles the wait with each round.
Millis attempt_timeout(Duration deadline, std::size_t server_count) {
    const auto third =
        std::chrono::duration_cast<Millis>(deadline) / (3 * static_cast<int>(server_count));
    return std::clamp(third, Millis{50}, Millis{2000});
}

std::vector<SocketAddress> usable(const std::vector<SocketAddress>& servers) {
    std::vector<SocketAddress> kept;
    for (const SocketAddress& server : servers)
        if (server.scope == 0 && kept.size() < kServersMax) kept.push_back(server);
    return kept;
}

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
    const auto address = SocketAddress::parse(text.substr(0, percent), kDnsPort);
    if (!address) return std::nullopt;
    SocketAddress server = *address;
    if (percent != std::string_view::npos) {
        server.scope = interface_index(std::string(text.substr(percent + 1)));
        if (server.scope == 0) return std::nullopt;
    }
    return server;
}

Result<std::string> read_small_file(const std::string& path) {
    errno = 0;
    std::ifstream file(path, std::ios::binary);
    std::string text(kResolvConfBytesMax + 1, '\0');
    if (file) file.read(text.data(), static_cast<std::streamsize>(text.size()));
    if (!file.is_open() || file.bad()) {
        const int error = errno;
        return fail("cannot read " + path +
                    (error != 0 ? std::string(": ") + std::strerror(error) : ""));
    }
    text.resize(static_cast<std::size_t>(file.gcount()));
    if (text.size() > kResolvConfBytesMax)
        return fail(path + " is larger than " + std::to_string(kResolvConfBytesMax / 1024) +
                    " KiB");
    return Result<std::string>(boost::system::in_place_value, std::move(text));
}

}  // namespace

Result<std::vector<IpAddress>> lookup_host(const std::string& host,
                                           const std::vector<SocketAddress>& servers,
                                           Duration deadline) {
    if (const auto address = IpAddress::parse(host)) return std::vector<IpAddress>{*address};
    const std::vector<SocketAddress> asked = usable(servers);
    if (asked.empty()) {
        const std::string reason =
            servers.empty() ? "no nameserver to ask" : "no nameserver but link-local ones";
        return fail("cannot resolve '" + host + "': " + reason);
    }
    const Time end = Clock::now() + deadline;
    Ask four{.type = kTypeA, .addresses = {}};
    Ask six{.type = kTypeAaaa, .addresses = {}};
    {
        Channel channel;
        const int status = channel.open(asked, attempt_timeout(deadline, asked.size()));
        if (status != ARES_SUCCESS)
            return fail("cannot resolve '" + host + "': " + ares_strerror(status));
        channel.ask(host, four);
        channel.ask(host, six);
        channel.run(end, [&] { return four.done && six.done; });
    }
    std::vector<IpAddress> addresses = four.addresses;
    addresses.insert(addresses.end(), six.addresses.begin(), six.addresses.end());
    std::sort(addresses.begin(), addresses.end());
    addresses.erase(std::unique(addresses.begin(), addresses.end()), addresses.end());
    if (!addresses.empty()) return addresses;
    const std::string a = status_text(four.status);
    const std::string aaaa = status_text(six.status);
    return fail("cannot resolve '" + host +
                "': " + (a == aaaa ? "A and AAAA: " + a : "A: " + a + ", AAAA: " + aaaa) +
                " (asked " + asked_text(asked) + ")");
}

Result<std::vector<SocketAddress>> read_resolv_conf(const std::string& path) {
    const auto text = read_small_file(path);
    if (!text) return text.error();
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

}  // namespace peerzone::upstream
