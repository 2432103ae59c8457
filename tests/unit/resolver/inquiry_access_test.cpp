// Who may ask about the server, how often, and what other replies say of it.
#include <gmock/gmock.h>

#include "support/client_subnet.hpp"
#include "support/explain_reply.hpp"
#include "support/resolver_fixture.hpp"

namespace peerzone::resolver {
namespace {

using itest::kChaos;
using itest::Octets;
using metrics::Count;
using test::Reply;
namespace type = dns::type;

struct InquiryAccess : ::testing::Test, test::Setup {
    InquiryAccess() {
        udp = false;
        snapshot->identity = {.cluster = "eastus", .host = "node-7"};
        snapshot->views.push_back({.name = "world", .routes = {}});
        snapshot->clients.add(IpPrefix::parse("192.0.2.0/24").value(), 1);
        add_zone("corp.internal", {"db A 10.0.0.5"});
        add_upstream("westus", "peer=westus");
        add_upstream(".", "forward=.", upstream::Kind::forward);
        give_endpoint(0, "10.1.0.77");
        give_endpoint(1, "10.1.0.88");
        publish();
    }
    void give_endpoint(std::size_t index, const std::string& address) {
        upstream::EndpointSet set;
        set.endpoints.push_back(std::make_shared<upstream::Endpoint>(
            SocketAddress{IpAddress::parse(address).value(), 53, 0}));
        snapshot->upstreams[index]->board->publish(std::move(set));
    }
    Reply explain_to(const std::string& ip) {
        client_ip = ip;
        now += Seconds(1);
        return ask("db.corp.internal", type::txt, kChaos);
    }
    bool may_ask(const std::string& ip) {
        const Reply reply = explain_to(ip);
        if (reply.rcode() == 0) return !itest::strings_of(reply).empty();
        EXPECT_EQ(reply.rcode(), 5u);
        EXPECT_EQ(reply.ede(), dns::ede::prohibited);
        EXPECT_TRUE(reply.says("views[].explain")) << reply.ede_text();
        return false;
    }
};

TEST_F(InquiryAccess, PrivateClientsMayWhereNothingIsSaid) {
    EXPECT_TRUE(may_ask("10.1.0.9"));
    EXPECT_FALSE(may_ask("192.0.2.1")) << "served, but of the Internet";
    EXPECT_FALSE(may_ask("10.1.0.77")) << "an endpoint of a peer";
    EXPECT_TRUE(may_ask("10.1.0.88")) << "a forwarder's";
    EXPECT_EQ(counters.value(Count::explained), 2u);
    EXPECT_EQ(counters.value(Count::refused), 2u);
}

TEST_F(InquiryAccess, AViewSaysWhoMay) {
    snapshot->views[0].explain = false;
    snapshot->views[1].explain = true;
    publish();
    EXPECT_FALSE(may_ask("10.1.0.9"));
    EXPECT_TRUE(may_ask("192.0.2.1"));
    client_ip = "10.1.0.9";
    for (const char* asked : {"id.server", "peers.peerzone", "config.peerzone", "version.bind"})
        EXPECT_EQ(ask(asked, type::txt, kChaos).rcode(), 5u) << asked;
    EXPECT_EQ(ask("_explain.db.corp.internal", type::txt).ede(), dns::ede::prohibited);
}

TEST_F(InquiryAccess, WithoutAViewNothingIsSaid) {
    const Reply reply = explain_to("203.0.113.1");
    EXPECT_EQ(reply.rcode(), 5u);
    EXPECT_TRUE(reply.says("no view for this client"));
}

TEST_F(InquiryAccess, OnlyTextInClassChIsServed) {
    for (const unsigned qtype : {type::a, type::any, type::soa}) {
        const Reply reply = ask("version.bind", qtype, kChaos);
        EXPECT_EQ(reply.rcode(), 5u);
        EXPECT_EQ(reply.ede(), dns::ede::not_supported);
    }
    EXPECT_EQ(ask("version.bind", type::txt, {.klass = 4}).ede(), dns::ede::not_supported);
    EXPECT_EQ(ask("version.bind", type::txt, {.klass = dns::klass::any}).ede(),
              dns::ede::not_supported);
}

TEST_F(InquiryAccess, TwentyASecondAndTwentyAtOnce) {
    int answered = 0;
    for (int i = 0; i < 100; ++i)
        answered += ask("db.corp.internal", type::txt, kChaos).rcode() == 0 ? 1 : 0;
    EXPECT_EQ(answered, 20);
    const Reply reply = ask("_explain.db.corp.internal", type::txt);
    EXPECT_EQ(reply.rcode(), 5u);
    EXPECT_EQ(reply.ede(), dns::ede::other);
    EXPECT_TRUE(reply.says("more than 20 explanations a second"));
    EXPECT_EQ(counters.value(Count::explained), 20u);
    EXPECT_EQ(counters.value(Count::explain_limited), 81u);
    EXPECT_EQ(ask("db.corp.internal", type::a).rcode(), 0u) << "names are answered all the same";
    answered = 0;
    for (int ms = 0; ms < 10'000; ++ms, now += Millis(1))
        answered += ask("db.corp.internal", type::txt, kChaos).rcode() == 0 ? 1 : 0;
    EXPECT_GE(answered, 199);
    EXPECT_LE(answered, 200);
    now += Seconds(3600);
    answered = 0;
    for (int i = 0; i < 100; ++i)
        answered += ask("db.corp.internal", type::txt, kChaos).rcode() == 0 ? 1 : 0;
    EXPECT_EQ(answered, 20) << "an hour without saves up no more";
}

TEST_F(InquiryAccess, RefusedClientsTakeNothingFromOthers) {
    client_ip = "192.0.2.1";
    for (int i = 0; i < 100; ++i) ask("db.corp.internal", type::txt, kChaos);
    client_ip = "10.1.0.77";
    for (int i = 0; i < 100; ++i) ask("db.corp.internal", type::txt, kChaos);
    client_ip = "10.1.0.9";
    EXPECT_EQ(ask("db.corp.internal", type::txt, kChaos).rcode(), 0u);
}

TEST_F(InquiryAccess, WhatDoesNotFitIsCutAndComesOverTcp) {
    udp = true;
    const Reply cut = ask("peers.peerzone", type::txt, {.edns = std::nullopt, .klass = 3});
    EXPECT_EQ(cut.rcode(), 0u);
    EXPECT_FALSE(cut.truncated()) << "short enough";
    upstream::EndpointSet set;
    for (unsigned i = 1; i <= 16; ++i)
        set.endpoints.push_back(std::make_shared<upstream::Endpoint>(
            SocketAddress{IpAddress::v4(0x0a020000 + i), 53, 0}));
    snapshot->upstreams[0]->board->publish(std::move(set));
    const Reply long_one = ask("peers.peerzone", type::txt, {.edns = std::nullopt, .klass = 3});
    EXPECT_TRUE(long_one.truncated());
    EXPECT_TRUE(long_one.answers().empty());
    udp = false;
    EXPECT_GT(itest::strings_of(ask("peers.peerzone", type::txt, kChaos)).size(), 16u);
}

// As many peers as can be: the record ends before its bound, and the reply is whole.
TEST_F(InquiryAccess, AnyNumberOfPeersFits) {
    for (int i = 0; i < 1000; ++i)
        add_upstream("peer" + std::to_string(i) + ".test", "peer=peer" + std::to_string(i));
    publish();
    for (const auto& upstream : snapshot->upstreams) {
        upstream::EndpointSet set;
        set.endpoints.push_back(
            std::make_shared<upstream::Endpoint>(SocketAddress{IpAddress::v4(0x0a020001), 53, 0}));
        upstream->board->publish(std::move(set));
    }
    client_ip = "10.1.0.9";
    const Reply reply = ask("peers.peerzone", type::txt, kChaos);
    EXPECT_FALSE(reply.truncated());
    EXPECT_GT(itest::strings_of(reply).size(), 900u);
}

// What a trusted forwarder asks for another client is told as to that client.
TEST_F(InquiryAccess, TheClientOfATrustedForwarderIsTheOneThatAsks) {
    snapshot->trusted_forwarders.add(IpPrefix::parse("10.1.0.53").value());
    publish();
    client_ip = "10.1.0.53";
    const auto ask_for = [&](const char* subnet) {
        now += Seconds(1);
        return ask("_explain.db.corp.internal", type::txt,
                   {.options = testing::subnet_option(subnet)});
    };
    EXPECT_EQ(ask_for("192.0.2.0/24").ede(), dns::ede::prohibited) << "of the Internet";
    EXPECT_EQ(ask_for("10.1.0.77").ede(), dns::ede::prohibited) << "an endpoint of a peer";
    snapshot->views[1].explain = true;
    publish();
    EXPECT_EQ(itest::said(ask_for("192.0.2.0/24"), "view"),
              "world: 192.0.2.0 is a client of it, as 10.1.0.53 says by Client Subnet");
    EXPECT_EQ(itest::said(ask_for("10.1.9.0/24"), "view"),
              "pods: 10.1.9.0 is a client of it, as 10.1.0.53 says by Client Subnet");
    client_ip = "10.1.0.54";
    EXPECT_EQ(itest::said(ask_for("192.0.2.0/24"), "view"), "pods: 10.1.0.54 is a client of it")
        << "that one is not trusted";
}

Octets wanting_nsid(std::string_view qname, unsigned qtype = type::a) {
    testing::Wire wire;
    wire.header(1, dns::kFlagRd, 1, 0, 0, 1)
        .name(qname)
        .u16(qtype)
        .u16(dns::klass::in)
        .opt(1232, 0, Octets{0, 3, 0, 0});
    return wire.octets();
}

std::string nsid_of(const Reply& reply) {
    const auto found = testing::find_option(reply.message.options, dns::option::nsid);
    return found ? std::string(found->begin(), found->end()) : "-";
}

TEST_F(InquiryAccess, NsidIsToldToThoseWhoAsk) {
    EXPECT_EQ(nsid_of(ask(wanting_nsid("db.corp.internal"))), "eastus/node-7");
    EXPECT_EQ(nsid_of(ask(wanting_nsid("nix.corp.internal"))), "eastus/node-7");
    EXPECT_EQ(nsid_of(ask(wanting_nsid("corp.internal", type::axfr))), "eastus/node-7");
    know("db.westus", type::a, {"10.2.0.1"});
    EXPECT_EQ(nsid_of(ask(wanting_nsid("db.westus"))), "eastus/node-7");
    EXPECT_EQ(nsid_of(ask("db.westus", type::a)), "-");
    EXPECT_EQ(nsid_of(ask("db.corp.internal", type::a)), "-");
    give_endpoint(0, "127.0.0.1");
    snapshot->upstreams[0]->board->publish({});
    ask(wanting_nsid("new.westus"));
    ASSERT_EQ(outcome, Disposition::deferred);
    EXPECT_EQ(nsid_of(ask_later()), "eastus/node-7") << "those who waited, too";
    client_ip = "203.0.113.1";
    EXPECT_EQ(nsid_of(ask(wanting_nsid("db.corp.internal"))), "-") << "a client without a view";
}

}  // namespace
}  // namespace peerzone::resolver
