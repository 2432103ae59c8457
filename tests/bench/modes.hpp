// The ways to put load on a server. Each takes questions and a judge, and returns when its time is
// over or its count is reached.
#pragma once

#include <netinet/in.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "judge.hpp"
#include "questions.hpp"

namespace peerzone::bench {

using Clock = std::chrono::steady_clock;

struct Load {
    sockaddr_in server{};
    double seconds = 3;
    std::uint64_t count = 0;      ///< stop after so many questions; 0: by the time alone
    unsigned sockets = 8;         ///< sockets, or connections
    unsigned window = 32;         ///< questions in flight on each
    unsigned per_second = 10000;  ///< open loop
    bool tls = false;
    bool resume = false;
};

/// Closed loop over UDP: keeps every window full, so that the server never waits for questions.
void saturate_udp(const Load& load, Questions& questions, Judge& judge);

/// Percentiles in microseconds.
struct Latency {
    double p50 = 0, p99 = 0, p999 = 0, max = 0;
    double lag_p99 =
        0;  ///< how late the sender itself was: above a tenth of p99, blame the machine
};
/// Open loop over UDP: questions leave at their due times whether or not earlier ones were
/// answered, and latency counts from the due time, so a stalled server (or sender) cannot hide
/// questions that it delayed. Without a reply: 1 s.
Latency pace_udp(const Load& load, Questions& questions, Judge& judge);

/// Connections that stay, each with a window of questions. TLS when the load says so.
void saturate_streams(const Load& load, Questions& questions, Judge& judge);

/// A connection for each question, `sockets` of them at a time; with TLS each resumes an earlier
/// session.
void connect_streams(const Load& load, Questions& questions, Judge& judge);

/// Starts a program on core `core` and asks until the question is answered rightly. Returns
/// milliseconds from before the fork, or a negative number when it ended or did not answer within
/// 30 s. Stops it again.
double time_start(const Load& load, Questions& questions, const std::vector<std::string>& argv,
                  const std::string& log, int core);

}  // namespace peerzone::bench
