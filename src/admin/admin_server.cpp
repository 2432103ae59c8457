#include <algorithm>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <list>
#include <utility>

#include "admin/admin_session.hpp"
#include "peerzone/admin/admin.hpp"
#include "peerzone/base/log.hpp"
#include "peerzone/server/sockets.hpp"

namespace peerzone::admin {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using metrics::Count;

constexpr Millis kAcceptBackOff{100};  // without descriptors, trying again at once would spin

}  // namespace

// Handlers that run after the AdminServer is gone hold this and see `open` false; sessions are
// closed by then and touch neither host nor limits.
struct AdminServer::Impl : std::enable_shared_from_this<AdminServer::Impl> {
    using SessionPtr = std::shared_ptr<AdminSession>;

    tcp::acceptor acceptor;
    asio::steady_timer pause;
    AdminHost& host;
    metrics::Counters& counters;
    AdminLimits limits;
    std::list<SessionPtr> sessions;  // the oldest first
    log::LogLimit accept_log;
    bool open = true;

    Impl(asio::io_context& io, AdminHost& admin_host, metrics::Counters& control,
         const AdminLimits& bounds)
        : acceptor(io), pause(io), host(admin_host), counters(control), limits(bounds) {}

    void accept() {
        acceptor.async_accept([self = shared_from_this()](const boost::system::error_code& error,
                                                          tcp::socket socket) {
            if (!self->open) return;
            if (error) return self->back_off(error);
            self->admit(std::move(socket));
            self->accept();
        });
    }

    void back_off(const boost::system::error_code& error) {
        std::uint64_t suppressed = 0;
        if (accept_log.allow(Clock::now(), suppressed))
            log::warning("admin accept failed, trying again",
                         {{"error", error.message()}, {"suppressed", std::to_string(suppressed)}});
        pause.expires_after(kAcceptBackOff);
        pause.async_wait([self = shared_from_this()](const boost::system::error_code&) {
            if (self->open) self->accept();
        });
    }

    // Silent connections must not keep a probe out: the oldest of those that wait for a request
    // gives way.
    void admit(tcp::socket socket) {
        counters.add(Count::admin_connections);
        if (sessions.size() >= limits.connections_max) {
            counters.add(Count::admin_closed_limit);
            const auto waiting = std::find_if(sessions.begin(), sessions.end(),
                                              [](const SessionPtr& s) { return s->is_waiting(); });
            if (waiting == sessions.end()) return;
            const SessionPtr leaves = *waiting;  // close() takes it off the list
            leaves->close();
        }
        const auto place = sessions.emplace(sessions.end());
        *place = std::make_shared<AdminSession>(std::move(socket), host, counters, limits,
                                                [this, place] { sessions.erase(place); });
        const SessionPtr started = *place;
        started->start();
    }

    void shut_down() {
        open = false;
        boost::system::error_code ignored;
        acceptor.close(ignored);
        pause.cancel();
        while (!sessions.empty()) {
            const SessionPtr leaves = sessions.front();
            leaves->close();
        }
    }
};

AdminServer::AdminServer(asio::io_context& io, Fd socket, AdminHost& host,
                         metrics::Counters& counters, const AdminLimits& limits)
    : impl_(std::make_shared<Impl>(io, host, counters, limits)) {
    const bool is_v4 = server::bound_address(socket).ip.is_v4();
    impl_->acceptor.assign(is_v4 ? tcp::v4() : tcp::v6(), socket.release());
    impl_->accept();
}

AdminServer::~AdminServer() {
    impl_->shut_down();
}

std::size_t AdminServer::connections() const noexcept {
    return impl_->sessions.size();
}

}  // namespace peerzone::admin
