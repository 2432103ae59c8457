// One channel per lookup: sockets, source ports and IDs of its own, and nothing that a silent
// server of one lookup could hold up in another. The library never waits; it tells which sockets it
// wants to hear of, and the event loop calls it when they are ready. Callbacks run within our own
// calls into the library, the last of them when the channel is destroyed.
#include "peerzone/discovery/lookup.hpp"

#include <ares.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <cstring>
#include <map>
#include <mutex>
#include <set>

#include "discovery/lookup_reply.hpp"
#include "discovery/lookup_servers.hpp"
#include "peerzone/dns/message.hpp"
#include "peerzone/exchange/reply_index.hpp"

namespace peerzone::discovery {
namespace {

namespace asio = boost::asio;

constexpr int kClassIn = 1;
constexpr int kTries = 3;
constexpr int kEdnsSize = 1232;

std::string status_text(int status) {
    switch (status) {
        case ARES_ETIMEOUT:
        case ARES_ECANCELLED: return "no reply in time";
        // c-ares moves on after SERVFAIL, NOTIMP and REFUSED and ends with this.
        case ARES_ECONNREFUSED: return "no server reached, or only errors from it";
        default: return ares_strerror(status);
    }
}

// Every server gets two turns within the deadline: c-ares doubles the wait with each round.
Millis attempt_timeout(Duration deadline, std::size_t server_count) {
    const auto third =
        std::chrono::duration_cast<Millis>(deadline) / (3 * static_cast<int>(server_count));
    return std::clamp(third, Millis{50}, Millis{2000});
}

int start_library() {
    static std::once_flag once;  // ares_library_init may not run twice at the same time
    static int library = ARES_SUCCESS;
    std::call_once(once, [] { library = ares_library_init(ARES_LIB_INIT_ALL); });
    return library;
}

}  // namespace

class Lookups::Lookup : public std::enable_shared_from_this<Lookup> {
public:
    Lookup(asio::io_context& io, std::string name, LookupType type, Done done)
        : io_(io), name_(std::move(name)), type_(type), done_(std::move(done)), timer_(io) {}
    ~Lookup() { close(); }
    Lookup(const Lookup&) = delete;
    Lookup& operator=(const Lookup&) = delete;

    /// `ended` runs before `done`, from the event loop.
    void start(const std::vector<SocketAddress>& servers, Duration deadline,
               std::function<void()> ended);
    /// Nothing is called any more.
    void close();

private:
    // A socket of the library's, which closes it after it has told us.
    struct Watched {
        asio::posix::stream_descriptor descriptor;
        bool reads = false, writes = false;     // wanted by the library
        bool reading = false, writing = false;  // waited for
    };

    int open(Duration left);
    void ask();
    // What the library does with its sockets. It knows only replies that repeat the question, and
    // of those without EDNS only what says FORMERR; so we look first.
    static ares_socket_t open_socket(int family, int type, int protocol, void* self);
    static int connect_socket(ares_socket_t socket, const sockaddr* to, ares_socklen_t size, void*);
    static ares_ssize_t send(ares_socket_t socket, const iovec* data, int count, void* self);
    static ares_ssize_t receive(ares_socket_t socket, void* data, std::size_t room, int flags,
                                sockaddr* from, ares_socklen_t* from_size, void* self);
    static int close_socket(ares_socket_t socket, void* self);
    std::size_t look_at(MutableBytes buffer, std::size_t size);

    static void on_socket(void* self, ares_socket_t socket, int readable, int writable);
    static void on_reply(void* self, int status, int timeouts, unsigned char* message, int size);
    void probed(ares_socket_t socket, bool reads, bool writes);
    void wait(const std::shared_ptr<Watched>& watched);
    void go_on();
    void arm();
    void end();

