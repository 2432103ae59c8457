// Takes over a changed configuration: looks at the files that it consists of, reads them when they
// have changed and rest again (app/debounce.hpp), or at once on request. All of that in a thread of
// its own, so that no size of a zone and no slow file system holds up probes, health or signals;
// what comes of it is handed over on the event loop.
#pragma once

#include <boost/asio/io_context.hpp>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "app/debounce.hpp"
#include "app/snapshot_builder.hpp"
#include "peerzone/config/config.hpp"
#include "peerzone/resolver/config_status.hpp"

namespace peerzone::app {

/// A configuration that was read again. It is refused when there are problems.
struct Reading {
    std::optional<config::Config> config;
    ZoneList zones;  ///< of `config`, built
    std::vector<config::Problem> problems, warnings;
    std::string why;                      ///< "SIGHUP", or which file changed
    std::optional<std::uint64_t> digest;  ///< of what stood in its files; none: they were written
                                          ///< meanwhile
};

/// The configuration's file and the files that it names, each once.
std::vector<std::string> files_of(const std::string& config_file, const config::Loaded& loaded);

class ConfigFollower {
public:
    using Taken = std::function<void(Reading)>;

    /// `taken` is called from the event loop, never from within; this must outlive its run.
    /// `status` is told when files have changed, and what the first ones hold.
    ConfigFollower(boost::asio::io_context& io, std::string config_file, Taken taken,
                   std::shared_ptr<resolver::ConfigStatus> status =
                       std::make_shared<resolver::ConfigStatus>());
    ConfigFollower(const ConfigFollower&) = delete;
    ConfigFollower& operator=(const ConfigFollower&) = delete;
    /// Waits for a reading that is under way, which ends with the file or zone that it is at.
    ~ConfigFollower();

    /// `loaded`: what the files in use looked like before they were read. Once.
    void start(FileStamps loaded);
    /// Reads the files again, changed or not. Several requests while one is served are one.
    void request();
    /// Nothing is looked at any more. Does not wait.
    void stop();

private:
    void run();
    void look(bool requested);
    Reading read();

    boost::asio::io_context& io_;
    const std::string config_file_;
    Taken taken_;
    std::shared_ptr<resolver::ConfigStatus> status_;
    std::stop_source stop_;  // asked for under mutex_, which run() waits with
    std::mutex mutex_;       // guards requested_
    std::condition_variable wake_;
    bool requested_ = false;
    // The thread's own.
    std::vector<std::string> files_;
    FileStamps read_;  // how the files looked before they were read last
    std::optional<std::uint64_t> digest_;
    Debounce debounce_;
    std::thread thread_;
};

}  // namespace peerzone::app
