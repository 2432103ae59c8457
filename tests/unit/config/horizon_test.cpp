// views, aliases and the addresses of clusters: what they are read as, and what contradicts what.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "unit/config/config_support.hpp"

namespace peerzone::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const std::string kPeers =
    "peers:\n"
    "  westus: {alias: westus.internal, endpoints: [10.2.0.10], pods: [10.2.0.0/16], services: "
    "[10.43.0.0/16]}\n"
    "  north: {alias: north.internal, endpoints: [10.3.0.10], pods: [10.3.0.0/16], services: "
    "[10.43.0.0/16]}\n";

Config loaded(const std::string& yaml) {
    Loaded result = load_text(yaml, "pz.yaml");
    for (const Problem& problem : result.problems) ADD_FAILURE() << problem.to_text();
    return result.config.value_or(Config());
}

TEST(Horizon, OneMemberListOfAliasesFitsEveryCluster) {
    const Config config = loaded(
        "cluster: {name: eastus, alias: eastus.internal}\n"
        "local: {forward: {endpoints: [10.96.0.10], services: [10.43.0.0/16]}}\n" +
        kPeers);
    ASSERT_TRUE(config.local && config.local->alias);
    EXPECT_EQ(config.local->alias->here.to_text(), "eastus.internal");
    EXPECT_EQ(config.local->alias->there.to_text(), "cluster.local");
    EXPECT_EQ(config.peers.at(0).alias->there.to_text(), "cluster.local");
    EXPECT_TRUE(config.peers.at(0).zones.empty());
}

TEST(Horizon, AViewHasItsOwn) {
    const Config config =
        loaded(kPeers +
               "zones: {corp.test: {records: [www A 192.0.2.1]}}\n"
               "forward: {.: {endpoints: [192.0.2.53]}}\n"
               "listen: {dns: [\"0.0.0.0:53\"]}\n"
               "views:\n"
               "  - {name: pods, clients: [10.0.0.0/8]}\n"
               "  - name: office\n"
               "    listen: [192.168.0.53]\n"
               "    peers: [westus]\n"
               "    zones: {corp.test: {records: [www A 192.0.2.2]}, more.test: {records: []}}\n"
               "    forward: {.: {endpoints: [192.168.0.1]}}\n"
               "  - {name: alone, clients: [10.9.0.0/16], peers: [], forward: {}}\n");
    ASSERT_EQ(config.views.size(), 3u);
    EXPECT_FALSE(config.views[0].peers);
    EXPECT_FALSE(config.views[0].forwards);
    EXPECT_EQ(config.views[1].clients, view::default_clients());
    EXPECT_EQ(config.views[1].listen.at(0).to_text(), "192.168.0.53:53");
    EXPECT_THAT(*config.views[1].peers, ElementsAre("westus"));
    EXPECT_EQ(config.views[1].zones.size(), 2u);
    EXPECT_EQ(config.views[1].forwards->at(0).view, "office");
    EXPECT_THAT(*config.views[2].peers, IsEmpty());
    EXPECT_THAT(*config.views[2].forwards, IsEmpty());
}

TEST(Horizon, WhatTwoViewsDoNotBothSeeDoesNotCollide) {
    const std::string same =
        "peers:\n"
        "  blue: {zones: [shop.test], endpoints: [10.2.0.10], pods: [10.2.0.0/16]}\n"
        "  green: {zones: [shop.test], endpoints: [10.3.0.10], pods: [10.2.0.0/16]}\n";
    EXPECT_THAT(problem_lines(same + "views:\n"
                                     "  - {name: a, clients: [10.1.0.0/16], peers: [blue]}\n"
                                     "  - {name: b, clients: [10.2.0.0/16], peers: [green]}\n"),
                IsEmpty());
    EXPECT_THAT(
        problem_lines(same + "views:\n"
                             "  - {name: a, clients: [10.1.0.0/16], peers: [blue]}\n"
                             "  - {name: b, clients: [10.2.0.0/16]}\n"),
        ElementsAre("pz.yaml:3:19: peers.green.zones[0]: the zone 'shop.test' is taken already by "
                    "peers.blue.zones[0] (line 2) (hint: each zone has one owner)",
                    "pz.yaml:3:62: peers.green.pods[0]: '10.2.0.0/16' is taken already by "
                    "peers.blue.pods[0] (line 2) (hint: each zone has one owner)"));
    EXPECT_THAT(
        problem_lines("peers: {blue: {zones: [shop.test], endpoints: [10.2.0.10]}}\n"
                      "views: [{clients: [10.0.0.0/8], zones: {shop.test: {records: []}}}]\n"),
        ElementsAre("pz.yaml:2:41: views[0].zones.\"shop.test\": the zone 'shop.test' is taken "
                    "already by peers.blue.zones[0] (line 1) (hint: each zone has one owner)"));
}

TEST(Horizon, EqualServicesAreNoMistakeButEqualPodsAre) {
    EXPECT_THAT(problem_lines(kPeers), IsEmpty());
    EXPECT_THAT(
        problem_lines(kPeers + "local: {forward: {endpoints: [10.96.0.10], pods: [10.3.0.0/16], "
                               "reverse: [10.43.0.0/16]}}\n"),
        ElementsAre("pz.yaml:4:51: local.forward.pods[0]: '10.3.0.0/16' is taken already by "
                    "peers.north.pods[0] (line 3) (hint: each zone has one owner)",
                    "pz.yaml:4:75: local.forward.reverse[0]: '10.43.0.0/16' is taken already by "
                    "peers.westus.services[0] (line 2) (hint: each zone has one owner)"));
}

