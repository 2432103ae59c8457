// Load for tests/soak.sh: a mixture of questions, every answer checked. Names are under one of the
// zones given, where a wildcard answers A 10.2.9.9; names under nx.<zone> do not exist.
//
//   soak_load ADDRESS PORT TLS_PORT ZONE[,ZONE...] (--questions N | --seconds S)
//
// Mixture: 50 % names that repeat (hits), 23 % new names (misses), 8 % that do not exist, 6 %
// damaged messages over UDP; and the same without damage in pipelines of 8, about 5 % over TCP and
// 8 % over TLS, where every second connection resumes the session of the one before. Exits 1 when
// an answer is wrong or missing; damaged messages may stay unanswered.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <memory>
#include <random>
#include <sstream>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "peerzone/base/clock.hpp"
#include "peerzone/base/fd.hpp"
#include "peerzone/base/ip.hpp"
#include "peerzone/dns/answer.hpp"
#include "peerzone/dns/message.hpp"
#include "soak/soak_stream.hpp"

namespace {

using namespace peerzone;

constexpr std::size_t kWindow = 32;  // questions in flight per socket
constexpr std::size_t kSockets = 4;
constexpr std::size_t kPipeline = 8;
constexpr std::size_t kPipelinesPerTls = 8;
constexpr Seconds kPatience{8};
constexpr std::uint32_t kWildcardAddress = 0x0a020909;

struct Expected {
    dns::Name name;
    bool exists = true;
    bool damaged = false;
    bool in_window = true;
    Time sent{};
};

struct Sums {
    std::uint64_t asked = 0, answered = 0, damaged = 0, lost = 0, wrong = 0, tcp = 0, tls = 0,
                  resumed = 0;
};

class Load {
public:
    Load(const SocketAddress& server, const SocketAddress& tls_server, std::vector<dns::Name> zones)
        : server_(server),
          tls_server_(tls_server),
          zones_(std::move(zones)),
          tls_context_(SSL_CTX_new(TLS_client_method()), SSL_CTX_free) {
        for (Socket& socket : sockets_) socket.fd = connect(server_, SOCK_DGRAM);
    }

    template <class Until>
    Sums run(const Until& until) {
        Time next_report = Clock::now() + Seconds(10);
        while (!until(sums_)) {
            step(true);
            if (sums_.tcp * 100 < sums_.asked * 5) pipeline_over_tcp();
            if (sums_.tls * 100 < sums_.asked * 8) pipeline_over_tls();
            if (Clock::now() < next_report) continue;
            report("…");
            next_report += Seconds(10);
        }
        const Time end = Clock::now() + kPatience;
        while (in_flight() != 0 && Clock::now() < end) step(false);
        for (Socket& socket : sockets_)
            for (const auto& [id, expected] : socket.waiting)
                sums_.lost += expected.damaged ? 0 : 1;
        report("end");
        return sums_;
    }

private:
    struct Socket {
        Fd fd;
        std::unordered_map<std::uint16_t, Expected> waiting;
        std::uint16_t next_id = 0;
        std::size_t open = 0;  // of those that wait, how many fill the window
    };

