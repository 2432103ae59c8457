#include "peerzone/app/app.hpp"

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <csignal>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "app/at_start.hpp"
#include "app/config_follower.hpp"
#include "app/cpu_count.hpp"
#include "app/discovery.hpp"
#include "app/file_stamps.hpp"
#include "app/host.hpp"
#include "app/operations.hpp"
#include "app/snapshot_builder.hpp"
#include "peerzone/admin/admin.hpp"
#include "peerzone/base/log.hpp"
#include "peerzone/cache/cache.hpp"
#include "peerzone/config/config.hpp"
#include "peerzone/probe/prober.hpp"
#include "peerzone/server/query_log.hpp"
#include "peerzone/server/sockets.hpp"
#include "peerzone/server/worker.hpp"
#include "peerzone/upstream/hop_mark.hpp"

namespace peerzone::app {
namespace {

namespace asio = boost::asio;

// How often the certificate is looked at: session tickets' keys get old, and files that a
// configuration with mistakes in it names are not followed.
constexpr Seconds kTlsLook{60};
constexpr Millis kDrainDeadline{4600};  // longer than any question may take

void log_warnings(const std::vector<config::Problem>& warnings) {
    for (const config::Problem& warning : warnings)
        log::warning("configuration", {{"problem", warning.to_text()}});
}

// Everything that runs. Control thread only.
class Program {
public:
    /// `stamps`: of the files that it was read from, as they were before.
    Program(std::string file, config::Config config, FileStamps stamps)
        : file_(std::move(file)),
          config_(std::move(config)),
          stamps_(std::move(stamps)),
          cache_(config_.cache),
          shared_(cache_, config_.server_limits),
          operations_(io_, cache_, config_status_),
          discovery_(io_, [this] { follow(); }),
          follower_(
              io_, file_, [this](Reading reading) { reload(std::move(reading)); }, config_status_) {
    }

    Result<void> open();
    void run();

private:
    Result<void> open_address(const SocketAddress& address);
    Result<void> open_tls();
    Result<void> open_admin();
    void set_query_log();
    void watch_tls();
    void look_at_tls();
    void publish_tls();
    void start();
    void publish();
    void follow();
    void wait_for_signal();
    void reload(Reading reading);
    void refuse(const std::vector<config::Problem>& problems, const std::string& why);
    void stop();
    void log_counters() const;

