#include "peerzone/server/worker.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <thread>
#include <vector>

#include "peerzone/base/cork.hpp"
#include "peerzone/resolver/resolver.hpp"
#include "server/connection_limits.hpp"
#include "server/question_handler.hpp"
#include "server/tcp_server.hpp"
#include "server/udp_listener.hpp"

namespace peerzone::server {
namespace {

namespace asio = boost::asio;

constexpr Millis kDrainLook{5};  // how often a draining worker looks whether it is done

}  // namespace

Shared::Shared(cache::Cache& cache, const Limits& limits)
    : cache_(cache), limits_(limits), connections_(std::make_unique<ConnectionLimits>(limits)) {}

Shared::~Shared() = default;

struct Worker::Impl {
    asio::io_context io{1};
    asio::executor_work_guard<asio::io_context::executor_type> keep_running{io.get_executor()};
    metrics::Counters counters;
    Cork cork;
    upstream::Client client;
    resolver::Resolver resolver;
    ResolverQuestions handler{resolver};
    TcpServer tcp;
    std::vector<std::unique_ptr<UdpListener>> udp;
    asio::steady_timer drain_timer{io};
    Time drain_until{};
    std::thread thread;

    Impl(cache::Cache& cache, ConnectionLimits& connections, const Limits& limits,
         const upstream::ClientOptions& options)
        : client(io, cork, counters, options),
          resolver(cache, client, counters),
          tcp(io, handler, connections, counters, limits) {}

    void publish(std::shared_ptr<const resolver::Snapshot> snapshot) {
        for (const auto& listener : udp) listener->see(*snapshot);
        tcp.see(snapshot);
        resolver.publish(std::move(snapshot));
    }
    void look_whether_drained() {
        const bool done = resolver.in_flight() == 0 && tcp.drained();
        if (!done && Clock::now() < drain_until) {
            drain_timer.expires_after(kDrainLook);
            drain_timer.async_wait(
                [this](const boost::system::error_code&) { look_whether_drained(); });
            return;
        }
        client.shut_down();  // clients that still wait get SERVFAIL
        tcp.shut_down();
        keep_running.reset();
        io.stop();
    }
};

Worker::Worker(Shared& shared, const upstream::ClientOptions& client)
    : impl_(std::make_unique<Impl>(shared.cache_, *shared.connections_, shared.limits_, client)) {}

Worker::~Worker() {
    if (impl_->thread.joinable()) {
        drain(Duration::zero());
        join();
    }
}

void Worker::add_udp(Fd socket) {
    impl_->udp.push_back(std::make_unique<UdpListener>(impl_->io, impl_->cork, std::move(socket),
                                                       impl_->resolver, impl_->counters));
}

void Worker::add_tcp(Fd socket) {
    impl_->tcp.add_listener(socket.release());
}

void Worker::add_tls(Fd socket) {
    impl_->tcp.add_listener(socket.release(), TcpServer::Security::tls);
}

void Worker::observe(resolver::ReplyObserver* observer) {
    if (!impl_->thread.joinable()) {
        impl_->resolver.observe(observer);
        return;
    }
    asio::post(impl_->io, [impl = impl_.get(), observer] { impl->resolver.observe(observer); });
}

void Worker::start(std::shared_ptr<const resolver::Snapshot> snapshot) {
    impl_->publish(std::move(snapshot));
    for (const auto& listener : impl_->udp) listener->start();
    impl_->thread = std::thread([impl = impl_.get()] { impl->io.run(); });
}

void Worker::publish(std::shared_ptr<const resolver::Snapshot> snapshot, const Limits& limits) {
    asio::post(impl_->io, [impl = impl_.get(), snapshot = std::move(snapshot), limits]() mutable {
        impl->publish(std::move(snapshot));
        impl->tcp.set_limits(limits);
    });
}

void Worker::publish_tls(std::shared_ptr<const TlsContext> context) {
    if (!impl_->thread.joinable()) {
        impl_->tcp.set_tls(std::move(context));
        return;
    }
    asio::post(impl_->io, [impl = impl_.get(), context = std::move(context)]() mutable {
        impl->tcp.set_tls(std::move(context));
    });
}

void Worker::drain(Duration deadline) {
    asio::post(impl_->io, [impl = impl_.get(), deadline] {
        for (const auto& listener : impl->udp) listener->stop();
        impl->tcp.begin_drain();
        impl->drain_until = Clock::now() + deadline;
        impl->look_whether_drained();
    });
}

void Worker::join() {
    if (impl_->thread.joinable()) impl_->thread.join();
}

metrics::Counters& Worker::counters() noexcept {
    return impl_->counters;
}

const metrics::Counters& Worker::counters() const noexcept {
    return impl_->counters;
}

}  // namespace peerzone::server