    static Fd connect(const SocketAddress& server, int type) {
        sockaddr_storage native;
        const socklen_t size = server.to_native(native);
        Fd fd(::socket(native.ss_family, type | SOCK_CLOEXEC, 0));
        const int buffer = 4 << 20;
        ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
        if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&native), size) != 0) {
            std::perror("soak_load: connect");
            std::exit(1);
        }
        return fd;
    }

    void report(const char* what) const {
        std::printf(
            "soak_load: %s asked %lu answered %lu (tcp %lu, tls %lu in sessions of which %lu were "
            "resumed) damaged %lu lost %lu wrong %lu\n",
            what, sums_.asked, sums_.answered, sums_.tcp, sums_.tls, sums_.resumed, sums_.damaged,
            sums_.lost, sums_.wrong);
        std::fflush(stdout);
    }

    std::size_t in_flight() const {
        std::size_t sum = 0;
        for (const Socket& socket : sockets_)
            for (const auto& [id, expected] : socket.waiting) sum += expected.damaged ? 0 : 1;
        return sum;
    }

    Expected choose() {
        const unsigned dice = static_cast<unsigned>(random_() % 94);
        Expected expected;
        std::string label;
        if (dice < 55) {
            label = "h" + std::to_string(random_() % 1000);
        } else if (dice < 80) {
            label = "m" + std::to_string(++fresh_) + "x" + std::to_string(random_() % 1000000);
        } else if (dice < 88) {
            label = "n" + std::to_string(random_() % 5000) + ".nx";
            expected.exists = false;
        } else {
            label = "d" + std::to_string(random_() % 1000);
            expected.damaged = true;
        }
        const dns::Name& zone = zones_[random_() % zones_.size()];
        expected.name = dns::Name::from_text(label + "." + zone.to_text()).value();
        expected.sent = Clock::now();
        return expected;
    }

    std::size_t write(const Expected& expected, std::uint16_t id, MutableBytes out) {
        const dns::UpstreamQuestion question{.name = expected.name.wire(), .type = dns::type::a};
        return dns::write_question(out, id, question, random_() % 2 == 0);
    }

    // Octets flipped, cut off or added; the ID stays, so that an answer finds its way.
    std::size_t damage(MutableBytes message, std::size_t size) {
        switch (random_() % 3) {
            case 0: return 2 + random_() % (size - 2);
            case 1: {
                const std::size_t extra = random_() % 64;
                for (std::size_t i = 0; i < extra; ++i)
                    message[size + i] = static_cast<std::uint8_t>(random_());
                return size + extra;
            }
            default:
                for (unsigned i = 0; i < 1 + random_() % 8; ++i)
                    message[2 + random_() % (size - 2)] = static_cast<std::uint8_t>(random_());
                return size;
        }
    }

    void fill(Socket& socket) {
        std::array<std::uint8_t, 600> message;
        while (socket.open < kWindow) {
            const Expected expected = choose();
            while (socket.waiting.contains(socket.next_id)) ++socket.next_id;
            const std::uint16_t id = socket.next_id++;
            std::size_t size = write(expected, id, message);
            if (expected.damaged) size = damage(message, size);
            if (::send(socket.fd.get(), message.data(), size, 0) < 0) continue;
            socket.waiting.emplace(id, expected);
            ++socket.open;
            ++(expected.damaged ? sums_.damaged : sums_.asked);
        }
    }

    void step(bool ask) {
        std::array<pollfd, kSockets> polls;
        for (std::size_t i = 0; i < kSockets; ++i) {
            if (ask) fill(sockets_[i]);
            polls[i] = {sockets_[i].fd.get(), POLLIN, 0};
        }
        ::poll(polls.data(), polls.size(), 20);
        std::array<std::uint8_t, 4096> message;
        for (Socket& socket : sockets_) {
            for (;;) {
                const ssize_t size =
                    ::recv(socket.fd.get(), message.data(), message.size(), MSG_DONTWAIT);
                if (size < 0) break;
                take(socket, Bytes(message).first(static_cast<std::size_t>(size)));
            }
            forget_old(socket);
        }
    }

    void take(Socket& socket, Bytes message) {
        const auto found = message.size() < 12 ? socket.waiting.end()
                                               : socket.waiting.find(load_u16(message.data()));
        if (found == socket.waiting.end()) {
            ++sums_.wrong;
            return;
        }
        const Expected expected = found->second;
        socket.waiting.erase(found);
        if (expected.in_window) --socket.open;
        if (!expected.damaged) check(message, expected);
    }

    // Damaged questions may get no answer, so they leave the window early; the others must get one,
    // in time.
    void forget_old(Socket& socket) {
        const Time now = Clock::now();
        for (auto at = socket.waiting.begin(); at != socket.waiting.end();) {
            Expected& expected = at->second;
            const Duration waited = now - expected.sent;
            if (expected.in_window &&
                waited >= (expected.damaged ? Millis(50) : Millis(kPatience))) {
                expected.in_window = false;
                --socket.open;
            }
            if (waited >= kPatience) {
                sums_.lost += expected.damaged ? 0 : 1;
                at = socket.waiting.erase(at);
            } else {
                ++at;
            }
        }
    }

    void check(Bytes message, const Expected& expected) {
        dns::Reader reader(message);
        dns::Header header;
        dns::Name name;
        std::uint16_t type = 0;
        std::uint16_t klass = 0;
        bool ok = reader.read_header(header) && reader.read_question(name, type, klass) &&
                  name == expected.name;
        if (ok && expected.exists) {
            dns::Record record;
            ok = header.rcode() == dns::Rcode::noerror && header.counts[1] == 1 &&
                 reader.read_record(record) && record.type == dns::type::a &&
                 load_u32(&message[record.rdata_offset]) == kWildcardAddress;
        } else if (ok) {
            ok = header.rcode() == dns::Rcode::nxdomain;
        }
        ++sums_.answered;
        if (ok) return;
        if (++sums_.wrong <= 5)
            std::printf("soak_load: wrong answer for %s: %s\n", expected.name.to_text().c_str(),
                        dns::rcode_text(header.rcode()).c_str());
    }

    void pipeline_over_tcp() {
        soak::Stream stream(connect(server_, SOCK_STREAM), kPatience);
        sums_.tcp += kPipeline;
        pipeline(stream);
    }

    // Connections are kept for a while, as clients over TLS do: a handshake costs more than what it
    // carries.
    void pipeline_over_tls() {
        if (!tls_) {
            tls_ = std::make_unique<soak::Stream>(connect(tls_server_, SOCK_STREAM), kPatience);
            pipelines_left_ = kPipelinesPerTls;
            if (!tls_->start_tls(tls_context_.get(), earlier_.get()))
                std::printf("soak_load: a handshake failed\n");  // and its questions get lost
            sums_.resumed += tls_->resumed() ? 1 : 0;
        }
        sums_.tls += kPipeline;
        const bool goes_on = pipeline(*tls_);
        if (goes_on && --pipelines_left_ > 0) return;
        earlier_ = tls_->resumed() || !goes_on ? soak::SslSession{nullptr, SSL_SESSION_free}
                                               : tls_->session();
        tls_.reset();
    }

    // Several questions at once; answers in any order. False when the stream is of no more use.
    bool pipeline(soak::Stream& stream) {
        std::vector<std::uint8_t> out;
        std::unordered_map<std::uint16_t, Expected> waiting;
        std::array<std::uint8_t, 600> message;
        for (std::uint16_t id = 0; id < kPipeline; ++id) {
            Expected expected = choose();
            expected.damaged = false;
            const std::size_t size = write(expected, id, message);
            out.push_back(static_cast<std::uint8_t>(size >> 8));
            out.push_back(static_cast<std::uint8_t>(size));
            out.insert(out.end(), message.begin(),
                       message.begin() + static_cast<std::ptrdiff_t>(size));
            waiting.emplace(id, expected);
        }
        sums_.asked += kPipeline;
        std::vector<std::uint8_t> in(65537);
        if (stream.send(out)) {
            while (!waiting.empty()) {
                if (!stream.read(MutableBytes(in).first(2))) break;
                const std::size_t size = load_u16(in.data());
                if (!stream.read(MutableBytes(in).first(size))) break;
                const auto found = waiting.find(load_u16(in.data()));
                if (found == waiting.end()) {
                    ++sums_.wrong;
                    break;
                }
                check(Bytes(in).first(size), found->second);
                waiting.erase(found);
            }
        }
        sums_.lost += waiting.size();
        return waiting.empty();
    }

    SocketAddress server_;
    SocketAddress tls_server_;
    std::vector<dns::Name> zones_;
    std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> tls_context_;
    std::unique_ptr<soak::Stream> tls_;
    std::size_t pipelines_left_ = 0;                       // of tls_
    soak::SslSession earlier_{nullptr, SSL_SESSION_free};  // the next one resumes it
    std::array<Socket, kSockets> sockets_;
    std::mt19937_64 random_{20260101};
    std::uint64_t fresh_ = 0;
    Sums sums_;
};

}  // namespace