TEST(Horizon, Views) {
    EXPECT_THAT(
        problem_lines(kPeers + "views:\n"
                               "  - {clients: [10.0.0.0/8]}\n"
                               "  - {clients: [10.1.0.0/16]}\n"),
        ElementsAre("pz.yaml:6:5: views[1]: another view is called 'default': views[0] (line 5) "
                    "(hint: give each view a name of its own)"));
    EXPECT_THAT(
        problem_lines("views:\n"
                      "  - {name: a, clients: [10.0.0.0/8, 10.1.0.0/16]}\n"
                      "  - {name: b, clients: [10.1.0.0/16, 10.1.2.0/24]}\n"),
        ElementsAre("pz.yaml:3:25: views[1].clients[0]: '10.1.0.0/16' is taken already by "
                    "views[0].clients[1] (line 2) (hint: a client has one view: the longest prefix "
                    "wins)"));
    EXPECT_THAT(
        problem_lines(kPeers + "views: [{clients: [10.0.0.0/8], peers: [westsu, local, westus, "
                               "westus]}]\n"),
        ElementsAre("pz.yaml:4:41: views[0].peers[0]: there is no peer 'westsu' (hint: did you "
                    "mean 'westus'?)",
                    "pz.yaml:4:49: views[0].peers[1]: there is no peer 'local' (hint: every view "
                    "sees this cluster: leave it out)",
                    "pz.yaml:4:64: views[0].peers[3]: 'westus' is listed twice"));
}

TEST(Horizon, ListeningAddressesOfViews) {
    EXPECT_THAT(
        problem_lines("listen: {dns: [\"192.0.2.1:53\"]}\n"
                      "views: [{listen: [192.0.2.1, \"192.0.2.2:53\", 192.0.2.1]}]\n"),
        ElementsAre("pz.yaml:2:30: views[0].listen[1]: nothing listens on '192.0.2.2:53' (hint: "
                    "name it under listen.dns or listen.tls as well)",
                    "pz.yaml:2:46: views[0].listen[2]: '192.0.2.1:53' is listed twice"));
    EXPECT_THAT(problem_lines("views:\n"
                              "  - {name: a, listen: [192.0.2.1]}\n"
                              "  - {name: b, listen: [192.0.2.1]}\n"
                              "  - {name: c, listen: [192.0.2.1], clients: [192.0.2.0/24]}\n"),
                ElementsAre("pz.yaml:3:24: views[1].listen[0]: '192.0.2.1:53' is taken already by "
                            "views[0].listen[0] (line 2) (hint: clients tell apart who asks at one "
                            "address)"));
}

TEST(Horizon, AliasesInEachOthersWay) {
    const auto peers = [](const std::string& west, const std::string& north) {
        return "peers:\n"
               "  westus: {alias: " +
               west +
               ", endpoints: [10.2.0.10]}\n"
               "  north: {alias: " +
               north + ", endpoints: [10.3.0.10]}\n";
    };
    EXPECT_THAT(problem_lines(peers("a.internal", "b.internal")), IsEmpty());
    EXPECT_THAT(problem_lines(peers("a.internal", "A.internal")),
                ElementsAre(HasSubstr("the zone 'A.internal' is taken already by")));
    EXPECT_THAT(
        problem_lines(peers("a.internal", "b.a.internal")),
        ElementsAre("pz.yaml:3:18: peers.north.alias: 'b.a.internal' lies inside 'a.internal', "
                    "which is taken by peers.westus.alias (line 2) (hint: give each cluster a "
                    "suffix beside the others, such as north.internal)"));
    EXPECT_THAT(problem_lines(peers("local", "b.internal")),
                ElementsAre(HasSubstr("'local' holds this cluster's own zone 'cluster.local'"),
                            HasSubstr("renaming goes in a circle")));
    EXPECT_THAT(problem_lines(peers("west.cluster.local", "north.cluster.local")), IsEmpty());
    EXPECT_THAT(problem_lines(peers("{here: w.test, there: w.test}", "b.internal")),
                ElementsAre(HasSubstr("'w.test' is renamed to itself (hint: name it under zones")));
    EXPECT_THAT(
        problem_lines(peers("{here: w.test, there: n.test}", "{here: n.test, there: w.test}")),
        ElementsAre(HasSubstr("renaming goes in a circle: 'n.test'"),
                    HasSubstr("renaming goes in a circle: 'w.test'")));
}

TEST(Horizon, AliasesThatAreNone) {
    const auto west = [](const std::string& keys) {
        return "peers: {westus: {endpoints: [10.2.0.10], " + keys + "}}\n";
    };
    EXPECT_THAT(problem_lines(west("alias: .")),
                ElementsAre(HasSubstr("the root is not the name")));
    EXPECT_THAT(problem_lines(west("alias: {there: x.test}")),
                ElementsAre(HasSubstr("peers.westus.alias: 'here' is missing")));
    EXPECT_THAT(problem_lines(west("alias: a..b")), ElementsAre(HasSubstr("peers.westus.alias")));
    EXPECT_THAT(problem_lines(west("order: fastest")),
                ElementsAre(HasSubstr("'zones' is missing (hint: the zones this peer answers, such "
                                      "as [westus.svc.cluster.local], or alias")));
    EXPECT_THAT(problem_lines("cluster: {alias: eastus.internal}\n"),
                ElementsAre("pz.yaml:1:11: cluster.alias: nobody answers this cluster's own zone "
                            "(hint: local.forward names the cluster's own DNS, which is asked for "
                            "these names)"));
}

}  // namespace
}  // namespace peerzone::config
