#include "peerzone/server/worker.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

#include "peerzone/server/sockets.hpp"
#include "peerzone/zone/zone.hpp"
#include "support/integration_client.hpp"

namespace peerzone::server {
namespace {

using itest::Client;
using metrics::Count;
using peerzone::testing::name;
namespace type = dns::type;

struct OneWorker : ::testing::Test {
    cache::Cache cache{cache::Options{}};
    Limits limits;
    Shared shared{cache, limits};
    SocketAddress address;

    std::unique_ptr<Worker> make() {
        auto worker = std::make_unique<Worker>(shared, upstream::ClientOptions{});
        // The port that the kernel gives for UDP may be taken for TCP: then another one.
        for (int tries = 0; tries < 50; ++tries) {
            Fd socket = open_udp({IpAddress::v4(0x7f000001), 0, 0}).value();
            address = bound_address(socket);
            Result<Fd> listening = open_tcp(address);
            if (!listening) continue;
            worker->add_udp(std::move(socket));
            worker->add_tcp(std::move(*listening));
            return worker;
        }
        throw std::runtime_error("no port is free for both UDP and TCP");
    }
    static std::shared_ptr<const resolver::Snapshot> snapshot(const std::string& ip) {
        auto made = std::make_shared<resolver::Snapshot>();
        made->clients.add(IpPrefix::parse("127.0.0.0/8").value(), 0);
        made->views.push_back({.name = "all", .routes = {}, .recursion_available = false});
        zone::LoadResult loaded =
            zone::load({.origin = name("corp.internal"), .records = {"db A " + ip}, .file = {}});
        made->zones.push_back(std::move(loaded.zone));
        made->views[0].routes.add({.suffix = name("corp.internal"),
                                   .kind = view::Route::Kind::zone,
                                   .built_in = false,
                                   .index = 0});
        return made;
    }
    std::string answer() const {
        const auto lines = Client(address).ask("db.corp.internal", type::a).answers();
        return lines.empty() ? "" : lines.front();
    }
};

TEST_F(OneWorker, AnswersOverBothTransportsFromStartToDrain) {
    const auto worker = make();
    worker->start(snapshot("10.0.0.5"));
    EXPECT_EQ(answer(), "db.corp.internal A 10.0.0.5");
    EXPECT_EQ(itest::ask_tcp(address, "db.corp.internal", type::a).answers().size(), 1u);
    worker->drain(Seconds(10));
    worker->join();
    EXPECT_EQ(worker->counters().value(Count::udp_queries), 1u);
    EXPECT_EQ(worker->counters().value(Count::tcp_queries), 1u);
    EXPECT_EQ(worker->counters().value(Count::answered_zone), 2u);
}

TEST_F(OneWorker, PublishingReplacesWhatTheNextQuestionSees) {
    const auto worker = make();
    worker->start(snapshot("10.0.0.5"));
    EXPECT_EQ(answer(), "db.corp.internal A 10.0.0.5");
    for (int i = 6; i < 20; ++i) {
        worker->publish(snapshot("10.0.0." + std::to_string(i)), limits);
        EXPECT_EQ(answer(), "db.corp.internal A 10.0.0." + std::to_string(i));
    }
}

TEST_F(OneWorker, AnOldSnapshotIsLetGo) {
    const auto worker = make();
    auto first = snapshot("10.0.0.5");
    const std::weak_ptr<const resolver::Snapshot> watch = first;
    worker->start(std::move(first));
    worker->publish(snapshot("10.0.0.6"), limits);
    EXPECT_EQ(answer(), "db.corp.internal A 10.0.0.6");
    worker->drain(Seconds(1));
    worker->join();
    EXPECT_TRUE(watch.expired());
}

TEST_F(OneWorker, DestroyingARunningWorkerEndsIt) {
    auto worker = make();
    worker->start(snapshot("10.0.0.5"));
    EXPECT_EQ(answer(), "db.corp.internal A 10.0.0.5");
    worker.reset();
    EXPECT_TRUE(check_free(address).has_value()) << "its sockets are closed";
}

TEST_F(OneWorker, DestroyingAWorkerThatNeverRanClosesItsSockets) {
    auto worker = make();
    worker.reset();
    EXPECT_TRUE(check_free(address).has_value());
}

TEST_F(OneWorker, DrainingTwiceIsDrainingOnce) {
    const auto worker = make();
    worker->start(snapshot("10.0.0.5"));
    worker->drain(Seconds(5));
    worker->drain(Duration::zero());
    worker->join();
    worker->join();
    SUCCEED();
}

// Two addresses to listen on, of which one has a view of its own.
TEST_F(OneWorker, TheViewIsFoundByTheListeningAddressFirst) {
    const auto worker = make();
    const SocketAddress first = address;
    SocketAddress second;
    for (int tries = 0; second.port == 0 && tries < 50; ++tries) {
        Fd socket = open_udp({IpAddress::v4(0x7f000001), 0, 0}).value();
        Result<Fd> listening = open_tcp(bound_address(socket));
        if (!listening) continue;
        second = bound_address(socket);
        worker->add_udp(std::move(socket));
        worker->add_tcp(std::move(*listening));
    }
    const auto with_view = [&](const SocketAddress& of) {
        auto made = std::make_shared<resolver::Snapshot>(*snapshot("10.0.0.5"));
        made->views.push_back({.name = "office", .routes = {}, .recursion_available = false});
        made->listeners = {of};
        made->clients.add(1, IpPrefix::parse("127.0.0.0/8").value(), 1);
        return made;
    };
    const auto rcodes = [&] {
        std::vector<unsigned> all;
        for (const SocketAddress& at : {first, second}) {
            all.push_back(Client(at).ask("db.corp.internal", type::a).rcode());
            all.push_back(itest::ask_tcp(at, "db.corp.internal", type::a).rcode());
        }
        return all;
    };
    worker->start(with_view(second));
    EXPECT_EQ(rcodes(), (std::vector<unsigned>{0, 0, 5, 5}));
    worker->publish(with_view(first), limits);
    EXPECT_EQ(rcodes(), (std::vector<unsigned>{5, 5, 0, 0})) << "a reload gives it to the other";
    worker->publish(snapshot("10.0.0.6"), limits);
    EXPECT_EQ(rcodes(), (std::vector<unsigned>{0, 0, 0, 0}));
}

}  // namespace
}  // namespace peerzone::server
