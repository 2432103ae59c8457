// A DNS server with a script, in a thread of its own: what it says to each question, how often it
// was asked, and replies that it holds back until the test lets them go.
#pragma once

#include <algorithm>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <future>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "peerzone/base/clock.hpp"
#include "peerzone/dns/record.hpp"
#include "support/upstream_fake_server.hpp"

namespace peerzone::itest {

/// What the peer says to one question.
struct Says {
    std::vector<std::string> answers = {};  ///< "name 60 IN A 10.0.0.1", names absolute
    std::vector<std::string> authorities = {};
    unsigned rcode = 0;
    std::vector<std::string> additionals = {};
    unsigned flags = 0;  ///< more header flags
    bool silent = false;
};

inline std::string soa(const std::string& zone, unsigned ttl = 60, unsigned minimum = 60) {
    return zone + " " + std::to_string(ttl) + " IN SOA ns." + zone + ". host." + zone +
           ". 1 2 3 4 " + std::to_string(minimum);
}
inline Says no_such_name(const std::string& zone, unsigned ttl = 60) {
    return {.authorities = {soa(zone, ttl, ttl)}, .rcode = 3};
}
inline Says failing(unsigned rcode) {
    return {.rcode = rcode};
}
inline Says silence() {
    return {.silent = true};
}

class Peer {
public:
    Peer()
        : server_(
              io_, [this](const test::Received& q) { return react(q); },
              test::FakeServer::Tcp::accept),
          address_(server_.address()),
          thread_([this] { io_.run(); }) {}
    ~Peer() {
        keep_running_.reset();
        io_.stop();
        thread_.join();
    }
    Peer(const Peer&) = delete;
    Peer& operator=(const Peer&) = delete;

    std::string address() const { return address_.to_text(); }

    void on(const std::string& name, unsigned type, const Says& says) {
        run([&] { script_[{name, type}] = says; });
    }
    /// What everything else gets; REFUSED at first.
    void otherwise(const Says& says) {
        run([&] { otherwise_ = says; });
    }
    /// From now on `handler` writes the octets of every reply itself, right or wrong ones, in the
    /// peer's thread; an empty one ends that.
    void in_octets(test::FakeServer::Handler handler) {
        run([&] { octets_ = std::move(handler); });
    }
    /// From now on questions wait; release() answers them and those that come later.
    void hold() {
        run([&] { holding_ = true; });
    }
    void release() {
        run([&] {
            holding_ = false;
            for (const test::Received& q : held_)
                for (const test::Octets& message : say(q)) server_.send_to(q, message);
            held_.clear();
        });
    }
    /// Questions for a name and type that came so far.
    int asked(const std::string& name, unsigned type) {
        return run([&] { return counts_[{name, type}]; });
    }
    int asked() {
        return run([&] {
            int sum = 0;
            for (const auto& [key, count] : counts_) sum += count;
            return sum;
        });
    }
    /// Waits until that many questions have come in all.
    bool wait_for(int count) {
        const Time end = Clock::now() + Seconds(10);
        while (asked() < count) {
            if (Clock::now() > end) return false;
            std::this_thread::sleep_for(Millis(1));
        }
        return true;
    }
    /// Waits until that question has come.
    bool wait_for(const std::string& name, unsigned type) {
        const Time end = Clock::now() + Seconds(10);
        while (asked(name, type) == 0) {
            if (Clock::now() > end) return false;
            std::this_thread::sleep_for(Millis(1));
        }
        return true;
    }
    /// The last question as it came.
    test::Octets last() {
        return run([&] { return last_; });
    }

private:
    using Key = std::pair<std::string, unsigned>;

    // In the peer's thread, so that the script needs no lock.
    template <class F>
    auto run(F f) -> decltype(f()) {
        std::packaged_task<decltype(f())()> task(std::move(f));
        auto done = task.get_future();
        boost::asio::post(io_, [&task] { task(); });
        return done.get();
    }

    static Key key_of(const test::Received& q) {
        const auto name = dns::Name::from_wire(q.name()).value();
        return {name.folded().to_text(), load_u16(&q.message[q.question_end() - 4])};
    }

    test::FakeServer::Reaction react(const test::Received& q) {
        ++counts_[key_of(q)];
        last_ = q.message;
        if (holding_) {
            held_.push_back(q);
            return {};
        }
        return octets_ ? octets_(q) : test::FakeServer::Reaction{.messages = say(q)};
    }

    std::vector<test::Octets> say(const test::Received& q) {
        const auto found = script_.find(key_of(q));
        const Says& says = found != script_.end() ? found->second : otherwise_;
        if (says.silent) return {};
        test::Octets out = q.empty(says.rcode, says.flags);
        const std::vector<std::string>* sections[] = {&says.answers, &says.authorities,
                                                      &says.additionals};
        for (std::size_t i = 0; i < 3; ++i) {
            store_u16(&out[6 + 2 * i], sections[i]->size());
            for (const std::string& line : *sections[i]) append(out, line);
        }
        return {out};
    }

    static void append(test::Octets& out, const std::string& line) {
        const auto record = dns::parse_record(line, dns::Name(), 60).value();
        const Bytes owner = record.owner.wire();
        out.insert(out.end(), owner.begin(), owner.end());
        std::array<std::uint8_t, 10> fixed{};
        store_u16(&fixed[0], record.type);
        store_u16(&fixed[2], 1);
        store_u32(&fixed[4], record.ttl);
        store_u16(&fixed[8], record.rdata.size());
        out.insert(out.end(), fixed.begin(), fixed.end());
        out.insert(out.end(), record.rdata.begin(), record.rdata.end());
    }

    boost::asio::io_context io_{1};
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> keep_running_{
        io_.get_executor()};
    std::map<Key, Says> script_;
    std::map<Key, int> counts_;
    std::vector<test::Received> held_;
    test::Octets last_;
    Says otherwise_ = failing(5);
    test::FakeServer::Handler octets_;
    bool holding_ = false;
    test::FakeServer server_;
    SocketAddress address_;
    std::thread thread_;
};

}  // namespace peerzone::itest
