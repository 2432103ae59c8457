// Asking a server about itself and its names, over real sockets, as dig does it.
#include <gmock/gmock.h>

#include "support/explain_reply.hpp"
#include "support/integration_peer.hpp"
#include "support/integration_server.hpp"

namespace peerzone::itest {
namespace {

using metrics::Count;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::StartsWith;
using upstream::UpstreamState;
constexpr const char* kDb = "db.westus.svc.cluster.local";

// The scripted peer is at a loopback address, from which tests ask as well: so the view says that
// they may. 127.0.0.2 has another view, 127.0.0.3 none.
struct Explaining : ::testing::Test {
    Peer peer;
    Server server{yaml("127.0.0.1", "explain: true")};
    Client client = server.client();

    std::string yaml(const std::string& clients, const std::string& explain) const {
        return "cluster: {name: eastus}\n"
               "peers: {westus: {zones: [westus.svc.cluster.local], endpoints: ['" +
               peer.address() +
               "'], hedge: off}}\n"
               "zones: {corp.internal: {records: [db A 10.0.0.5, 'west CNAME " +
               kDb +
               ".']}}\n"
               "views: [{name: pods, clients: ['" +
               clients + "'], " + explain + "}]\n";
    }
    Explaining() {
        peer.on(kDb, type::a, {{std::string(kDb) + " 60 IN A 10.2.0.1"}});
        peer.otherwise(no_such_name("westus.svc.cluster.local"));
        server.ask_in_plain_case();
    }
    Reply explain(const std::string& name, const Asking& how = kChaos) const {
        return ask_tcp(server.address(), name, type::txt, how);
    }
    // The same question, explained, then asked.
    void expect_agreement(const std::string& name) {
        const Reply explained = explain(name);
        const Reply reply = client.ask(name, type::a);
        const std::string count = std::to_string(reply.answers().size());
        EXPECT_THAT(said(explained, "told"),
                    StartsWith(dns::rcode_text(static_cast<dns::Rcode>(reply.rcode())) + ", " +
                               count + " record"));
        EXPECT_EQ(said(explained, "ede"),
                  reply.ede() < 0 ? "" : std::to_string(reply.ede()) + ": " + reply.ede_text());
    }
};

TEST_F(Explaining, ANameInClassChOverUdpAndTcp) {
    const Reply udp = client.ask(kDb, type::txt, kChaos);
    EXPECT_EQ(udp.rcode(), 0u);
    EXPECT_TRUE(udp.flag(dns::kFlagAa));
    EXPECT_EQ(udp.message.qclass, dns::klass::ch);
    EXPECT_THAT(said(udp, "at"), MatchesRegex("20.*Z peerzone [0-9.]+ eastus/.+"));
    EXPECT_EQ(said(udp, "route"), "westus.svc.cluster.local: peer=westus");
    EXPECT_EQ(said(udp, "view"), "pods: 127.0.0.1 is in 127.0.0.1/32");
    EXPECT_THAT(said(udp, "policy"), StartsWith("peer=westus is asked for "));
    const Reply tcp = explain(kDb);
    EXPECT_EQ(said(tcp, "policy"), said(udp, "policy"));
    EXPECT_EQ(peer.asked(), 0) << "looking asks nobody";
    EXPECT_EQ(server.count(Count::explained), 2u);
}

TEST_F(Explaining, InClassInThroughAnyForwarder) {
    client.ask(kDb, type::a);
    const int asked = peer.asked();
    for (const std::string& name :
         {std::string("_explain.") + kDb, std::string(kDb) + "._explain.peerzone.internal"}) {
        const Reply reply = client.ask(name, type::txt);
        EXPECT_EQ(reply.message.qclass, dns::klass::in);
        EXPECT_EQ(reply.ttl(), 0u);
        EXPECT_EQ(said(reply, "question"), std::string("A of ") + kDb);
        EXPECT_THAT(said(reply, "told"),
                    AllOf(StartsWith("NOERROR, 1 record, TTL "), HasSubstr(", from cache")));
    }
    EXPECT_EQ(said(client.ask(std::string("_aaaa._explain.") + kDb, type::txt), "question"),
              std::string("AAAA of ") + kDb);
    EXPECT_EQ(said(client.ask(std::string("_view.nix._explain.") + kDb, type::txt), "error"),
              "there is no view 'nix'");
    EXPECT_EQ(said(client.ask(std::string("_explain._explain.") + kDb, type::txt), "error"),
              std::string("an explanation has none of its own: _explain.") + kDb);
    EXPECT_EQ(said(client.ask(std::string("_foo._explain.") + kDb, type::txt), "error"),
              "'_foo' is no prefix");
    EXPECT_EQ(peer.asked(), asked);
}

TEST_F(Explaining, TheAnswerIsWhatWasSaid) {
    client.ask(kDb, type::a);
    client.ask("nix.westus.svc.cluster.local", type::a);
    expect_agreement(kDb);
    expect_agreement("nix.westus.svc.cluster.local");
    expect_agreement("db.corp.internal");
    expect_agreement("nix.corp.internal");
    expect_agreement("www.example.com");
    EXPECT_EQ(said(explain("west.corp.internal"), "alias"),
              std::string("west.corp.internal -> ") + kDb + " (peer=westus)");
    server.enter("peer=westus", UpstreamState::partitioned);
    expect_agreement(kDb);
    expect_agreement("nix.westus.svc.cluster.local");
    expect_agreement("new.westus.svc.cluster.local");
    expect_agreement("west.corp.internal");
    EXPECT_THAT(said(explain(kDb), "upstream"), StartsWith("peer=westus partitioned since "));
}

TEST_F(Explaining, NamesAsLongAsNamesGet) {
    const std::string label(61, 'x');
    const std::string longest = label + "." + label + "." + label + "." + label + ".corp";
    ASSERT_EQ(dns::Name::from_text(longest).value().size(), 254u);
    EXPECT_EQ(said(explain(longest), "question"), "A of " + longest);
    const std::string octets = std::string(63, 'y') + "." + std::string(63, 'y') + "." +
                               std::string(63, 'y') + "." + std::string(61, 'y');
    ASSERT_EQ(dns::Name::from_text(octets).value().size(), 255u);
    EXPECT_EQ(said(explain(octets), "question"), "A of " + octets);
    const std::string behind = std::string(63, 'z') + "." + std::string(63, 'z') + "." +
                               std::string(63, 'z') + "." + std::string(44, 'z') + ".w";
    ASSERT_EQ(dns::Name::from_text("_aaaa._explain." + behind).value().size(), 255u);
    EXPECT_EQ(said(explain("_aaaa._explain." + behind, {}), "question"), "AAAA of " + behind);
    EXPECT_EQ(said(explain("."), "question"), "A of .");
    EXPECT_EQ(said(explain("_explain", {}), "question"), "A of .");
}

TEST_F(Explaining, OnlyThoseWhoMay) {
    server.reload(yaml("127.0.0.0/8", "explain: false"));
    Reply reply = client.ask(kDb, type::txt, kChaos);
    EXPECT_EQ(reply.rcode(), 5u);
    EXPECT_EQ(reply.ede(), 18);
    EXPECT_EQ(client.ask("id.server", type::txt, kChaos).rcode(), 5u);
    server.reload(yaml("127.0.0.0/8", ""));
    reply = client.ask(kDb, type::txt, kChaos);
    EXPECT_EQ(reply.ede(), 18) << "the peer is at this address";
    const Client other(server.address(), IpAddress::parse("127.0.0.2").value());
    EXPECT_EQ(other.ask(kDb, type::txt, kChaos).rcode(), 0u);
    EXPECT_EQ(client.ask(kDb, type::a).rcode(), 0u);
}

TEST_F(Explaining, TwentyASecond) {
    const Time start = Clock::now();
    int answered = 0;
    int limited = 0;
    for (int i = 0; i < 200; ++i) {
        const Reply reply = client.ask(kDb, type::txt, kChaos);
        answered += reply.rcode() == 0 ? 1 : 0;
        if (reply.rcode() == 5 && reply.says("more than 20 explanations a second")) ++limited;
    }
    const auto passed = std::chrono::duration_cast<Millis>(Clock::now() - start).count();
    EXPECT_EQ(answered + limited, 200);
    EXPECT_GE(answered, 20);
    EXPECT_LE(answered, 20 + passed / 50 + 1);
    EXPECT_EQ(server.count(Count::explain_limited), static_cast<std::uint64_t>(limited));
    EXPECT_EQ(client.ask("db.corp.internal", type::a).rcode(), 0u);
}

TEST_F(Explaining, ThePeersAndWhoAnswers) {
    client.ask(kDb, type::a);
    const Reply peers = explain("peers.peerzone");
    EXPECT_THAT(said(peers, "upstream"), StartsWith("peer=westus "));
    EXPECT_THAT(said(peers, "endpoint"),
                AllOf(StartsWith(peer.address() + " "), HasSubstr(", RTT "), HasSubstr(" ms, udp"),
                      HasSubstr(", asked next")));
    const auto id = strings_of(explain("id.server"));
    ASSERT_EQ(id.size(), 1u);
    EXPECT_THAT(id[0], StartsWith("eastus/"));
    EXPECT_EQ("eastus/" + strings_of(explain("hostname.bind")).at(0), id[0]);
    EXPECT_THAT(strings_of(explain("version.bind")).at(0), StartsWith("peerzone "));
    EXPECT_EQ(said(explain("peer.peerzone"), "error"), "there is no peer.peerzone");
}

Octets with_nsid(const std::string& name) {
    testing::Wire wire;
    wire.header(7, dns::kFlagRd, 1, 0, 0, 1)
        .name(name)
        .u16(type::a)
        .u16(dns::klass::in)
        .opt(1232, 0, Octets{0, 3, 0, 0});
    return wire.octets();
}

TEST_F(Explaining, NsidInEveryReplyThatIsAskedForIt) {
    const std::string id = strings_of(explain("id.server")).at(0);
    const auto nsid = [&](const std::string& name) {
        client.send(with_nsid(name));
        const auto found = testing::find_option(client.receive().message.options, 3);
        return found ? std::string(found->begin(), found->end()) : "";
    };
    EXPECT_EQ(nsid("db.corp.internal"), id);
    EXPECT_EQ(nsid(kDb), id) << "the peer is asked";
    EXPECT_EQ(nsid(kDb), id) << "a hit";
    EXPECT_FALSE(testing::find_option(client.ask(kDb, type::a).message.options, 3));
    EXPECT_EQ(peer.last().size(),
              testing::question(kDb, type::a, 1).opt(1232, 0, Octets(13)).size())
        << "it is not sent on";
}

}  // namespace
}  // namespace peerzone::itest
