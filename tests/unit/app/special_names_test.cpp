// Each built-in zone asked directly: what RFC 6761, 6303 and their kin say the answers are.
#include "app/special_names.hpp"

#include <gtest/gtest.h>

#include "support/dns_reply.hpp"

namespace peerzone::app {
namespace {

using testing::name;
using testing::Octets;
namespace type = dns::type;

struct Answer {
    std::string origin;  ///< of the zone that answered; empty: none would
    zone::Outcome outcome = zone::Outcome::nxdomain;
    std::vector<std::string> answers;
    std::vector<std::uint16_t> authorities;  ///< types
};

struct SpecialNames : ::testing::Test {
    SpecialZones special;
    std::vector<std::shared_ptr<const zone::Zone>> zones = special.with(name("cluster.local"));

    Answer ask(const std::string& qname, unsigned qtype) const {
        const zone::Zone* longest = nullptr;
        for (const auto& zone : zones)
            if (name(qname).is_under(zone->origin()) &&
                (longest == nullptr || zone->origin().size() > longest->origin().size()))
                longest = zone.get();
        Answer answer;
        if (longest == nullptr) return answer;
        answer.origin = longest->origin().to_text();
        testing::Replier replier(testing::plain_query(qname, qtype));
        answer.outcome =
            longest->lookup(name(qname), static_cast<std::uint16_t>(qtype), 0, replier.writer())
                .outcome;
        const auto read = testing::read_message(replier.finish());
        for (const auto& r : read.value().records) {
            if (r.section == 1)
                answer.answers.push_back(
                    dns::record_text({r.record.owner, r.record.type, 0, r.rdata}));
            if (r.section == 2) answer.authorities.push_back(r.record.type);
        }
        return answer;
    }
    void expect_absent(const std::string& qname) const {
        const Answer answer = ask(qname, type::a);
        EXPECT_NE(answer.origin, "") << qname;
        EXPECT_EQ(answer.outcome, zone::Outcome::nxdomain) << qname;
        EXPECT_EQ(answer.authorities, std::vector<std::uint16_t>{type::soa}) << qname;
    }
};

TEST_F(SpecialNames, AllZonesAreThere) {
    for (const auto& zone : zones) ASSERT_NE(zone, nullptr);
    EXPECT_EQ(zones.front()->origin().to_text(), "localhost");
    EXPECT_EQ(zones.back()->origin().to_text(), "cluster.local");
}

TEST_F(SpecialNames, LocalhostAndEverythingBelowIsLoopback) {
    EXPECT_EQ(ask("localhost", type::a).answers,
              std::vector<std::string>{"localhost. 0 IN A 127.0.0.1"});
    EXPECT_EQ(ask("localhost", type::aaaa).answers,
              std::vector<std::string>{"localhost. 0 IN AAAA ::1"});
    EXPECT_EQ(ask("a.b.localhost", type::a).answers,
              std::vector<std::string>{"a.b.localhost. 0 IN A 127.0.0.1"});
    EXPECT_EQ(ask("a.localhost", type::aaaa).answers.size(), 1u);
    EXPECT_EQ(ask("localhost", type::mx).outcome, zone::Outcome::nodata);
    EXPECT_EQ(ask("a.localhost", type::txt).outcome, zone::Outcome::nodata);
}

TEST_F(SpecialNames, LoopbackAddressesHaveAName) {
    EXPECT_EQ(ask("1.0.0.127.in-addr.arpa", type::ptr).answers,
              std::vector<std::string>{"1.0.0.127.in-addr.arpa. 0 IN PTR localhost."});
    expect_absent("2.0.0.127.in-addr.arpa");
    const std::string one =
        "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa";
    EXPECT_EQ(ask(one, type::ptr).answers, std::vector<std::string>{one + ". 0 IN PTR localhost."});
}

TEST_F(SpecialNames, NamesOfNobodyDoNotExist) {
    for (const char* qname : {"x.invalid",
                              "x.onion",
                              "x.alt",
                              "x.local",
                              "db.default.svc.cluster.local",
                              "1.2.3.10.in-addr.arpa",
                              "1.2.16.172.in-addr.arpa",
                              "1.2.31.172.in-addr.arpa",
                              "1.2.168.192.in-addr.arpa",
                              "1.2.64.100.in-addr.arpa",
                              "1.2.127.100.in-addr.arpa",
                              "1.2.254.169.in-addr.arpa",
                              "1.2.0.192.in-addr.arpa",
                              "1.100.51.198.in-addr.arpa",
                              "1.113.0.203.in-addr.arpa",
                              "1.2.3.0.in-addr.arpa",
                              "1.c.f.ip6.arpa",
                              "1.d.f.ip6.arpa",
                              "1.8.e.f.ip6.arpa",
                              "1.b.e.f.ip6.arpa",
                              "1.8.b.d.0.1.0.0.2.ip6.arpa"})
        expect_absent(qname);
    EXPECT_EQ(ask("255.255.255.255.in-addr.arpa", type::ptr).outcome, zone::Outcome::nodata);
}

TEST_F(SpecialNames, TheirNeighboursAreNotTouched) {
    for (const char* qname :
         {"www.example.com", "localhost.example", "1.2.15.172.in-addr.arpa",
          "1.2.32.172.in-addr.arpa", "1.2.63.100.in-addr.arpa", "1.2.128.100.in-addr.arpa",
          "1.1.1.1.in-addr.arpa", "in-addr.arpa", "arpa", "ip6.arpa", "c.e.f.ip6.arpa",
          "1.e.f.ip6.arpa", "8.8.8.8.in-addr.arpa", "2.0.ip6.arpa"})
        EXPECT_EQ(ask(qname, type::a).origin, "") << qname;
}

TEST_F(SpecialNames, TheClustersOwnNameMayBeAnyName) {
    const auto other = special.with(name("k8s.example.org"));
    EXPECT_EQ(other.back()->origin().to_text(), "k8s.example.org");
    EXPECT_EQ(other.size(), zones.size());
}

TEST_F(SpecialNames, TheyAreBuiltOnce) {
    EXPECT_EQ(special.with(name("cluster.local")), zones);
    const auto other = special.with(name("k8s.example.org"));
    for (std::size_t i = 0; i + 1 < zones.size(); ++i) EXPECT_EQ(other[i], zones[i]) << i;
}

}  // namespace
}  // namespace peerzone::app
