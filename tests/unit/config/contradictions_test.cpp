// Values that are each right and contradict each other, and the ones that look so and do not.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "unit/config/config_support.hpp"

namespace peerzone::config {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(Contradictions, OneZoneInTwoPeersWhateverItsCaseAndFinalDot) {
    EXPECT_THAT(
        problem_lines("peers:\n"
                      "  westus: {zones: [w.test, W.test.], endpoints: [10.2.0.10]}\n"
                      "  other: {zones: [w.TEST], endpoints: [10.3.0.10]}\n"),
        ElementsAre("pz.yaml:2:28: peers.westus.zones[1]: the zone 'W.test' is taken already by "
                    "peers.westus.zones[0] (line 2) (hint: each zone has one owner)",
                    "pz.yaml:3:19: peers.other.zones[0]: the zone 'w.TEST' is taken already by "
                    "peers.westus.zones[0] (line 2) (hint: each zone has one owner)"));
}

TEST(Contradictions, OwnedZoneAndForwardAndPeerShareOneTable) {
    EXPECT_THAT(
        problem_lines("forward:\n"
                      "  a.test: {endpoints: [10.2.0.10]}\n"
                      "  b.test: {endpoints: [10.2.0.10]}\n"
                      "  B.test: {endpoints: [10.2.0.10]}\n"
                      "zones:\n"
                      "  a.test: {records: []}\n"
                      "peers:\n"
                      "  westus: {zones: [a.test], endpoints: [10.2.0.10]}\n"),
        ElementsAre("pz.yaml:4:3: forward.\"B.test\": the zone 'B.test' is taken already by "
                    "forward.\"b.test\" (line 3) (hint: each zone has one owner)",
                    "pz.yaml:6:3: zones.\"a.test\": the zone 'a.test' is taken already by "
                    "forward.\"a.test\" (line 2) (hint: each zone has one owner)",
                    "pz.yaml:8:20: peers.westus.zones[0]: the zone 'a.test' is taken already by "
                    "forward.\"a.test\" (line 2) (hint: each zone has one owner)"));
}

TEST(Contradictions, TheClustersOwnZoneBelongsToNoPeerAndNoForwarder) {
    EXPECT_THAT(
        problem_lines("peers:\n"
                      "  westus: {zones: [cluster.local], endpoints: [10.2.0.10]}\n"
                      "local: {forward: {endpoints: [10.96.0.10]}}\n"
                      "forward:\n"
                      "  cluster.local: {endpoints: [10.2.0.10]}\n"),
        ElementsAre("pz.yaml:2:20: peers.westus.zones[0]: 'cluster.local' is this cluster's own "
                    "zone (cluster.zone) (hint: name the part that the peer answers, such as "
                    "westus.svc.cluster.local, or give the peer an alias)",
                    "pz.yaml:5:3: forward.\"cluster.local\": 'cluster.local' is this cluster's own "
                    "zone (cluster.zone) (hint: local.forward says who answers it)"));
}

TEST(Contradictions, TheClustersOwnZoneIsEitherOursOrForwarded) {
    EXPECT_THAT(
        problem_lines("zones: {cluster.local: {records: []}}\n"
                      "local: {forward: {endpoints: [10.96.0.10]}}\n"),
        ElementsAre("pz.yaml:2:9: local.forward: the zone 'cluster.local' is taken already by "
                    "zones.\"cluster.local\" (line 1) (hint: each zone has one owner)"));
    EXPECT_THAT(problem_lines("zones: {cluster.local: {records: []}}\n"), IsEmpty());
}

TEST(Contradictions, APeerZoneBelowTheClustersOwnIsTheNormalLayout) {
    EXPECT_THAT(
        problem_lines("local: {forward: {endpoints: [10.96.0.10]}}\n"
                      "peers:\n"
                      "  westus: {zones: [westus.svc.cluster.local], endpoints: [10.2.0.10]}\n"
                      "zones: {special.westus.svc.cluster.local: {records: []}}\n"
                      "forward: {local: {endpoints: [10.4.0.10]}}\n"),
        IsEmpty());
}

TEST(Contradictions, ReversePrefixesOfTwoUpstreams) {
    const std::string front =
        "local: {forward: {endpoints: [10.96.0.10], reverse: [10.1.0.0/16]}}\n"
        "peers:\n"
        "  westus: {zones: [w.test], endpoints: [10.2.0.10], reverse: [";
    // Equal.
    EXPECT_THAT(
        problem_lines(front + "10.1.0.0/16]}\n"),
        ElementsAre("pz.yaml:3:63: peers.westus.reverse[0]: '10.1.0.0/16' is taken already by "
                    "local.forward.reverse[0] (line 1) (hint: each zone has one owner)"));
    // Inside and around: the longest prefix wins, also where reverse zones are equal: 10.0.0.0/12
    // is 10.0/16 to 10.15/16.
    EXPECT_THAT(problem_lines(front + "10.0.0.0/12, 10.1.7.0/24, 10.0.0.0/8]}\n"), IsEmpty());
}

TEST(Contradictions, AReversePrefixAndAnOwnedReverseZone) {
    EXPECT_THAT(
        problem_lines("zones: {2.10.in-addr.arpa: {records: []}}\n"
                      "peers:\n"
                      "  westus:\n"
                      "    zones: [w.test]\n"
                      "    endpoints: [10.2.0.10]\n"
                      "    reverse: [10.2.0.0/16]\n"),
        ElementsAre("pz.yaml:6:15: peers.westus.reverse[0]: '10.2.0.0/16' with its reverse zone "
                    "'2.10.in-addr.arpa' is taken already by zones.\"2.10.in-addr.arpa\" (line 1) "
                    "(hint: each zone has one owner)"));
}

TEST(Contradictions, ReverseZonesAreBounded) {
    // A /17 is 128 zones of /24: 600 of them are more than a route table is built for.
    std::string yaml =
        "peers:\n  westus:\n    zones: [w.test]\n    endpoints: [10.2.0.10]\n    reverse:\n";
    for (int i = 0; i < 600; ++i)
        yaml +=
            "    - " + std::to_string(11 + i / 256) + "." + std::to_string(i % 256) + ".0.0/17\n";
    const std::vector<std::string> lines = problem_lines(yaml);
    ASSERT_EQ(lines.size(), 1u);
    EXPECT_THAT(lines[0], testing::HasSubstr("more than 65536 zones and reverse zones"));
}

TEST(Contradictions, ListsAreBounded) {
    const auto list = [](const std::string& item, int count) {
        std::string text = "[";
        for (int i = 0; i < count; ++i)
            text += item + std::to_string(i / 256) + "." + std::to_string(i % 256) +
                    (i + 1 < count ? "," : "]");
        return text;
    };
    EXPECT_THAT(
        problem_lines("listen: {dns: " + list("10.1.", 65) + "}\n"),
        ElementsAre("pz.yaml:1:15: listen.dns: more than 64 addresses (hint: 0.0.0.0 and [::] are "
                    "every address)"));
    EXPECT_THAT(problem_lines("listen: {dns: " + list("10.1.", 64) + "}\n"), IsEmpty());
    EXPECT_THAT(
        problem_lines("views: [{clients: " + list("10.1.", 4097) + "}]\n"),
        ElementsAre("pz.yaml:1:19: views[0].clients: more than 4096 prefixes (hint: write larger "
                    "blocks)"));
    EXPECT_THAT(problem_lines("forward: {.: {endpoints: " + list("10.1.", 257) + "}}\n"),
                ElementsAre("pz.yaml:1:26: forward.\".\".endpoints: more than 256 endpoints"));
}

TEST(Contradictions, ListenAddressesThatTakeEachOthersQuestions) {
    EXPECT_THAT(
        problem_lines("listen:\n"
                      "  dns:\n"
                      "    - 127.0.0.1:5300\n"
                      "    - 127.0.0.1:5300\n"
                      "    - 0.0.0.0:5300\n"
                      "    - \"[::]:5300\"\n"
                      "    - 0.0.0.0:5301\n"),
        ElementsAre(
            "pz.yaml:4:7: listen.dns[1]: '127.0.0.1:5300' is listed twice",
            "pz.yaml:5:7: listen.dns[2]: '0.0.0.0:5300' and '127.0.0.1:5300' overlap (hint: "
            "listen on every address or on single ones)"));
}

TEST(Contradictions, ListenAddressesThatAreNone) {
    EXPECT_THAT(
        problem_lines("listen: {dns: [localhost:53, 10.0.0.1:0, 224.0.0.251:5353, 10.0.0.256]}\n"),
        ElementsAre(
            "pz.yaml:1:16: listen.dns[0]: 'localhost' is not an IP address (hint: an address of "
            "this host, not a name)",
            "pz.yaml:1:30: listen.dns[1]: '10.0.0.1:0' has port 0 (hint: such as 0.0.0.0:53 or "
            "\"[::]:53\")",
            "pz.yaml:1:42: listen.dns[2]: '224.0.0.251:5353' is a multicast address (hint: DNS is "
            "asked over unicast)",
            "pz.yaml:1:60: listen.dns[3]: '10.0.0.256' is not an IP address (hint: such as "
            "0.0.0.0:53 or \"[::]:53\")"));
    EXPECT_THAT(
        problem_lines("listen: {dns: []}\n"),
        ElementsAre("pz.yaml:1:15: listen.dns: the list is empty (hint: leave the key out for "
                    "0.0.0.0:53 and [::]:53)"));
}

TEST(Contradictions, AnEndpointThatIsOurselves) {
    EXPECT_THAT(
        problem_lines("listen: {dns: [10.1.0.53, 127.0.0.1:5300]}\n"
                      "bootstrap: [10.1.0.53]\n"
                      "peers:\n"
                      "  westus: {zones: [w.test], endpoints: [10.1.0.53, 127.0.0.1:5301]}\n"
                      "forward: {.: {endpoints: [127.0.0.1:5300]}}\n"),
        ElementsAre("pz.yaml:2:13: bootstrap[0]: '10.1.0.53:53' is an address we listen on "
                    "ourselves (10.1.0.53:53) (hint: this would be a loop)",
                    "pz.yaml:4:41: peers.westus.endpoints[0]: '10.1.0.53:53' is an address we "
                    "listen on ourselves (10.1.0.53:53) (hint: this would be a loop)",
                    "pz.yaml:5:27: forward.\".\".endpoints[0]: '127.0.0.1:5300' is an address we "
                    "listen on ourselves (127.0.0.1:5300) (hint: this would be a loop)"));
}

TEST(Contradictions, ALoopbackEndpointBehindAWildcardIsOurselvesToo) {
    EXPECT_THAT(
        problem_lines("forward: {.: {endpoints: [127.0.0.1, \"::1\", 10.9.0.1]}}\n"),
        ElementsAre("pz.yaml:1:27: forward.\".\".endpoints[0]: '127.0.0.1:53' is an address we "
                    "listen on ourselves (0.0.0.0:53) (hint: this would be a loop)",
                    "pz.yaml:1:38: forward.\".\".endpoints[1]: '[::1]:53' is an address we listen "
                    "on ourselves ([::]:53) (hint: this would be a loop)"));
}

TEST(Contradictions, Views) {
    EXPECT_THAT(
        problem_lines("views:\n"
                      "  - name: pods\n"
                      "  - {name: office, clients: [192.168.0.0/16]}\n"),
        ElementsAre("pz.yaml:2:5: views[0]: 'clients' is missing (hint: the prefixes it serves, "
                    "such as [10.1.0.0/16])"));
    EXPECT_THAT(
        problem_lines("views: [{clients: [], peers: [westus]}]\n"),
        ElementsAre("pz.yaml:1:19: views[0].clients: the list is empty (hint: a view without "
                    "clients serves nobody)",
                    "pz.yaml:1:31: views[0].peers[0]: there is no peer 'westus' (hint: name it "
                    "under peers)"));
    EXPECT_THAT(
        problem_lines("views: []\n"),
        ElementsAre("pz.yaml:1:8: views: the list is empty (hint: leave the key out to serve "
                    "private addresses only)"));
}

TEST(Contradictions, BootstrapServersAreAddresses) {
    EXPECT_THAT(
        problem_lines("bootstrap: [dns.example.com]\n"),
        ElementsAre(
            "pz.yaml:1:13: bootstrap[0]: 'dns.example.com' is not an IP address (hint: host "
            "names need somebody to resolve them: write an address here)"));
    EXPECT_THAT(
        problem_lines("bootstrap: []\n"),
        ElementsAre("pz.yaml:1:12: bootstrap: the list is empty (hint: at least one address or "
                    "resolv.conf:/path)"));
}

}  // namespace
}  // namespace peerzone::config
