// The WAN's command language: one line in, a reply out. parse_command() reads, execute() acts; both
// without I/O.
//
//   link A B [delay 30ms] [jitter 2ms] [loss 0.1%] [cut|open]   both directions; B may be *
//   stats
//
// A reply is any number of lines and then "ok", or one line "error: …".
#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "network.hpp"
#include "peerzone/base/result.hpp"

namespace peerzone::wan {

inline constexpr Micros kDelayMax = Seconds{10};
inline constexpr std::string_view kEveryRegion = "*";

struct LinkCommand {
    std::string a;
    std::string b;  ///< kEveryRegion: all links of `a`, at once
    LinkChange change;
};
struct StatsCommand {};
using Command = std::variant<LinkCommand, StatsCommand>;

Result<Command> parse_command(std::string_view line);

/// Durations are whole numbers with a unit: 1500us 30ms 2s, kDelayMax at most.
Result<Micros> parse_delay(std::string_view text);
/// "0.1%", from 0 % to 100 %, in packets of a million.
Result<std::uint32_t> parse_loss(std::string_view text);

/// Does what the line says and returns the reply, with a line feed behind each line.
std::string execute(Network& network, std::string_view line);

}  // namespace peerzone::wan
