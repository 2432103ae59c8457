// A QuestionHandler that does what the question says. A test question is a DNS header (12 octets,
// of which the first two are the ID) followed by one letter and, for 'b', a size of two octets:
//   n  replied at once with an echo          d  dropped
//   l  kept until the test delivers it       s  admit that delivers within the call
//   b  replied at once with `size` octets    B  kept, to be delivered with `size` octets
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <vector>

#include "server/question_handler.hpp"

namespace peerzone::server::test {

using Octets = std::vector<std::uint8_t>;

inline Octets question(std::uint16_t id, char what, std::uint16_t size = 0) {
    Octets out(15, 0);
    store_u16(out.data(), id);
    out[12] = static_cast<std::uint8_t>(what);
    store_u16(out.data() + 13, size);
    return out;
}

inline Octets framed(Bytes message) {
    Octets out(2);
    store_u16(out.data(), message.size());
    out.insert(out.end(), message.begin(), message.end());
    return out;
}

inline Octets framed_question(std::uint16_t id, char what, std::uint16_t size = 0) {
    return framed(question(id, what, size));
}

class FakeQuestions final : public QuestionHandler {
public:
    struct Waiting {
        resolver::ReplyTo to;
        Octets message;
        std::uint16_t id() const { return load_u16(message.data()); }
    };

    resolver::Disposition answer_now(Bytes message, Time now, resolver::Request& request,
                                     MutableBytes out, std::size_t& size) noexcept override {
        seen.emplace_back(message.begin(), message.end());
        times.push_back(now);
        clients.push_back(request.client);
        keepalives.push_back(request.keepalive_100ms);
        any_udp = any_udp || request.udp;
        out_size_min = std::min(out_size_min, out.size());
        if (message.size() < 15) return resolver::Disposition::dropped;
        switch (message[12]) {
            case 'n':
                std::copy(message.begin(), message.end(), out.begin());
                size = message.size();
                return resolver::Disposition::replied;
            case 'b':
                size = load_u16(message.data() + 13);
                std::fill_n(out.begin(), size, std::uint8_t{'b'});
                std::copy_n(message.begin(), 2, out.begin());
                return resolver::Disposition::replied;
            case 'd': return resolver::Disposition::dropped;
            default: return resolver::Disposition::deferred;
        }
    }

    void admit(const resolver::Request& /*request*/, const resolver::ReplyTo& to,
               Time /*now*/) override {
        if (seen.back()[12] == 's')
            to.sink->deliver(to, seen.back());
        else
            waiting.push_back({to, seen.back()});
    }

    /// Delivers the waiting question with this ID; false when there is none.
    bool deliver(std::uint16_t id) {
        const auto found = std::find_if(waiting.begin(), waiting.end(),
                                        [id](const Waiting& w) { return w.id() == id; });
        if (found == waiting.end()) return false;
        const Waiting one = *found;
        waiting.erase(found);
        Octets reply = one.message;
        if (reply[12] == 'B') reply.resize(load_u16(reply.data() + 13), 'B');
        one.to.sink->deliver(one.to, reply);
        return true;
    }

    std::vector<Octets> seen;
    std::vector<Time> times;
    std::vector<IpAddress> clients;
    std::vector<std::uint16_t> keepalives;
    std::deque<Waiting> waiting;
    std::size_t out_size_min = SIZE_MAX;
    bool any_udp = false;
};

}  // namespace peerzone::server::test
