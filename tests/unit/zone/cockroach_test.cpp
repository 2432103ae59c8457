// The zone that a region of a CockroachDB cluster needs: a StatefulSet's headless Service with its
// pods, SRV for its ports, and the Service that clients use (Kubernetes DNS
// specification 1.1.0, 2.3 and 2.4).
#include <gmock/gmock.h>

#include "zone_support.hpp"

namespace peerzone::zone::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class Cockroach : public testing::Test {
protected:
    static Zone region() {
        Lines records{"cockroachdb-public.eastus.svc 5 A 10.96.14.7"};
        for (const std::string pod : {"0", "1", "2"}) {
            const std::string host = "cockroachdb-" + pod + ".cockroachdb.eastus.svc";
            records.push_back("cockroachdb.eastus.svc 5 A 10.1.0.1" + pod);
            records.push_back(host + " 5 A 10.1.0.1" + pod);
            records.push_back("_grpc._tcp.cockroachdb.eastus.svc 5 SRV 0 33 26257 " + host);
            records.push_back("_http._tcp.cockroachdb.eastus.svc 5 SRV 0 33 8080 " + host);
        }
        records.push_back(
            "_grpc._tcp.cockroachdb-public.eastus.svc 5 SRV 0 100 26257 "
            "cockroachdb-public.eastus.svc");
        records.push_back("dns-version 5 TXT 1.1.0");
        return make_zone("cluster.local", records);
    }
    const Zone zone = region();
};

TEST_F(Cockroach, TheHeadlessServiceGivesEveryPodAndTurns) {
    EXPECT_THAT(ask(zone, "cockroachdb.eastus.svc.cluster.local", "A").answer,
                ElementsAre("cockroachdb.eastus.svc.cluster.local. 5 IN A 10.1.0.10",
                            "cockroachdb.eastus.svc.cluster.local. 5 IN A 10.1.0.11",
                            "cockroachdb.eastus.svc.cluster.local. 5 IN A 10.1.0.12"));
    EXPECT_THAT(ask(zone, "cockroachdb.eastus.svc.cluster.local", "A", 512, 2).answer,
                ElementsAre("cockroachdb.eastus.svc.cluster.local. 5 IN A 10.1.0.12",
                            "cockroachdb.eastus.svc.cluster.local. 5 IN A 10.1.0.10",
                            "cockroachdb.eastus.svc.cluster.local. 5 IN A 10.1.0.11"));
}

TEST_F(Cockroach, EachPodHasItsName) {
    for (const std::string pod : {"0", "1", "2"}) {
        const std::string host = "cockroachdb-" + pod + ".cockroachdb.eastus.svc.cluster.local";
        EXPECT_THAT(ask(zone, host, "A").answer, ElementsAre(host + ". 5 IN A 10.1.0.1" + pod));
        EXPECT_EQ(ask(zone, host, "AAAA").outcome, Outcome::nodata);
    }
    EXPECT_EQ(ask(zone, "cockroachdb-3.cockroachdb.eastus.svc.cluster.local", "A").outcome,
              Outcome::nxdomain);
}

TEST_F(Cockroach, SrvNamesThePodsAndBringsTheirAddresses) {
    const Reply reply = ask(zone, "_grpc._tcp.cockroachdb.eastus.svc.cluster.local", "SRV", 1232);
    EXPECT_EQ(reply.outcome, Outcome::answered);
    ASSERT_THAT(reply.answer, SizeIs(3));
    EXPECT_EQ(reply.answer[0],
              "_grpc._tcp.cockroachdb.eastus.svc.cluster.local. 5 IN SRV 0 33 26257 "
              "cockroachdb-0.cockroachdb.eastus.svc.cluster.local.");
    EXPECT_THAT(
        reply.additional,
        ElementsAre("cockroachdb-0.cockroachdb.eastus.svc.cluster.local. 5 IN A 10.1.0.10",
                    "cockroachdb-1.cockroachdb.eastus.svc.cluster.local. 5 IN A 10.1.0.11",
                    "cockroachdb-2.cockroachdb.eastus.svc.cluster.local. 5 IN A 10.1.0.12"));
}

TEST_F(Cockroach, TheClientServiceIsOneAddress) {
    EXPECT_THAT(ask(zone, "cockroachdb-public.eastus.svc.cluster.local", "A").answer, SizeIs(1));
    EXPECT_THAT(
        ask(zone, "_grpc._tcp.cockroachdb-public.eastus.svc.cluster.local", "SRV").additional,
        SizeIs(1));
}

TEST_F(Cockroach, TheSearchListWalkEndsInNxdomainWithTheClustersSoa) {
    for (const char* walked :
         {"cockroachdb-public.default.svc.cluster.local", "cockroachdb-public.svc.cluster.local",
          "cockroachdb-public.cluster.local",
          "cockroachdb-0.cockroachdb.eastus.svc.cluster.local.eastus.svc.cluster.local"}) {
        const Reply reply = ask(zone, walked, "A");
        EXPECT_EQ(reply.outcome, Outcome::nxdomain) << walked;
        EXPECT_THAT(reply.answer, IsEmpty());
        EXPECT_THAT(reply.authority, ElementsAre("cluster.local. 30 IN SOA ns.dns.cluster.local. "
                                                 "hostmaster.cluster.local. 1 7200 1800 86400 30"));
    }
}

TEST_F(Cockroach, NamespacesAndProtocolsAreEmptyNonTerminals) {
    for (const char* between : {"svc.cluster.local", "eastus.svc.cluster.local",
                                "_tcp.cockroachdb.eastus.svc.cluster.local"})
        EXPECT_EQ(ask(zone, between, "A").outcome, Outcome::nodata) << between;
}

}  // namespace
}  // namespace peerzone::zone::test
