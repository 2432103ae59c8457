// The socket under a TLS session, as OpenSSL's BIO. Two things that its own socket BIO cannot:
// after a read that came back short it asks the socket no more in this turn, and what the handshake
// has to say leaves together, with the first reply if there is one.
//
// One object per connection, used on its worker's thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "peerzone/base/bytes.hpp"

struct bio_st;

namespace peerzone::server {

class TlsWire {
public:
    /// `socket` is connected, does not block, and stays its owner's.
    explicit TlsWire(int socket) noexcept : socket_(socket) {}
    TlsWire(const TlsWire&) = delete;
    TlsWire& operator=(const TlsWire&) = delete;

    /// To be owned by a session that goes before this does. Null without memory.
    bio_st* new_bio() noexcept;

    /// The socket may have something again, and what is written is gathered until flush() or until
    /// gathering ends and more is written.
    void begin_input() noexcept { is_drained_ = false, gathers_ = true, left_ = kTurnBytes; }
    void end_input() noexcept { gathers_ = false, first_ = {}; }
    /// Reads `octets` before it reads the socket. They stay where they are until they are read,
    /// which is with the session's next read when there are less than 16 KiB.
    void put_first(Bytes octets, bool is_drained) noexcept {
        first_ = octets;
        is_drained_ = is_drained;
    }

    bool has_gathered() const noexcept { return !gathered_.empty(); }
    /// As far as the socket takes it. Of a broken one nothing stays gathered: reading says it.
    void flush() noexcept;

private:
    friend struct WireBio;
    /// What one turn reads: OpenSSL goes on by itself through records that carry no data.
    static constexpr std::size_t kTurnBytes = 64 * 1024;
    enum class Outcome : std::uint8_t { moved, later, failed };
    Outcome read(MutableBytes into, std::size_t& count) noexcept;
    Outcome write(Bytes octets, std::size_t& count) noexcept;
    bool gather(Bytes octets) noexcept;

    const int socket_;
    Bytes first_;
    std::vector<std::uint8_t> gathered_;
    bool gathers_ = false;
    std::size_t left_ = kTurnBytes;
    bool is_drained_ = false;
    bool is_ended_ = false;
};

}  // namespace peerzone::server