    asio::io_context& io_;
    std::string name_;
    LookupType type_;
    Done done_;
    std::function<void()> ended_;
    Time deadline_{};
    std::vector<SocketAddress> servers_;
    bool edns_ = true;
    bool edns_refused_ = false;          // a server said so: ask again without
    std::set<ares_socket_t> datagrams_;  // its UDP sockets
    std::vector<std::uint8_t> sent_;     // the question as it left last
    asio::steady_timer timer_;
    std::map<ares_socket_t, std::shared_ptr<Watched>> sockets_;
    ares_channel channel_ = nullptr;
    std::string asked_;
    LookupReply reply_;
    bool has_reply_ = false;
    bool closed_ = false;
};

int Lookups::Lookup::open(Duration left) {
    if (const int status = start_library(); status != ARES_SUCCESS) return status;
    char lookups[] = "b";  // DNS only
    char nowhere[] = "/dev/null";
    ares_options options{};
    options.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES | (edns_ ? ARES_FLAG_EDNS : 0);
    options.timeout = static_cast<int>(attempt_timeout(left, servers_.size()).count());
    options.tries = kTries;
    options.lookups = lookups;
    options.resolvconf_path = nowhere;
    options.ednspsz = kEdnsSize;
    options.sock_state_cb = on_socket;
    options.sock_state_cb_data = this;
    const int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS |
                     ARES_OPT_DOMAINS | ARES_OPT_RESOLVCONF | ARES_OPT_EDNSPSZ |
                     ARES_OPT_SOCK_STATE_CB | ARES_OPT_NOROTATE;
    const int status = ares_init_options(&channel_, &options, mask);
    if (status != ARES_SUCCESS) {
        channel_ = nullptr;
        return status;
    }
    static constexpr ares_socket_functions kSockets{open_socket, close_socket, connect_socket,
                                                    receive, send};
    ares_set_socket_functions(channel_, &kSockets, this);
    return set_servers(channel_, servers_);
}

void Lookups::Lookup::start(const std::vector<SocketAddress>& servers, Duration deadline,
                            std::function<void()> ended) {
    ended_ = std::move(ended);
    deadline_ = Clock::now() + deadline;
    servers_ = usable(servers);
    if (servers_.empty()) {
        reply_.why = servers.empty() ? "no nameserver to ask" : "no nameserver but link-local ones";
        has_reply_ = true;
        return end();
    }
    asked_ = asked_text(servers_);
    ask();
    go_on();
}

void Lookups::Lookup::ask() {
    if (const int status = open(deadline_ - Clock::now()); status != ARES_SUCCESS) {
        reply_.why = ares_strerror(status);
        has_reply_ = true;
        return;
    }
    ares_query(channel_, name_.c_str(), kClassIn, static_cast<int>(type_), on_reply, this);
}

// Sockets that a program brings along are not prepared by the library.
ares_socket_t Lookups::Lookup::open_socket(int family, int type, int protocol, void* self) {
    const int socket = ::socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
    if (socket >= 0 && type == SOCK_DGRAM) static_cast<Lookup*>(self)->datagrams_.insert(socket);
    return socket;
}

int Lookups::Lookup::connect_socket(ares_socket_t socket, const sockaddr* to, ares_socklen_t size,
                                    void* /*self*/) {
    return ::connect(socket, to, size);
}

ares_ssize_t Lookups::Lookup::send(ares_socket_t socket, const iovec* data, int count, void* self) {
    Lookup& lookup = *static_cast<Lookup*>(self);
    if (count == 1 && lookup.datagrams_.contains(socket)) {
        const auto* octets = static_cast<const std::uint8_t*>(data->iov_base);
        lookup.sent_.assign(octets, octets + data->iov_len);
    }
    return ::writev(socket, data, count);
}

ares_ssize_t Lookups::Lookup::receive(ares_socket_t socket, void* data, std::size_t room, int flags,
                                      sockaddr* from, ares_socklen_t* from_size, void* self) {
    Lookup& lookup = *static_cast<Lookup*>(self);
    const ssize_t size = ::recvfrom(socket, data, room, flags, from, from_size);
    if (size <= 0 || !lookup.datagrams_.contains(socket)) return size;
    const MutableBytes buffer(static_cast<std::uint8_t*>(data), room);
    const std::size_t left = lookup.look_at(buffer, static_cast<std::size_t>(size));
    if (left != 0) return static_cast<ares_ssize_t>(left);
    errno = EAGAIN;
    return -1;
}

int Lookups::Lookup::close_socket(ares_socket_t socket, void* self) {
    static_cast<Lookup*>(self)->datagrams_.erase(socket);
    return ::close(socket);
}

// What the library gets to see of a datagram of `size` octets; 0: nothing. What does not like EDNS
// is asked again without it, as endpoints are. Other errors become a SERVFAIL with the question: so
// the library asks the next server.
std::size_t Lookups::Lookup::look_at(MutableBytes buffer, std::size_t size) {
    const Bytes message = Bytes(buffer).first(size);
    dns::Reader reader(sent_);
    dns::Header header;
    dns::Name name;
    std::uint16_t type = 0;
    std::uint16_t klass = 0;
    if (!reader.read_header(header) || !reader.read_question(name, type, klass)) return size;
    const Bytes question = Bytes(sent_).first(reader.offset());
    if (exchange::match_reply(message, header.id, name.wire(), type) != exchange::Match::same)
        return size;
    exchange::ReplyIndex index;
    const exchange::CheckedReply checked = check_reply(message, name.wire(), type, edns_, index);
    if (checked.kind == exchange::ReplyKind::no_edns) {
        edns_refused_ = true;
        return 0;
    }
    const bool failed =
        checked.kind == exchange::ReplyKind::failure && checked.rcode != dns::Rcode::noerror;
    if (!failed || buffer.size() < question.size()) return size;
    std::copy(question.begin(), question.end(), buffer.begin());
    store_u16(&buffer[2], dns::kFlagQr | static_cast<unsigned>(dns::Rcode::servfail));
    store_u16(&buffer[10], 0);
    return question.size();
}

void Lookups::Lookup::close() {
    closed_ = true;
    timer_.cancel();
    if (channel_ != nullptr) ares_destroy(channel_);
    channel_ = nullptr;
    for (const auto& [socket, watched] : sockets_) watched->descriptor.release();
    sockets_.clear();
}

void Lookups::Lookup::on_reply(void* self, int status, int /*timeouts*/, unsigned char* message,
                               int size) {
    Lookup& lookup = *static_cast<Lookup*>(self);
    if (lookup.closed_ || lookup.edns_refused_) return;
    lookup.has_reply_ = true;
    if (status == ARES_SUCCESS) {
        lookup.reply_ = read_lookup_reply({message, static_cast<std::size_t>(size)}, lookup.name_,
                                          lookup.type_);
    } else if (status == ARES_ENOTFOUND || status == ARES_ENODATA) {
        lookup.reply_.kind = LookupReply::Kind::empty;
        lookup.reply_.why = status == ARES_ENOTFOUND ? "no such name" : "none";
    } else {
        lookup.reply_.why = status_text(status);
    }
}

void Lookups::Lookup::on_socket(void* self, ares_socket_t socket, int readable, int writable) {
    static_cast<Lookup*>(self)->probed(socket, readable != 0, writable != 0);
}

void Lookups::Lookup::probed(ares_socket_t socket, bool reads, bool writes) {
    const auto found = sockets_.find(socket);
    if (!reads && !writes) {
        if (found == sockets_.end()) return;
        found->second->descriptor.release();  // the library closes it
        sockets_.erase(found);
        return;
    }
    if (found != sockets_.end()) {
        found->second->reads = reads;
        found->second->writes = writes;
        return;
    }
    asio::posix::stream_descriptor descriptor(io_);
    boost::system::error_code error;
    descriptor.assign(socket, error);
    if (error) return;  // nothing will be heard of it: the deadline ends the lookup
    sockets_.emplace(socket,
                     std::make_shared<Watched>(Watched{std::move(descriptor), reads, writes}));
}

// Waits for what the library wants and is not waited for yet.
void Lookups::Lookup::wait(const std::shared_ptr<Watched>& watched) {
    const auto wait_for = [&](asio::posix::descriptor_base::wait_type what,
                              bool Watched::*waiting) {
        (*watched).*waiting = true;
        watched->descriptor.async_wait(what, [weak = weak_from_this(), watched,
                                              waiting](const boost::system::error_code& error) {
            (*watched).*waiting = false;
            const auto self = weak.lock();
            if (error || self == nullptr || self->closed_ || !watched->descriptor.is_open()) return;
            const ares_socket_t socket = watched->descriptor.native_handle();
            const bool reads = waiting == &Watched::reading;
            ares_process_fd(self->channel_, reads ? socket : ARES_SOCKET_BAD,
                            reads ? ARES_SOCKET_BAD : socket);
            self->go_on();
        });
    };
    using Descriptor = asio::posix::descriptor_base;
    if (watched->reads && !watched->reading) wait_for(Descriptor::wait_read, &Watched::reading);
    if (watched->writes && !watched->writing) wait_for(Descriptor::wait_write, &Watched::writing);
}

// After each call into the library.
void Lookups::Lookup::go_on() {
    if (edns_refused_ && !has_reply_) {
        ares_destroy(channel_);
        channel_ = nullptr;
        edns_ = edns_refused_ = false;
        ask();
    }
    if (has_reply_) return end();
    for (const auto& [socket, watched] : sockets_) wait(watched);
    arm();
}

void Lookups::Lookup::arm() {
    timeval buffer{};
    const timeval* wait = ares_timeout(channel_, nullptr, &buffer);
    Time at = deadline_;
    if (wait != nullptr)
        at = std::min(at, Clock::now() + Seconds(wait->tv_sec) + Micros(wait->tv_usec) + Millis(1));
    timer_.expires_at(at);
    timer_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
        const auto self = weak.lock();
        if (error || self == nullptr || self->closed_) return;
        if (Clock::now() < self->deadline_) {
            ares_process_fd(self->channel_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);  // time-outs
        } else {
            ares_cancel(self->channel_);
        }
        self->go_on();
    });
}

void Lookups::Lookup::end() {
    close();
    if (reply_.kind != LookupReply::Kind::found) reply_.why += asked_;
    asio::post(io_, [weak = weak_from_this()] {
        const auto self = weak.lock();
        if (self == nullptr) return;
        self->ended_();
        self->done_(std::move(self->reply_));
    });
}

Lookups::Lookups(asio::io_context& io)
    : io_(io), under_way_(std::make_shared<std::vector<std::shared_ptr<Lookup>>>()) {}

Lookups::~Lookups() {
    for (const auto& lookup : *under_way_) lookup->close();
}

void Lookups::ask(const std::string& name, LookupType type,
                  const std::vector<SocketAddress>& servers, Duration deadline, Done done) {
    const auto lookup = std::make_shared<Lookup>(io_, name, type, std::move(done));
    under_way_->push_back(lookup);
    const auto ended = [all = std::weak_ptr(under_way_), which = lookup.get()] {
        if (const auto list = all.lock())
            std::erase_if(*list, [&](const auto& other) { return other.get() == which; });
    };
    lookup->start(servers, deadline, ended);
}

}  // namespace peerzone::discovery
