// Client Subnet (RFC 7871): of a trusted forwarder it chooses the view, of other clients it is as
// if it were not there.
#include "support/client_subnet.hpp"

#include "resolver/decide.hpp"
#include "support/resolver_fixture.hpp"

namespace peerzone::resolver {
namespace {

using metrics::Count;
using test::Asking;
using test::Octets;
using test::Reply;
using testing::find_option;
using testing::subnet_data;
using testing::subnet_option;
using Lines = std::vector<std::string>;
namespace type = dns::type;

constexpr const char* kForwarder = "10.1.0.53";

// Pods in 10.1/16 and fd01::/16, an office in 10.2/16, tenants at 10.2.8/24, each with a host of
// its own; the forwarder is a pod.
struct Subnets : ::testing::Test, test::Setup {
    Subnets() {
        add_zone("corp.internal", {"host A 10.0.0.1", "sub NS ns.sub", "ns.sub A 10.0.0.7"});
        add_view("office", {"10.2.0.0/16"});
        add_zone("corp.internal", {"host A 10.0.0.2"}, 1);
        add_view("tenants", {"10.2.8.0/24", "fd02::/16"});
        add_zone("corp.internal", {"host A 10.0.0.3"}, 2);
        snapshot->clients.add(IpPrefix::parse("fd01::/16").value(), 0);
        snapshot->trusted_forwarders.add(IpPrefix::parse(kForwarder).value());
        add_upstream("west.test", "peer=west");
        publish();
        client_ip = kForwarder;
    }
    void add_view(const std::string& name, const std::vector<std::string>& clients) {
        const auto id = static_cast<view::ViewId>(snapshot->views.size());
        snapshot->views.push_back({.name = name,
                                   .routes = {},
                                   .recursion_available = false,
                                   .chain_scope = kChainScope + id});
        for (const std::string& prefix : clients)
            snapshot->clients.add(IpPrefix::parse(prefix).value(), id);
    }
    Reply ask_with(const Octets& option, const std::string& qname = "host.corp.internal",
                   unsigned qtype = type::a) {
        return ask(qname, qtype, {.options = option});
    }
    Reply ask_for(std::string_view subnet) { return ask_with(subnet_option(subnet)); }
    static Lines host(int last) { return {"host.corp.internal A 10.0.0." + std::to_string(last)}; }
    static std::optional<Octets> echo(const Reply& reply) {
        return find_option(reply.message.options, dns::option::client_subnet);
    }
};

TEST_F(Subnets, OfATrustedForwarderChoosesTheView) {
    EXPECT_EQ(ask("host.corp.internal", type::a).answers(), host(1)) << "its own view without";
    EXPECT_EQ(ask_for("10.2.1.0/24").answers(), host(2));
    EXPECT_EQ(ask_for("10.2.8.0/24").answers(), host(3));
    EXPECT_EQ(ask_for("fd02:1::/32").answers(), host(3));
    EXPECT_EQ(ask_for("10.1.9.0/24").answers(), host(1));
    EXPECT_EQ(request.client.to_text(), kForwarder) << "whose limits count";
    EXPECT_EQ(counters.value(Count::client_subnet_used), 4u);
    EXPECT_EQ(counters.value(Count::client_subnet_ignored), 0u);
}

TEST_F(Subnets, TheReplyEchoesItWithTheScopeThatDecided) {
    EXPECT_EQ(echo(ask_for("10.1.9.0/24")), subnet_data("10.1.9.0/24", 16));
    EXPECT_EQ(echo(ask_for("10.2.8.7")), subnet_data("10.2.8.7", 24));
    EXPECT_EQ(echo(ask_for("10.2.1.0/24")), subnet_data("10.2.1.0/24", 21)) << "0 to 7 are alike";
    EXPECT_EQ(echo(ask_for("fd02:1:2::/48")), subnet_data("fd02:1:2::/48", 16));
    EXPECT_FALSE(echo(ask("host.corp.internal", type::a))) << "there is nothing to echo";
}

// RFC 7871 7.2.1: a scope that is longer than the source says that the source was too short.
TEST_F(Subnets, OfAShortOneTheFirstAddressCounts) {
    const Reply reply = ask_for("10.2.0.0/15");
    EXPECT_EQ(reply.answers(), host(2));
    EXPECT_EQ(echo(reply), subnet_data("10.2.0.0/15", 21));
    EXPECT_EQ(ask_for("8.0.0.0/6").rcode(), 5u) << "8.0.0.0 has no view, though 10.1.0.0 has";
}

TEST_F(Subnets, OfOtherClientsItIsIgnored) {
    client_ip = "10.1.0.54";
    for (const Octets& option :
         {subnet_option("10.2.1.0/24"), subnet_option("192.0.2.0/24"),
          subnet_option(Bytes(Octets{0, 1, 33, 0})), subnet_option(Bytes(Octets{}))}) {
        const Reply reply = ask_with(option);
        EXPECT_EQ(reply.answers(), host(1));
        EXPECT_TRUE(reply.message.options.empty());
    }
    EXPECT_EQ(counters.value(Count::client_subnet_ignored), 4u);
    EXPECT_EQ(counters.value(Count::client_subnet_used), 0u);
    EXPECT_EQ(counters.value(Count::client_subnet_malformed), 0u);
    client_ip = "192.0.2.1";
    const Reply refused = ask_for("10.1.9.0/24");
    EXPECT_EQ(refused.rcode(), 5u) << "it lets nobody in";
    EXPECT_TRUE(refused.says("no view for this client address"));
    EXPECT_FALSE(echo(refused));
}

TEST_F(Subnets, MalformedOfATrustedForwarderIsFormerr) {
    Octets two = subnet_option("10.2.1.0/24");
    two.insert(two.end(), two.begin(), two.end());
    int count = 0;
    for (const Octets& option :
         {subnet_option(Bytes(Octets{0, 1, 33, 0})), subnet_option(Bytes(Octets{})), two,
          subnet_option(Bytes(subnet_data("10.2.1.0/24", 24))),
          subnet_option(Bytes(Octets{0, 3, 0, 0}))}) {
        const Reply reply = ask_with(option);
        EXPECT_EQ(reply.rcode(), 1u);
        EXPECT_TRUE(reply.says("Client Subnet option is malformed")) << reply.ede_text();
        EXPECT_FALSE(echo(reply));
        EXPECT_EQ(counters.value(Count::client_subnet_malformed),
                  static_cast<std::uint64_t>(++count));
    }
    EXPECT_EQ(counters.value(Count::formerr), 0u) << "each is counted once";
    EXPECT_EQ(ask("host.corp.internal", type::a).answers(), host(1)) << "the next query is another";
}

TEST_F(Subnets, WithoutAViewIsRefusedAndSaysWhy) {
    const Reply reply = ask_for("192.0.2.0/24");
    EXPECT_EQ(reply.rcode(), 5u);
    EXPECT_EQ(reply.ede(), 18);
    EXPECT_TRUE(reply.says("no view for the Client Subnet")) << reply.ede_text();
    EXPECT_EQ(echo(reply), subnet_data("192.0.2.0/24", 1)) << "none of 128/1 has a view";
    EXPECT_EQ(counters.value(Count::refused_client), 1u);
    EXPECT_EQ(ask_for("2001:db8::/32").rcode(), 5u);
}

// RFC 7871 7.1.2: "do not use my address".
TEST_F(Subnets, WithoutAnAddressTheForwardersOwnViewCounts) {
    for (const Octets& data : {Octets{0, 0, 0, 0}, subnet_data("0.0.0.0/0"), subnet_data("::/0")}) {
        const Reply reply = ask_with(subnet_option(Bytes(data)));
        EXPECT_EQ(reply.answers(), host(1));
        EXPECT_EQ(echo(reply), data) << "with scope 0";
    }
    snapshot->trusted_forwarders.add(IpPrefix::parse("192.0.2.53").value());
    client_ip = "192.0.2.53";
    const Reply refused = ask_for("0.0.0.0/0");
    EXPECT_EQ(refused.rcode(), 5u);
    EXPECT_TRUE(refused.says("no view for this client address"));
    EXPECT_EQ(echo(refused), subnet_data("0.0.0.0/0"));
    EXPECT_EQ(ask_for("10.2.1.0/24").answers(), host(2)) << "its own view is not needed";
}

TEST_F(Subnets, IsEchoedWhateverComesOfTheQuery) {
    const Octets option = subnet_option("10.2.1.0/24");
    const Octets wanted = subnet_data("10.2.1.0/24", 21);
    EXPECT_EQ(echo(ask_with(option, "nix.corp.internal")), wanted) << "NXDOMAIN";
    EXPECT_EQ(echo(ask_with(option, "host.corp.internal", type::mx)), wanted) << "NODATA";
    EXPECT_EQ(echo(ask_with(option, "www.example.com")), wanted) << "no route";
    EXPECT_EQ(echo(ask_with(option, "corp.internal", type::axfr)), wanted);
    EXPECT_EQ(echo(ask("x", type::txt, {.klass = dns::klass::ch, .options = option})), wanted);
    EXPECT_EQ(echo(ask("new.west.test", type::a, {.recursion = false, .options = option})), wanted);
    EXPECT_FALSE(echo(ask_with(option, "host.corp.internal", type::tsig)))
        << "refused before it was used";
}

TEST_F(Subnets, HitsAndFailuresOfUpstreamsEchoIt) {
    const Octets option = subnet_option("10.2.8.0/24");
    const Octets wanted = subnet_data("10.2.8.0/24", 24);
    know("db.west.test", type::a, {"10.9.0.1"});
    EXPECT_EQ(echo(ask_with(option, "db.west.test")), wanted);
    EXPECT_EQ(counters.value(Count::answered_cache), 1u);
    client_ip = "10.1.0.54";
    EXPECT_EQ(ask("db.west.test", type::a).answers().size(), 1u);
    EXPECT_EQ(counters.value(Count::answered_cache), 2u) << "no part of the key";
    client_ip = kForwarder;
    ask_with(option, "new.west.test");
    ASSERT_EQ(outcome, Disposition::deferred);
    EXPECT_EQ(request.view, 2);
    const Reply failed = ask_later();
    EXPECT_EQ(failed.rcode(), 2u);
    EXPECT_EQ(echo(failed), wanted);
}

TEST_F(Subnets, AListeningAddressKeepsItsOwnViews) {
    snapshot->clients.add(1, IpPrefix::parse("10.2.1.0/24").value(), 2);
    request.listener = 1;
    const Reply reply = ask_for("10.2.1.128/25");
    EXPECT_EQ(reply.answers(), host(3));
    EXPECT_EQ(echo(reply), subnet_data("10.2.1.128/25", 24));
    EXPECT_EQ(echo(ask_for("10.2.0.0/24")), subnet_data("10.2.0.0/24", 24));
}

TEST_F(Subnets, ADelegationsGlueGivesWayWithTc) {
    // Glue that does not fit beside the echo must not be missing in silence (RFC 9471).
    std::vector<std::string> records;
    for (int i = 0; i < 40; ++i) {
        const std::string server = "ns" + std::to_string(i) + ".sub";
        records.push_back("sub NS " + server);
        records.push_back(server + " A 10.0.0.7");
    }
    add_zone("wide.internal", records);
    const Asking small{.edns = 512};
    const Asking with{.edns = 512, .options = subnet_option("10.1.9.0/24")};
    EXPECT_TRUE(ask("x.sub.wide.internal", type::a, small).truncated());
    const Reply reply = ask("x.sub.wide.internal", type::a, with);
    EXPECT_TRUE(reply.truncated());
    EXPECT_LE(reply.raw.size(), 512u);
    EXPECT_EQ(echo(reply), subnet_data("10.1.9.0/24", 16));
}

TEST_F(Subnets, TheDecisionIsAFunctionOfTheSnapshot) {
    const dns::Name qname = test::name("host.corp.internal");
    const IpAddress forwarder = IpAddress::parse(kForwarder).value();
    dns::ClientSubnet subnet;
    ASSERT_TRUE(dns::parse_client_subnet(subnet_data("10.2.8.0/24"), subnet));
    const auto [decision, scope] =
        decide_by_subnet(*snapshot, 0, forwarder, subnet, qname.wire(), type::a);
    EXPECT_EQ(decision.view_id, 2);
    EXPECT_EQ(scope, 24);
    EXPECT_EQ(decision.route, decide(*snapshot, 0, subnet.address(), qname.wire(), type::a).route);
    ASSERT_TRUE(dns::parse_client_subnet(subnet_data("192.0.2.0/24"), subnet));
    const SubnetDecision none =
        decide_by_subnet(*snapshot, 0, forwarder, subnet, qname.wire(), type::a);
    EXPECT_EQ(none.decision.view, nullptr);
    EXPECT_EQ(none.scope_length, 1);
}

}  // namespace
}  // namespace peerzone::resolver
