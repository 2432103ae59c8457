// The query log: one line per reply, or per reply that is an error, on stderr. A worker copies what
// is to be told into a ring of its own and goes on; a thread of the log makes lines of it. When
// stderr is not read fast enough the rings fill, lines are dropped and counted, and no worker
// waits.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "peerzone/base/fd.hpp"
#include "peerzone/base/log.hpp"
#include "peerzone/metrics/counters.hpp"
#include "peerzone/resolver/observer.hpp"

namespace peerzone::server {

class QueryLog {
public:
    class Channel;
    /// Takes whole lines; called in the log's thread.
    using Write = std::function<void(std::string_view lines)>;

    /// Lines go to stderr. `write` is for tests.
    explicit QueryLog(Write write = {});
    ~QueryLog();
    QueryLog(const QueryLog&) = delete;
    QueryLog& operator=(const QueryLog&) = delete;

    // Control thread.
    /// The observer for one worker's Resolver; lines that are dropped are counted in `counters`.
    /// Before the first set(). Lives as long as the log.
    resolver::ReplyObserver& add_channel(metrics::Counters& counters);
    /// Which replies are told. Rings and thread are made when it is first switched on.
    void set(log::Queries which);
    /// Ends the thread, after it has written what is there, for one second at most. The last call.
    void finish();

private:
    friend class Channel;
    void wake() noexcept;
    void run();
    bool write_all();
    void write_stderr(std::string_view lines) noexcept;

    Write write_;
    std::vector<std::unique_ptr<Channel>> channels_;
    std::atomic<log::Queries> which_{log::Queries::off};
    std::atomic<bool> sleeping_{false};
    std::atomic<bool> stopping_{false};
    Fd wake_;  // an eventfd
    std::string lines_;
    Millis patience_{1000};  // at the end, for the reader of stderr
    bool gave_up_ = false;
    std::thread thread_;
};

}  // namespace peerzone::server
