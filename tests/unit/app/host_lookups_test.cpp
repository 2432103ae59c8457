#include "app/host_lookups.hpp"

#include <gtest/gtest.h>

#include <future>

#include "peerzone/dns/types.hpp"
#include "support/integration_peer.hpp"

namespace peerzone::app {
namespace {

using itest::Peer;
namespace type = peerzone::dns::type;

struct Lookups : ::testing::Test {
    Peer server;
    std::mutex mutex;
    std::condition_variable changed;
    std::map<std::string, std::vector<IpAddress>> found;
    int calls = 0;

    HostLookups::Found note() {
        return [this](const std::string& host, std::vector<IpAddress> addresses) {
            const std::lock_guard lock(mutex);
            found[host] = std::move(addresses);
            ++calls;
            changed.notify_all();
        };
    }
    bool wait_for(std::size_t hosts) {
        std::unique_lock lock(mutex);
        return changed.wait_for(lock, Seconds(15), [&] { return found.size() >= hosts; });
    }
    std::vector<SocketAddress> servers() const {
        return {SocketAddress::parse(server.address(), 53).value()};
    }
    void address(const std::string& host, const std::string& ip) {
        server.on(host, type::a, {{host + " 60 IN A " + ip}});
        server.on(host, type::aaaa, {.authorities = {itest::soa("example.com")}});
    }
};

TEST_F(Lookups, EachWantedNameIsFoundOnce) {
    address("a.example.com", "10.2.0.1");
    address("b.example.com", "10.2.0.2");
    HostLookups lookups(note());
    lookups.want({"a.example.com", "b.example.com"}, servers());
    ASSERT_TRUE(wait_for(2));
    const int asked = server.asked();
    lookups.want({"a.example.com", "b.example.com"}, servers());  // a reload
    address("c.example.com", "10.2.0.3");
    lookups.want({"a.example.com", "c.example.com"}, servers());
    ASSERT_TRUE(wait_for(3));
    const std::lock_guard lock(mutex);
    EXPECT_EQ(found["a.example.com"], std::vector<IpAddress>{IpAddress::parse("10.2.0.1").value()});
    EXPECT_EQ(found["c.example.com"], std::vector<IpAddress>{IpAddress::parse("10.2.0.3").value()});
    EXPECT_EQ(calls, 3);
    EXPECT_LE(server.asked() - asked, 2) << "only c, A and AAAA";
}

TEST_F(Lookups, ANameThatDoesNotResolveIsTriedAgain) {
    server.otherwise(itest::no_such_name("example.com"));
    HostLookups lookups(note());
    lookups.want({"late.example.com"}, servers());
    ASSERT_TRUE(server.wait_for(1));
    address("late.example.com", "10.2.0.1");
    EXPECT_TRUE(wait_for(1));
}

TEST_F(Lookups, OneNameThatFailsDoesNotHoldUpAnother) {
    server.otherwise(itest::no_such_name("example.com"));
    address("z.example.com", "10.2.0.1");
    HostLookups lookups(note());
    std::set<std::string> hosts{"z.example.com"};
    for (int i = 0; i < 20; ++i) hosts.insert("bad" + std::to_string(i) + ".example.com");
    lookups.want(hosts, servers());
    ASSERT_TRUE(wait_for(1));
    // The failures of the others do not add up in anybody's back-off either.
    address("bad7.example.com", "10.2.0.7");
    EXPECT_TRUE(wait_for(2));
}

TEST_F(Lookups, NamesNoLongerWantedAreNotReported) {
    address("a.example.com", "10.2.0.1");
    address("b.example.com", "10.2.0.2");
    server.hold();
    HostLookups lookups(note());
    lookups.want({"a.example.com"}, servers());
    ASSERT_TRUE(server.wait_for(1));
    lookups.want({"b.example.com"}, servers());
    server.release();
    ASSERT_TRUE(wait_for(1));
    const std::lock_guard lock(mutex);
    EXPECT_EQ(found.count("b.example.com"), 1u);
    EXPECT_EQ(found.count("a.example.com"), 0u);
}

TEST_F(Lookups, EndsInTheMiddleOfALookup) {
    server.otherwise(itest::silence());
    const Time start = Clock::now();
    {
        HostLookups lookups(note());
        lookups.want({"a.example.com"}, servers());
        ASSERT_TRUE(server.wait_for(1));
    }
    EXPECT_LT(Clock::now() - start, Seconds(8));
    EXPECT_EQ(calls, 0);
}

TEST_F(Lookups, WantingNothingStartsNothing) {
    HostLookups lookups(note());
    lookups.want({}, {});
    EXPECT_EQ(calls, 0);
}

}  // namespace
}  // namespace peerzone::app
