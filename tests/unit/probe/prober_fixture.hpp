// The prober over real sockets, beside a client of the kind that workers have.
#pragma once

#include "peerzone/probe/prober.hpp"
#include "support/upstream_message.hpp"
#include "unit/upstream/client_fixture.hpp"

namespace peerzone::probe {

using namespace upstream;

inline constexpr unsigned kNs = 2;

inline bool is_probe(const Received& q) {
    return load_u16(&q.message[q.question_end() - 4]) == kNs;
}
/// NOERROR without records, as CoreDNS answers for the NS of a namespace.
inline Reaction well(const Received& q) {
    return {.messages = {is_probe(q) ? q.empty() : q.answer()}};
}
inline Octets no_such_name(const Received& q, std::string_view soa_owner) {
    Octets out = q.empty(3);
    store_u16(out.data() + 8, 1);
    const Octets data = test::soa(soa_owner, 5);
    test::append(out, test::wire(soa_owner));
    test::append_u16(out, 6);
    test::append_u16(out, 1);
    test::append_u32(out, 5);
    test::append_u16(out, static_cast<unsigned>(data.size()));
    test::append(out, data);
    return out;
}

struct ProberTest : ClientTest {
    std::unique_ptr<Prober> prober;
    bool silence = false;  // of mutable_server()

    ProberTest() { upstream.options.zones = {dns::Name::from_text("westus.example").value()}; }

    upstream::UpstreamHealth& health() { return *upstream.health; }
    upstream::UpstreamState state() const { return upstream.health->state(); }
    FakeServer& mutable_server() {
        return serve([this](const Received& q) { return silence ? Reaction{} : well(q); });
    }
    void follow() {
        if (prober == nullptr) prober = std::make_unique<Prober>(io, options);
        publish();
        prober->follow({std::make_shared<const upstream::Upstream>(upstream)});
    }
    bool until(upstream::UpstreamState wanted, Duration limit = Seconds(20)) {
        return run_until([&] { return state() == wanted; }, limit);
    }
    bool until(upstream::ProbeResult wanted, std::size_t i = 0) {
        return run_until([&] { return endpoint(i).probe_result() == wanted; });
    }
    void run_for(Duration time) {
        run_until([] { return false; }, time);
    }
    Duration since(Time start) { return Clock::now() - start; }
};

}  // namespace peerzone::probe