int main(int argc, char** argv) {
    if (argc != 7) {
        std::fprintf(stderr,
                     "usage: soak_load ADDRESS PORT TLS_PORT ZONE[,ZONE...] (--questions N | "
                     "--seconds S)\n");
        return 2;
    }
    const auto server = SocketAddress::parse(std::string(argv[1]) + ":" + argv[2], 53);
    const auto tls_server = SocketAddress::parse(std::string(argv[1]) + ":" + argv[3], 853);
    std::vector<dns::Name> zones;
    std::istringstream listed(argv[4]);
    for (std::string one; std::getline(listed, one, ',');) {
        const auto zone = dns::Name::from_text(one);
        if (!zone) return 2;
        zones.push_back(zone.value());
    }
    const std::string_view text(argv[6]);
    std::uint64_t amount = 0;
    std::from_chars(text.data(), text.data() + text.size(), amount);
    if (!server || !tls_server || zones.empty() || amount == 0) return 2;
    const bool by_time = std::string_view(argv[5]) == "--seconds";
    const Time end = Clock::now() + Seconds(by_time ? static_cast<std::int64_t>(amount) : 0);
    std::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes without MSG_NOSIGNAL
    Load load(*server, *tls_server, std::move(zones));
    const Sums sums = load.run([&](const Sums& s) {
        return by_time ? Clock::now() >= end : s.asked + s.damaged >= amount;
    });
    return sums.lost == 0 && sums.wrong == 0 && sums.answered > 0 ? 0 : 1;
}