    std::string file_;
    config::Config config_;
    FileStamps stamps_;
    const std::shared_ptr<resolver::ConfigStatus> config_status_ =
        std::make_shared<resolver::ConfigStatus>();
    const AtStart at_start_{config_};
    std::string waiting_for_restart_;
    asio::io_context io_{1};
    asio::signal_set signals_{io_, SIGTERM, SIGINT, SIGHUP};
    cache::Cache cache_;
    server::Shared shared_;
    metrics::Counters counters_;  // of this thread
    server::QueryLog query_log_;
    std::vector<resolver::ReplyObserver*> observers_;  // one per worker
    std::vector<std::unique_ptr<server::Worker>> workers_;
    std::unique_ptr<probe::Prober> prober_;
    Operations operations_;
    std::optional<admin::AdminServer> admin_;
    std::thread ender_;  // waits for the workers' end
    SnapshotBuilder builder_{new_node_id(config_.cluster_name), config_status_};
    server::TlsFiles tls_files_;
    asio::steady_timer tls_timer_{io_};
    bool serves_tls_ = false;
    Discovery discovery_;
    ConfigFollower follower_;
};

Result<void> Program::open() {
    if (auto files = builder_.load_files(config_); !files) return files;
    const std::size_t count = config_.workers != 0 ? config_.workers : auto_workers();
    upstream::ClientOptions client;
    client.node_id = builder_.node_id();
    client.sockets_max = std::min(client.sockets_max, raise_descriptor_limit() / 2 / (count + 1));
    prober_ = std::make_unique<probe::Prober>(io_, client);
    for (std::size_t i = 0; i < count; ++i)
        workers_.push_back(std::make_unique<server::Worker>(shared_, client));
    for (const auto& worker : workers_)
        observers_.push_back(&query_log_.add_channel(worker->counters()));
    set_query_log();
    std::size_t opened = 0;
    for (const SocketAddress& address : config_.listen.dns)
        if (auto free = server::check_free(address); !free) return free;
    for (const SocketAddress& address : config_.listen.dns) {
        if (!address.ip.is_v4() && address.ip.is_unspecified() && server::ipv6_missing()) {
            log::warning("not listening",
                         {{"address", address.to_text()}, {"why", "this host has no IPv6"}});
            continue;
        }
        if (auto done = open_address(address); !done) return done;
        ++opened;
    }
    if (opened == 0) return fail("there is no address to listen on (listen.dns)");
    if (!config_.listen.tls.empty())
        if (auto done = open_tls(); !done) return done;
    operations_.config_loaded(file_, config_.cluster_name);
    operations_.add_counters(counters_);
    operations_.add_counters(prober_->counters());
    operations_.show_sources(discovery_.sources());
    for (const auto& worker : workers_) operations_.add_counters(worker->counters());
    return config_.listen.admin_is_given ? open_admin() : Result<void>{};
}

Result<void> Program::open_address(const SocketAddress& address) {
    for (const auto& worker : workers_) {
        Result<Fd> udp = server::open_udp(address);
        if (!udp) return udp.error();
        Result<Fd> tcp = server::open_tcp(address);
        if (!tcp) return tcp.error();
        worker->add_udp(std::move(*udp));
        worker->add_tcp(std::move(*tcp));
    }
    log::info("listening",
              {{"address", address.to_text()}, {"workers", std::to_string(workers_.size())}});
    return {};
}

Result<void> Program::open_tls() {
    for (const SocketAddress& address : config_.listen.tls)
        if (auto free = server::check_free(address, server::Sockets::tcp); !free) return free;
    if (!tls_files_.look(config_.tls, Clock::now()))
        return fail("the certificate cannot be used (tls.certificate)");
    publish_tls();
    for (const SocketAddress& address : config_.listen.tls) {
        if (!address.ip.is_v4() && address.ip.is_unspecified() && server::ipv6_missing()) {
            log::warning("not listening",
                         {{"address", address.to_text()}, {"why", "this host has no IPv6"}});
            continue;
        }
        for (const auto& worker : workers_) {
            Result<Fd> socket = server::open_tcp(address);
            if (!socket) return socket.error();
            worker->add_tls(std::move(*socket));
        }
        log::info("listening", {{"address", address.to_text()},
                                {"workers", std::to_string(workers_.size())},
                                {"transport", "tls"}});
    }
    serves_tls_ = true;
    return {};
}

// Whoever wrote the address wants it; the default only warns, so that a second server on a host
// starts without another word in its configuration, and is opened when questions are answered
// already.
Result<void> Program::open_admin() {
    if (!config_.listen.admin) return {};
    Result<Fd> socket = server::open_admin(*config_.listen.admin);
    if (!socket) {
        const std::string why = socket.error().message;
        if (config_.listen.admin_is_given) return fail("listen.admin: " + why);
        log::warning("no metrics and no status over HTTP",
                     {{"why", why}, {"what", "listen.admin: another address, or off"}});
        return {};
    }
    admin_.emplace(io_, std::move(*socket), operations_, counters_);
    log::info("admin listening", {{"address", config_.listen.admin->to_text()}});
    return {};
}

// A worker without observer does not even look for one.
void Program::set_query_log() {
    query_log_.set(config_.log.queries);
    const bool on = config_.log.queries != log::Queries::off;
    for (std::size_t i = 0; i < workers_.size(); ++i)
        workers_[i]->observe(on ? observers_[i] : nullptr);
}

// Certificates that were replaced come with a reload too, but nothing else that is wrong with the
// configuration may keep one that runs out in service. Session tickets' keys are made anew with the
// context.
void Program::watch_tls() {
    tls_timer_.expires_after(kTlsLook);
    tls_timer_.async_wait([this](const boost::system::error_code& error) {
        if (error) return;
        look_at_tls();
        watch_tls();
    });
}

void Program::look_at_tls() {
    if (serves_tls_ && tls_files_.look(config_.tls, Clock::now())) publish_tls();
}

void Program::publish_tls() {
    for (const auto& worker : workers_) worker->publish_tls(tls_files_.context());
}

void Program::start() {
    discovery_.want(config_);
    const auto snapshot = builder_.build(config_, discovery_.sources());
    prober_->follow(snapshot->upstreams);
    operations_.show(snapshot);
    discovery_.watch(snapshot->upstreams);
    for (const auto& worker : workers_) worker->start(snapshot);
    operations_.enter(Operations::Phase::serving);
    for (const std::string& notice : builder_.take_notices())
        log::info("special name opened", {{"what", notice}});
    log::info("serving", {{"cluster", config_.cluster_name},
                          {"peers", std::to_string(config_.peers.size())},
                          {"zones", std::to_string(config_.zones.size())},
                          {"forwards", std::to_string(config_.forwards.size())}});
    if (serves_tls_) watch_tls();
}

void Program::publish() {
    const auto snapshot = builder_.build(config_, discovery_.sources());
    prober_->follow(snapshot->upstreams);
    operations_.show(snapshot);
    discovery_.watch(snapshot->upstreams);
    for (const auto& worker : workers_) worker->publish(snapshot, config_.server_limits);
    for (const std::string& notice : builder_.take_notices())
        log::info("special name opened", {{"what", notice}});
}

// Other addresses than before: the boards tell the workers.
void Program::follow() {
    if (builder_.follow(discovery_.sources())) prober_->follow(builder_.upstreams());
}

void Program::wait_for_signal() {
    signals_.async_wait([this](const boost::system::error_code& error, int signal) {
        if (error) return;
        if (signal == SIGHUP) {
            follower_.request();
        } else if (signal == SIGUSR1) {
            log_counters();
        } else {
            log::info("stopping", {{"signal", signal == SIGTERM ? "SIGTERM" : "SIGINT"}});
            stop();
            return;
        }
        wait_for_signal();
    });
}

void Program::refuse(const std::vector<config::Problem>& problems, const std::string& why) {
    for (const config::Problem& problem : problems)
        log::error("configuration refused", {{"problem", problem.to_text()}});
    log::error("still serving the old configuration",
               {{"problems", std::to_string(problems.size())}, {"why", why}});
    operations_.config_refused(problems.front().to_text());
    look_at_tls();
}

void Program::reload(Reading reading) {
    if (operations_.is_draining()) return;  // read before we were told to end
    if (!reading.config) return refuse(reading.problems, reading.why);
    if (const auto files = builder_.take_files(*reading.config, std::move(reading.zones)); !files)
        return refuse({{file_, 0, 0, "", files.error().message, ""}}, reading.why);
    log_warnings(reading.warnings);
    config::Config& loaded = *reading.config;
    const std::string waiting = at_start_.keys_that_differ(loaded);
    if (waiting != waiting_for_restart_ && !waiting.empty())
        log::warning(waiting + " changed", {{"what", "takes effect after a restart"}});
    waiting_for_restart_ = waiting;
    config_ = std::move(loaded);
    log::configure(config_.log);
    set_query_log();
    cache_.configure(config_.cache);
    discovery_.want(config_);
    publish();
    // Without `tls` the listeners that are open keep what they have.
    if (serves_tls_ && config_.tls.certificate.empty()) config_.tls = tls_files_.options();
    look_at_tls();
    operations_.config_loaded(file_, config_.cluster_name, reading.digest, waiting);
    log::info("configuration reloaded", {{"file", file_}, {"why", reading.why}});
}

// Until the workers have ended, /readyz says that we are draining.
void Program::stop() {
    operations_.enter(Operations::Phase::draining);
    follower_.stop();
    prober_->shut_down();
    for (const auto& worker : workers_) worker->drain(kDrainDeadline);
    ender_ = std::thread([this] {
        for (const auto& worker : workers_) worker->join();
        asio::post(io_, [this] {
            log_counters();
            io_.stop();
        });
    });
}

// One line with everything that is not zero: what an operator sees with SIGUSR1 and at the end.
void Program::log_counters() const {
    std::string text;
    for (std::size_t i = 0; i < metrics::kCountNames.size(); ++i) {
        std::uint64_t sum = counters_.value(static_cast<metrics::Count>(i)) +
                            prober_->counters().value(static_cast<metrics::Count>(i));
        for (const auto& worker : workers_)
            sum += worker->counters().value(static_cast<metrics::Count>(i));
        if (sum != 0)
            text += (text.empty() ? "" : " ") + std::string(metrics::kCountNames[i]) + "=" +
                    std::to_string(sum);
    }
    const cache::Stats stats = cache_.stats();
    log::info("counters",
              {{"sums", text},
               {"cache_entries", std::to_string(stats.entries)},
               {"cache_bytes", std::to_string(stats.bytes)},
               {"cache_evicted", std::to_string(stats.evicted_probation + stats.evicted_main)}});
}

void Program::run() {
    signals_.add(SIGUSR1);
    wait_for_signal();
    start();
    follower_.start(std::move(stamps_));
    if (!config_.listen.admin_is_given) open_admin();  // it has no errors then
    io_.run();
    if (ender_.joinable()) ender_.join();
    query_log_.finish();
}

}  // namespace

int exit_status(const std::vector<config::Problem>& problems) noexcept {
    const bool wrong = std::ranges::any_of(problems, [](const config::Problem& problem) {
        return problem.kind == config::Problem::Kind::wrong;
    });
    return wrong ? kExitConfiguration : kExitUnavailable;
}

int serve(const std::string& config_file) {
    std::signal(SIGPIPE, SIG_IGN);  // whoever reads our log may go away
    // Stamps are taken before what they stand for is read: open() builds the zones that are served.
    FileStamps stamps = stamps_of({config_file});
    config::Loaded loaded = config::load(config_file);
    for (const config::Problem& problem : loaded.problems)
        log::error("configuration refused", {{"problem", problem.to_text()}});
    if (!loaded.config) return exit_status(loaded.problems);
    log::configure(loaded.config->log);
    log_warnings(loaded.warnings);
    stamps.merge(stamps_of(loaded.files));
    {
        Program program(config_file, std::move(*loaded.config), std::move(stamps));
        if (const auto opened = program.open(); !opened) {
            log::error("cannot start", {{"why", opened.error().message}});
            return kExitUnavailable;
        }
        program.run();
    }  // waits for its threads: nothing goes on behind "stopped"
    log::info("stopped");
    return 0;
}

}  // namespace peerzone::app
