// Follows endpoints that are not given by address: asks DNS about the names and looks at the files
// of discovery/sources.hpp, logs what came of it, and says when a set changed. Control thread;
// neither start nor control waits for a server.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "peerzone/config/config.hpp"
#include "peerzone/discovery/lookup.hpp"
#include "peerzone/discovery/sources.hpp"

namespace peerzone::app {

class Discovery {
public:
    /// `changed` is called from the event loop, never from within, at most five times a second.
    Discovery(boost::asio::io_context& io, std::function<void()> changed);
    Discovery(const Discovery&) = delete;
    Discovery& operator=(const Discovery&) = delete;

    /// What is followed from now on, and who is asked. Files are read before it returns, without a
    /// call of `changed`; names that failed last are asked again at once.
    void want(const config::Config& config);

    /// The upstreams of the snapshot that is served now. While one of them has no endpoint that
    /// replies, its names are asked before their TTL is over.
    void watch(const std::vector<std::shared_ptr<const upstream::Upstream>>& upstreams) {
        upstreams_ = upstreams;
    }

    /// Every item of every `endpoints` list and of `bootstrap` that is not an address, as it stands
    /// now.
    const discovery::SourceTable& sources() const { return sources_.table(); }

private:
    bool read_file(const std::string& path);
    void look();
    void look_at_files();
    void look_at_upstreams();
    void ask_due();
    void note(bool changed);
    void log_events();

    std::function<void()> changed_;
    discovery::Sources sources_;
    std::vector<upstream::EndpointSpec> bootstrap_;
    std::vector<SocketAddress> servers_;
    std::vector<std::shared_ptr<const upstream::Upstream>> upstreams_;
    std::map<std::string, std::string> stamps_;  // file → what it looked like when it was read
    std::mt19937 random_{std::random_device{}()};
    boost::asio::steady_timer due_, look_timer_, tell_;
    Time told_ = kLongAgo;
    bool telling_ = false;
    discovery::Lookups lookups_;
    std::shared_ptr<int> alive_ = std::make_shared<int>(0);  // handlers of a gone object see it
};

}  // namespace peerzone::app
