// The whole server in this process, on a port that the kernel picks, from configuration text.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "app/snapshot_builder.hpp"
#include "peerzone/config/config.hpp"
#include "peerzone/discovery/source.hpp"
#include "peerzone/probe/prober.hpp"
#include "peerzone/server/sockets.hpp"
#include "peerzone/server/worker.hpp"
#include "support/integration_client.hpp"

namespace peerzone::itest {

inline config::Config load(const std::string& yaml) {
    config::Loaded loaded = config::load_text(yaml, "test.yaml");
    for (const auto& problem : loaded.problems) ADD_FAILURE() << problem.to_text();
    return std::move(loaded.config).value();
}

enum class Probes { off, on };

/// The part of the control thread that asks endpoints by itself and decides about partitions.
class Control {
public:
    Control() : thread_([this] { io_.run(); }) {}
    ~Control() {
        run([this] { prober_.shut_down(); });
        keep_running_.reset();
        thread_.join();
    }
    void follow(const std::vector<std::shared_ptr<const upstream::Upstream>>& upstreams) {
        run([&] { prober_.follow(upstreams); });
    }

private:
    void run(const std::function<void()>& what) {
        std::promise<void> done;
        boost::asio::post(io_, [&] {
            what();
            done.set_value();
        });
        done.get_future().wait();
    }
    boost::asio::io_context io_{1};
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> keep_running_{
        io_.get_executor()};
    probe::Prober prober_{io_, upstream::ClientOptions{}};
    std::thread thread_;
};

class Server {
public:
    explicit Server(const std::string& yaml, const std::string& listen = "127.0.0.1",
                    std::size_t workers = 1, Probes probes = Probes::off)
        : config_(load(yaml)), cache_(config_.cache), shared_(cache_, config_.server_limits) {
        if (probes == Probes::on) control_ = std::make_unique<Control>();
        SocketAddress wanted{IpAddress::parse(listen).value(), 0, 0};
        for (std::size_t i = 0; i < workers; ++i) {
            workers_.push_back(std::make_unique<server::Worker>(shared_, client_options_));
            add_sockets(*workers_.back(), wanted);
        }
        address_ = wanted;
        EXPECT_TRUE(builder_.load_files(config_).has_value());
        build();
        for (const auto& worker : workers_) worker->start(snapshot_);
    }

    const SocketAddress& address() const { return address_; }
    std::uint16_t port() const { return address_.port; }
    Client client() const { return Client(address_); }

    void reload(const std::string& yaml) {
        config_ = load(yaml);
        EXPECT_TRUE(builder_.load_files(config_).has_value());
        cache_.configure(config_.cache);
        build();
        for (const auto& worker : workers_) worker->publish(snapshot_, config_.server_limits);
    }
    /// Serves the snapshot that `change` makes of the one in force.
    void change(const std::function<void(resolver::Snapshot&)>& change) {
        auto changed = std::make_shared<resolver::Snapshot>(*snapshot_);
        change(*changed);
        snapshot_ = std::move(changed);
        for (const auto& worker : workers_) worker->publish(snapshot_, config_.server_limits);
    }
    /// What `source` (an item of an endpoints list) is followed to from now on.
    void find(const std::string& source, const std::vector<std::string>& addresses) {
        auto& found = sources_[source].addresses;
        found.clear();
        for (const std::string& text : addresses)
            found.push_back(SocketAddress::parse(text, upstream::kDnsPort).value());
        if (builder_.follow(sources_) && control_ != nullptr)
            control_->follow(snapshot_->upstreams);
    }
    /// The state of an upstream, by its label ("peer=westus"), for the test to decide.
    void enter(const std::string& label, upstream::UpstreamState state) {
        for (const auto& upstream : snapshot_->upstreams)
            if (upstream->label == label)
                upstream->health->enter(state, Clock::now(), std::chrono::system_clock::now());
    }
    /// From now on questions leave in plain letter case: a test that counts them must not count
    /// those that ask whether a denial was one of the letter case.
    void ask_in_plain_case() const {
        for (const auto& upstream : snapshot_->upstreams)
            for (const auto set = upstream->set(); const auto& endpoint : set->endpoints)
                for (unsigned i = 0; i < upstream::LetterCase::kEventsMax; ++i)
                    endpoint->letter_case().note_changed(Clock::now());
    }
    void drain(Duration deadline) {
        for (const auto& worker : workers_) worker->drain(deadline);
    }
    void join() {
        for (const auto& worker : workers_) worker->join();
    }
    std::uint64_t count(metrics::Count what) const {
        std::uint64_t sum = 0;
        for (const auto& worker : workers_) sum += worker->counters().value(what);
        return sum;
    }

    /// The upstream with this label, as it is now.
    const upstream::Upstream& upstream(const std::string& label) const {
        const auto& all = snapshot_->upstreams;
        const auto found =
            std::find_if(all.begin(), all.end(), [&](const auto& u) { return u->label == label; });
        return **found;
    }

private:
    void build() {
        snapshot_ = builder_.build(config_, sources_);
        if (control_ != nullptr) control_->follow(snapshot_->upstreams);
    }

    // TCP first: a port that is free for both is tried for until there is one.
    static void add_sockets(server::Worker& worker, SocketAddress& wanted) {
        for (int tries = 0; tries < 100; ++tries) {
            auto tcp = server::open_tcp(wanted);
            if (!tcp) continue;
            SocketAddress same = wanted;
            same.port = server::bound_address(*tcp).port;
            auto udp = server::open_udp(same);
            if (!udp) continue;
            wanted = same;
            worker.add_udp(std::move(*udp));
            worker.add_tcp(std::move(*tcp));
            return;
        }
        ADD_FAILURE() << "no free port at " << wanted.to_text();
    }

    const upstream::ClientOptions client_options_;
    config::Config config_;
    cache::Cache cache_;
    server::Shared shared_;
    std::vector<std::unique_ptr<server::Worker>> workers_;
    app::SnapshotBuilder builder_;
    discovery::SourceTable sources_;
    std::shared_ptr<const resolver::Snapshot> snapshot_;
    SocketAddress address_;
    std::unique_ptr<Control> control_;
};

}  // namespace peerzone::itest
