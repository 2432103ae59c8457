// Load for tests/soak.sh: a mixture of questions, every answer checked. Names are under the zone
// given, where the peer's wildcard answers A 10.2.9.9; names under nx.<zone> do not exist.
//
//   soak_load ADDRESS PORT ZONE (--questions N | --seconds S)
//
// Mixture: 55 % names that repeat (hits), 25 % new names (misses), 8 % that do not exist, 6 %
// damaged messages, 6 % over TCP in pipelines of 8. Exits 1 when an answer is wrong or missing;
// damaged messages may stay unanswered.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <random>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "peerzone/base/clock.hpp"
#include "peerzone/base/fd.hpp"
#include "peerzone/base/ip.hpp"
#include "peerzone/dns/answer.hpp"
#include "peerzone/dns/message.hpp"

namespace {

using namespace peerzone;

constexpr std::size_t kWindow = 32;  // questions in flight per socket
constexpr std::size_t kSockets = 4;
constexpr std::size_t kPipeline = 8;
constexpr Millis kPatience{8000};
constexpr std::uint32_t kWildcardAddress = 0x0a020909;

struct Expected {
    dns::Name name;
    bool exists = true;
    bool damaged = false;
    bool in_window = true;
    Time sent{};
};

struct Sums {
    std::uint64_t asked = 0, answered = 0, damaged = 0, lost = 0, wrong = 0, tcp = 0;
};

class Load {
public:
    Load(const SocketAddress& server, const dns::Name& zone) : server_(server), zone_(zone) {
        for (Socket& socket : sockets_) socket.fd = connect(SOCK_DGRAM);
    }

    template <class Until>
    Sums run(const Until& until) {
        Time next_report = Clock::now() + Seconds(10);
        while (!until(sums_)) {
            step(true);
            if (sums_.tcp * 100 < sums_.asked * 6) pipeline();
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

    Fd connect(int type) const {
        sockaddr_storage native;
        const socklen_t size = server_.to_native(native);
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
            "soak_load: %s asked %lu answered %lu (tcp %lu) damaged %lu lost %lu wrong %lu\n", what,
            sums_.asked, sums_.answered, sums_.tcp, sums_.damaged, sums_.lost, sums_.wrong);
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
        expected.name = dns::Name::from_text(label + "." + zone_.to_text()).value();
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
            if (expected.in_window && waited >= (expected.damaged ? Millis(50) : kPatience)) {
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

    // Several questions at once over one connection; answers in any order.
    void pipeline() {
        const Fd fd = connect(SOCK_STREAM);
        const timeval patience{.tv_sec = kPatience.count() / 1000, .tv_usec = 0};
        ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        std::vector<std::uint8_t> out;
        std::unordered_map<std::uint16_t, Expected> waiting;
        std::array<std::uint8_t, 600> message;
        for (std::uint16_t id = 0; id < kPipeline; ++id) {
            Expected expected = choose();
            expected.damaged = false;
            if (expected.name.to_text().find(".nx.") != std::string::npos) expected.exists = false;
            const std::size_t size = write(expected, id, message);
            out.push_back(static_cast<std::uint8_t>(size >> 8));
            out.push_back(static_cast<std::uint8_t>(size));
            out.insert(out.end(), message.begin(),
                       message.begin() + static_cast<std::ptrdiff_t>(size));
            waiting.emplace(id, expected);
        }
        sums_.asked += kPipeline;
        sums_.tcp += kPipeline;
        if (::send(fd.get(), out.data(), out.size(), MSG_NOSIGNAL) < 0) {
            sums_.lost += kPipeline;
            return;
        }
        std::vector<std::uint8_t> in(65537);
        while (!waiting.empty()) {
            if (::recv(fd.get(), in.data(), 2, MSG_WAITALL) != 2) break;
            const std::size_t size = load_u16(in.data());
            if (::recv(fd.get(), in.data(), size, MSG_WAITALL) != static_cast<ssize_t>(size)) break;
            const auto found = waiting.find(load_u16(in.data()));
            if (found == waiting.end()) {
                ++sums_.wrong;
                break;
            }
            check(Bytes(in).first(size), found->second);
            waiting.erase(found);
        }
        sums_.lost += waiting.size();
    }

    SocketAddress server_;
    dns::Name zone_;
    std::array<Socket, kSockets> sockets_;
    std::mt19937_64 random_{20260101};
    std::uint64_t fresh_ = 0;
    Sums sums_;
};

}  // namespace

int main(int argc, char** argv) {
    if (argc != 6) {
        std::fprintf(stderr, "usage: soak_load ADDRESS PORT ZONE (--questions N | --seconds S)\n");
        return 2;
    }
    const auto server = SocketAddress::parse(std::string(argv[1]) + ":" + argv[2], 53);
    const auto zone = dns::Name::from_text(argv[3]);
    const std::string_view text(argv[5]);
    std::uint64_t amount = 0;
    std::from_chars(text.data(), text.data() + text.size(), amount);
    if (!server || !zone || amount == 0) return 2;
    const bool by_time = std::string_view(argv[4]) == "--seconds";
    const Time end = Clock::now() + Seconds(by_time ? static_cast<std::int64_t>(amount) : 0);
    Load load(*server, *zone);
    const Sums sums = load.run([&](const Sums& s) {
        return by_time ? Clock::now() >= end : s.asked + s.damaged >= amount;
    });
    return sums.lost == 0 && sums.wrong == 0 && sums.answered > 0 ? 0 : 1;
}
