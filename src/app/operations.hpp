// What an operator sees and does while the program runs: admin HTTP's host. Control thread only.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "peerzone/admin/admin.hpp"
#include "peerzone/cache/cache.hpp"
#include "peerzone/discovery/source.hpp"
#include "peerzone/metrics/counters.hpp"
#include "peerzone/resolver/config_status.hpp"
#include "peerzone/resolver/snapshot.hpp"

namespace peerzone::app {

class Operations final : public admin::AdminHost {
public:
    enum class Phase : std::uint8_t { starting, serving, draining };

    /// `cache` outlives this; steps of a flush run on `io`. `status`: what is told of the
    /// configuration.
    Operations(boost::asio::io_context& io, cache::Cache& cache,
               std::shared_ptr<resolver::ConfigStatus> status =
                   std::make_shared<resolver::ConfigStatus>());

    /// A set of counters that is summed with the others; outlives this.
    void add_counters(const metrics::Counters& counters) { counters_.push_back(&counters); }
    void enter(Phase phase) noexcept { phase_ = phase; }
    /// What the workers were handed last.
    void show(std::shared_ptr<const resolver::Snapshot> snapshot) {
        snapshot_ = std::move(snapshot);
    }
    /// What has become of the endpoints that are followed; outlives this.
    void show_sources(const discovery::SourceTable& sources) noexcept { sources_ = &sources; }
    /// `digest`: of the contents of its files. `restart`: the keys of it that wait for a restart.
    void config_loaded(const std::string& file, const std::string& cluster,
                       std::optional<std::uint64_t> digest = std::nullopt,
                       const std::string& restart = "");
    /// The file was refused, and the former configuration serves on.
    void config_refused(const std::string& problem) { status_->note_refused(problem); }

    bool is_draining() const noexcept { return phase_ == Phase::draining; }
    bool ready() const override { return phase_ == Phase::serving; }
    std::string_view why_not_ready() const override {
        return is_draining() ? "draining" : "starting";
    }
    metrics::Report report() const override;
    std::vector<std::string> upstream_names() const override;
    bool hold(std::string_view upstream, bool held) override;
    void flush(const admin::FlushOrder& order, std::function<void(std::size_t)> done) override;

private:
    struct Flush;
    const upstream::Upstream* find(std::string_view name) const;
    void go_on(const std::shared_ptr<Flush>& flush);

    boost::asio::io_context& io_;
    cache::Cache& cache_;
    std::shared_ptr<resolver::ConfigStatus> status_;
    std::vector<const metrics::Counters*> counters_;
    std::shared_ptr<const resolver::Snapshot> snapshot_ = std::make_shared<resolver::Snapshot>();
    const discovery::SourceTable* sources_ = nullptr;
    Phase phase_ = Phase::starting;
    std::string cluster_;
    metrics::WallTime started_ = std::chrono::system_clock::now();
};

}  // namespace peerzone::app
