// Being an ordinary DNS client, through c-ares: one question at a time about the names that
// endpoints are given by. Control plane; on the event loop, nothing here blocks.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "peerzone/base/clock.hpp"
#include "peerzone/base/ip.hpp"

namespace boost::asio {
class io_context;
}

namespace peerzone::discovery {

enum class LookupType : std::uint16_t { a = 1, aaaa = 28, srv = 33 };

/// What an SRV record says (RFC 2782).
struct SrvTarget {
    std::uint16_t priority = 0;
    std::uint16_t port = 0;
    std::string host;  ///< in lower case
    friend auto operator<=>(const SrvTarget&, const SrvTarget&) = default;
};

struct LookupReply {
    enum class Kind : std::uint8_t {
        found,
        empty,  ///< the name or the type does not exist, or its records name no host
        failed  ///< no reply, or none that made sense
    };
    Kind kind = Kind::failed;
    std::vector<IpAddress> addresses;  ///< found: of A or AAAA, sorted, each once
    std::vector<SrvTarget> targets;    ///< found: of SRV, sorted, each once
    Seconds ttl{0};                    ///< found: the shortest on the way, aliases included
    std::string why;                   ///< empty and failed: "no such name"
};

class Lookups {
public:
    using Done = std::function<void(LookupReply reply)>;

    /// `io` must outlive it and run in the thread that uses it.
    explicit Lookups(boost::asio::io_context& io);
    /// What is under way ends without a call.
    ~Lookups();
    Lookups(const Lookups&) = delete;
    Lookups& operator=(const Lookups&) = delete;

    /// Asks `servers` in turn, and no others: no resolv.conf, hosts file or search list of the
    /// machine. Over UDP, and over TCP when the reply is cut. Calls `done` from the event loop,
    /// never from within, at the deadline at the latest. Each call has sockets of its own; the
    /// caller bounds how many there are at a time.
    void ask(const std::string& name, LookupType type, const std::vector<SocketAddress>& servers,
             Duration deadline, Done done);

private:
    class Lookup;
    boost::asio::io_context& io_;
    std::shared_ptr<std::vector<std::shared_ptr<Lookup>>> under_way_;
};

}  // namespace peerzone::discovery
