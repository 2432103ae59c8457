// Aliases that are asked again before they expire: their ends are, too, and what changed is seen.
#include <gtest/gtest.h>

#include <thread>

#include "support/integration_peer.hpp"
#include "support/integration_server.hpp"

namespace peerzone::itest {
namespace {

using Lines = std::vector<std::string>;
using metrics::Count;
constexpr const char* kDb = "db.westus.svc.cluster.local";
constexpr const char* kEnd = "db.example.com";

struct RefreshedAliases : ::testing::Test {
    Peer west;
    Peer forwarder;
    Server server{"peers: {westus: {zones: [westus.svc.cluster.local], endpoints: ['" +
                  west.address() + "']}}\nforward: {example.com: {endpoints: ['" +
                  forwarder.address() + "']}}\n"};
    Client client = server.client();

    static Says says(const std::string& name, unsigned ttl, const std::string& rest) {
        return {{name + " " + std::to_string(ttl) + " IN " + rest}};
    }
    /// Asks on and on; true when `done` came true.
    template <class Done>
    bool ask_until(const Done& done) {
        const Time end = Clock::now() + Seconds(20);
        while (!done() && Clock::now() < end) EXPECT_EQ(client.ask(kDb, type::a).rcode(), 0u);
        return done();
    }
};

TEST_F(RefreshedAliases, TheEndOfAnAliasIsAskedAgainToo) {
    west.on(kDb, type::a, says(kDb, 60, std::string("CNAME ") + kEnd + "."));
    forwarder.on(kEnd, type::a, says(kEnd, 2, "A 192.0.2.7"));
    ASSERT_TRUE(ask_until([&] { return server.count(Count::refreshes) != 0; }));
    ASSERT_TRUE(ask_until([&] { return west.asked(kDb, type::a) >= 2; }));
    EXPECT_TRUE(forwarder.wait_for(2));
}

TEST_F(RefreshedAliases, AnAliasThatIsNoneAnyMoreIsNotFollowedAgain) {
    west.on(kDb, type::a, says(kDb, 60, std::string("CNAME ") + kEnd + "."));
    forwarder.on(kEnd, type::a, says(kEnd, 1, "A 192.0.2.7"));
    EXPECT_EQ(client.ask(kDb, type::a).answers().size(), 2u);
    west.on(kDb, type::a, says(kDb, 1, "A 10.2.0.1"));
    const Lines now{std::string(kDb) + " A 10.2.0.1"};
    ASSERT_TRUE(ask_until([&] { return client.ask(kDb, type::a).answers() == now; }));
    std::this_thread::sleep_for(Millis(1100));  // until that has expired, too
    EXPECT_EQ(client.ask(kDb, type::a).answers(), now);
}

}  // namespace
}  // namespace peerzone::itest
