// A peer with two endpoints, of which one may answer wrongly.
#pragma once

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <thread>

#include "support/integration_octets.hpp"
#include "support/integration_server.hpp"

namespace peerzone::itest {

inline constexpr const char* kDb = "db.westus.svc.cluster.local";
inline constexpr const char* kOther = "other.westus.svc.cluster.local";

inline test::Octets random_octets(std::size_t size, unsigned seed) {
    std::mt19937 random(seed);
    test::Octets octets(size);
    for (auto& octet : octets) octet = static_cast<std::uint8_t>(random());
    return octets;
}

struct BadPeer : ::testing::Test {
    Peer bad;
    Peer good;

    std::string yaml(bool both = false) const {
        std::string text = "peers: {westus: {zones: [westus.svc.cluster.local], endpoints: ['" +
                           bad.address() + "'";
        if (both) text += ", '" + good.address() + "'";
        // Where a second one answers, a busy machine must not use up the deadline before.
        return text + "], deadline: " + (both ? "4s" : "400ms") + "}}\n";
    }
    static void heal(Peer& peer) {
        peer.in_octets({});
        for (const char* name : {kDb, kOther})
            peer.on(name, type::a, {{std::string(name) + " 60 IN A 10.2.0.1"}});
    }
    /// Until the failure that is remembered has run out.
    static Reply ask_until_answered(const Client& client, const std::string& name) {
        const Time end = Clock::now() + Seconds(10);
        Reply reply = client.ask(name, type::a);
        while (reply.rcode() == 2 && Clock::now() < end) {
            std::this_thread::sleep_for(Millis(20));
            reply = client.ask(name, type::a);
        }
        return reply;
    }
};

}  // namespace peerzone::itest
