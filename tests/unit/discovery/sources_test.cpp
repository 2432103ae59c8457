#include "peerzone/discovery/sources.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "peerzone/config/config.hpp"

namespace peerzone::discovery {
namespace {

using discovery::LookupReply;
using discovery::LookupType;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;
using EventKind = SourceEvent::Kind;

constexpr char kHost[] = "dns.example.com:53";
constexpr char kSrv[] = "srv:_dns._udp.example.com";
const std::string kService = "_dns._udp.example.com";

upstream::EndpointSpec host(const std::string& name, std::uint16_t port = 53) {
    upstream::EndpointSpec spec;
    spec.host = name;
    spec.port = port;
    return spec;
}
upstream::EndpointSpec srv(const std::string& name) {
    upstream::EndpointSpec spec;
    spec.srv = name;
    return spec;
}
upstream::EndpointSpec file(const std::string& path) {
    upstream::EndpointSpec spec;
    spec.resolv_conf = path;
    return spec;
}
LookupReply found(const std::vector<std::string>& addresses) {
    LookupReply reply;
    reply.kind = LookupReply::Kind::found;
    for (const auto& text : addresses) reply.addresses.push_back(IpAddress::parse(text).value());
    reply.ttl = Seconds(10);
    return reply;
}
LookupReply targets(std::vector<discovery::SrvTarget> all) {
    LookupReply reply;
    reply.kind = LookupReply::Kind::found;
    reply.targets = std::move(all);
    reply.ttl = Seconds(10);
    return reply;
}
LookupReply none(const std::string& why = "none") {
    LookupReply reply;
    reply.kind = LookupReply::Kind::empty;
    reply.why = why;
    return reply;
}
LookupReply no_reply() {
    LookupReply reply;
    reply.why = "no reply in time";
    return reply;
}

struct Following : ::testing::Test {
    Time now{std::chrono::hours(1)};
    Sources sources;

    // What comes of a question, when it is due.
    bool answer(const std::string& name, LookupType type, const LookupReply& reply) {
        const NameQuestion question{name, type};
        for (;; now = sources.next()) {
            while (const auto due = sources.take(now)) under_way.insert(due->question);
            if (under_way.erase(question) != 0) break;
            if (sources.next() == Time::max()) {
                ADD_FAILURE() << name << " is not asked for";
                return false;
            }
        }
        now += Millis(10);
        return sources.done(question, reply, now, 0);
    }
    bool a(const std::string& name, const LookupReply& reply) {
        return answer(name, LookupType::a, reply);
    }
    bool aaaa(const std::string& name, const LookupReply& reply) {
        return answer(name, LookupType::aaaa, reply);
    }
    std::vector<std::string> addresses(const std::string& source) const {
        std::vector<std::string> texts;
        for (const auto& address : sources.table().at(source).addresses)
            texts.push_back(address.to_text());
        return texts;
    }
    std::vector<EventKind> events() {
        std::vector<EventKind> kinds;
        last = sources.take_events();
        for (const auto& event : last) kinds.push_back(event.kind);
        return kinds;
    }
    std::set<NameQuestion> under_way;
    std::vector<SourceEvent> last;
};

TEST_F(Following, AHostHasTheAddressesOfBothFamilies) {
    upstream::EndpointSpec address;
    address.address = SocketAddress::parse("10.9.0.1", 53).value();
    sources.want({host("DNS.example.com", 53), address}, now);
    constexpr char kName[] = "DNS.example.com:53";
    EXPECT_EQ(sources.table().size(), 1u) << "an address needs no following";
    EXPECT_FALSE(sources.table().at(kName).good_at);
    EXPECT_TRUE(a("dns.example.com", found({"10.0.0.2", "10.0.0.1"})));
    EXPECT_TRUE(aaaa("dns.example.com", found({"fd00::1"})));
    EXPECT_THAT(addresses(kName), ElementsAre("10.0.0.1:53", "10.0.0.2:53", "[fd00::1]:53"));
    EXPECT_EQ(sources.table().at(kName).good_at, now);
    EXPECT_EQ(sources.table().at(kName).tries, 2u);
    EXPECT_THAT(events(), ElementsAre(EventKind::changed, EventKind::changed));
}

TEST_F(Following, TheSameAnswerInAnotherOrderIsNoChange) {
    sources.want({host("dns.example.com")}, now);
    EXPECT_TRUE(a("dns.example.com", found({"10.0.0.2", "10.0.0.1"})));
    events();
    EXPECT_FALSE(a("dns.example.com", found({"10.0.0.1", "10.0.0.2"})));
    EXPECT_THAT(events(), IsEmpty());
    EXPECT_TRUE(a("dns.example.com", found({"10.0.0.3", "10.0.0.2"})));
    EXPECT_THAT(events(), ElementsAre(EventKind::changed));
    ASSERT_EQ(last[0].added.size(), 1u);
    EXPECT_EQ(last[0].added[0].to_text(), "10.0.0.3:53");
    ASSERT_EQ(last[0].removed.size(), 1u);
    EXPECT_EQ(last[0].removed[0].to_text(), "10.0.0.1:53");
}

TEST_F(Following, NoAnswerEmptiesASet) {
    sources.want({host("dns.example.com")}, now);
    a("dns.example.com", found({"10.0.0.1"}));
    const Time good_at = now;
    aaaa("dns.example.com", none());
    events();
    for (const auto& reply : {none("no such name"), none(), no_reply()}) {
        EXPECT_FALSE(a("dns.example.com", reply));
        EXPECT_FALSE(aaaa("dns.example.com", reply));
        EXPECT_THAT(addresses(kHost), ElementsAre("10.0.0.1:53"));
        EXPECT_THAT(sources.table().at(kHost).error, HasSubstr(reply.why));
    }
    EXPECT_EQ(sources.table().at(kHost).good_at, good_at) << "so its age can be told";
    EXPECT_EQ(sources.table().at(kHost).failures, 6u);
    EXPECT_TRUE(a("dns.example.com", found({"10.0.0.2"})));
    EXPECT_THAT(addresses(kHost), ElementsAre("10.0.0.2:53"));
    EXPECT_EQ(sources.table().at(kHost).error, "");
}

TEST_F(Following, OneFamilyThatFailsChangesNothingForTheOther) {
    sources.want({host("dns.example.com")}, now);
    a("dns.example.com", found({"10.0.0.1"}));
    aaaa("dns.example.com", no_reply());
    EXPECT_EQ(sources.table().at(kHost).error, "") << "one family is enough";
    aaaa("dns.example.com", found({"fd00::1"}));
    a("dns.example.com", no_reply());
    EXPECT_THAT(addresses(kHost), ElementsAre("10.0.0.1:53", "[fd00::1]:53"));
    EXPECT_EQ(sources.table().at(kHost).error, "dns.example.com: A: no reply in time");
    aaaa("dns.example.com", found({"fd00::2"}));
    EXPECT_THAT(addresses(kHost), ElementsAre("10.0.0.1:53", "[fd00::2]:53"));
}

TEST_F(Following, AFamilyIsGivenUpWhenTheOtherIsSeenToBeThere) {
    sources.want({host("dns.example.com")}, now);
    a("dns.example.com", found({"10.0.0.1"}));
    aaaa("dns.example.com", found({"fd00::1"}));
    // The name is gone for a moment: whichever answer comes first, both families stay.
    EXPECT_FALSE(a("dns.example.com", none("no such name")));
    EXPECT_FALSE(aaaa("dns.example.com", none("no such name")));
    EXPECT_THAT(addresses(kHost), ElementsAre("10.0.0.1:53", "[fd00::1]:53"));
    EXPECT_FALSE(a("dns.example.com", none()));
    EXPECT_TRUE(aaaa("dns.example.com", found({"fd00::1"})));
    EXPECT_THAT(addresses(kHost), ElementsAre("[fd00::1]:53"));
    EXPECT_EQ(sources.table().at(kHost).error, "");
    // And it does not come back when the other one has a bad day.
    EXPECT_FALSE(aaaa("dns.example.com", none()));
    EXPECT_THAT(addresses(kHost), ElementsAre("[fd00::1]:53"));
}

TEST_F(Following, AddressesThatNobodyCanAskAreLeftOut) {
    sources.want({host("dns.example.com")}, now);
    EXPECT_FALSE(a("dns.example.com", found({"0.0.0.0", "224.0.0.1", "255.255.255.255"})));
    EXPECT_FALSE(aaaa("dns.example.com", found({"::", "ff02::1", "fe80::1"})));
    EXPECT_EQ(sources.table().at(kHost).error, "dns.example.com: no address that can be asked");
    EXPECT_TRUE(a("dns.example.com", found({"0.0.0.0", "127.0.0.1", "10.0.0.1"})));
    EXPECT_THAT(addresses(kHost), ElementsAre("10.0.0.1:53", "127.0.0.1:53"));
}

TEST_F(Following, ASetIsBoundedInStableOrderAndToldOnce) {
    std::vector<std::string> many;
    for (int i = 0; i < 100; ++i) many.push_back("10.0.0." + std::to_string(i));
    sources.want({host("dns.example.com")}, now);
    EXPECT_TRUE(a("dns.example.com", found(many)));
    EXPECT_EQ(sources.table().at(kHost).addresses.size(), discovery::kSourceAddressesMax);
    EXPECT_EQ(addresses(kHost).back(), "10.0.0.63:53");
    EXPECT_THAT(events(), ElementsAre(EventKind::cut, EventKind::changed));
    EXPECT_EQ(last[0].why, "100");
    std::reverse(many.begin(), many.end());
    EXPECT_FALSE(a("dns.example.com", found(many)));
    EXPECT_THAT(events(), IsEmpty());
    many.resize(50);
    EXPECT_TRUE(a("dns.example.com", found(many)));
    EXPECT_EQ(sources.table().at(kHost).addresses.size(), 50u);
}

TEST_F(Following, AServiceLeadsToItsTargetsWithTheirPorts) {
    sources.want({srv("_DNS._udp.example.com")}, now);
    EXPECT_FALSE(answer(kService, LookupType::srv,
                        targets({{10, 53, "a.example.com"},
                                 {10, 5353, "b.example.com"},
                                 {20, 53, "backup.example.com"}})));
    EXPECT_TRUE(a("a.example.com", found({"10.0.0.1"})));
    EXPECT_TRUE(a("b.example.com", found({"10.0.0.1", "10.0.0.2"})));
    EXPECT_FALSE(a("backup.example.com", found({"10.0.0.9"})));
    EXPECT_THAT(addresses("srv:_DNS._udp.example.com"),
                ElementsAre("10.0.0.1:53", "10.0.0.1:5353", "10.0.0.2:5353"));
}

TEST_F(Following, TargetsOfAHigherNumberAreUsedWhileNoOtherHasAnAddress) {
    sources.want({srv(kService)}, now);
    answer(kService, LookupType::srv,
           targets({{10, 53, "a.example.com"}, {20, 53, "backup.example.com"}}));
    EXPECT_FALSE(a("backup.example.com", found({"10.0.0.9"}))) << "a may still answer";
    a("a.example.com", no_reply());
    EXPECT_TRUE(aaaa("a.example.com", no_reply()));
    EXPECT_THAT(addresses(kSrv), ElementsAre("10.0.0.9:53"));
    EXPECT_TRUE(a("a.example.com", found({"10.0.0.1"})));
    EXPECT_THAT(addresses(kSrv), ElementsAre("10.0.0.1:53"));
    // What was found once stays, so there is no way back to the other.
    EXPECT_FALSE(a("a.example.com", none()));
    EXPECT_THAT(addresses(kSrv), ElementsAre("10.0.0.1:53"));
}

TEST_F(Following, AServiceThatMovesKeepsTheOldTargetUntilTheNewOneIsKnown) {
    sources.want({srv(kService)}, now);
    answer(kService, LookupType::srv, targets({{10, 53, "a.example.com"}}));
    a("a.example.com", found({"10.0.0.1"}));
    events();
    EXPECT_FALSE(answer(kService, LookupType::srv, targets({{10, 53, "b.example.com"}})));
    EXPECT_FALSE(aaaa("b.example.com", none()));
    EXPECT_THAT(addresses(kSrv), ElementsAre("10.0.0.1:53"));
    EXPECT_TRUE(a("b.example.com", found({"10.0.0.2"})));
    EXPECT_THAT(addresses(kSrv), ElementsAre("10.0.0.2:53"));
    EXPECT_THAT(events(), ElementsAre(EventKind::changed));
    // An answer without targets keeps those there are.
    EXPECT_FALSE(answer(kService, LookupType::srv, none("no such name")));
    EXPECT_THAT(addresses(kSrv), ElementsAre("10.0.0.2:53"));
    EXPECT_EQ(sources.table().at(kSrv).error, kService + ": SRV: no such name");
    EXPECT_TRUE(a("b.example.com", found({"10.0.0.3"}))) << "and they are followed on";
}

TEST_F(Following, TwoItemsShareTheQuestionsOfOneName) {
    sources.want({host("dns.example.com"), host("dns.example.com", 5353)}, now);
    EXPECT_TRUE(a("dns.example.com", found({"10.0.0.1"})));
    EXPECT_THAT(addresses(kHost), ElementsAre("10.0.0.1:53"));
    EXPECT_THAT(addresses("dns.example.com:5353"), ElementsAre("10.0.0.1:5353"));
    // A third one is there at once.
    sources.want({host("dns.example.com"), host("DNS.example.com", 54)}, now);
    EXPECT_THAT(addresses("DNS.example.com:54"), ElementsAre("10.0.0.1:54"));
    EXPECT_EQ(sources.table().count("dns.example.com:5353"), 0u);
}

TEST_F(Following, AReloadKeepsSetsAndAsksAgainForWhatFailed) {
    sources.want({host("dns.example.com"), host("other.example.com")}, now);
    a("dns.example.com", found({"10.0.0.1"}));
    aaaa("dns.example.com", found({"fd00::1"}));
    a("other.example.com", no_reply());
    aaaa("other.example.com", found({"fd00::2"}));
    EXPECT_FALSE(sources.take(now));
    sources.want({host("dns.example.com"), host("other.example.com")}, now);
    EXPECT_THAT(addresses(kHost), ElementsAre("10.0.0.1:53", "[fd00::1]:53"));
    const auto due = sources.take(now);
    ASSERT_TRUE(due);
    EXPECT_EQ(due->question, (NameQuestion{"other.example.com", LookupType::a}));
    EXPECT_FALSE(sources.take(now));
}

TEST_F(Following, FailuresAreToldOnceAMinuteAndTheirEndToo) {
    sources.want({host("dns.example.com")}, now);
    a("dns.example.com", found({"10.0.0.1"}));
    const Time good_at = now;
    aaaa("dns.example.com", none());
    events();
    a("dns.example.com", no_reply());
    ASSERT_THAT(events(), ElementsAre(EventKind::failing));
    EXPECT_EQ(last[0].why, "dns.example.com: A: no reply in time, AAAA: none");
    EXPECT_EQ(last[0].kept, 1u);
    EXPECT_EQ(last[0].good_at, good_at);
    for (int i = 0; i < 5; ++i) {
        now += Seconds(2);
        for (auto due = sources.take(now); due; due = sources.take(now))
            sources.done(due->question, no_reply(), now, 0);
    }
    EXPECT_THAT(events(), IsEmpty());
    a("dns.example.com", found({"10.0.0.1"}));
    EXPECT_THAT(events(), ElementsAre(EventKind::recovered));
}

TEST_F(Following, DoubtAboutAServiceConcernsItsTargetsToo) {
    sources.want({srv(kService), host("dns.example.com"), file("f")}, now);
    answer(kService, LookupType::srv, targets({{10, 53, "a.example.com"}}));
    for (const std::string name : {"a.example.com", "dns.example.com"}) {
        a(name, found({"10.0.0.1"}));
        aaaa(name, found({"fd00::1"}));
    }
    now += Seconds(6);
    ASSERT_FALSE(sources.take(now));
    sources.recheck(kSrv, now);
    sources.recheck("resolv.conf:f", now);
    sources.recheck("nobody", now);
    std::set<NameQuestion> asked;
    while (const auto due = sources.take(now)) asked.insert(due->question);
    EXPECT_THAT(asked, ElementsAre(NameQuestion{kService, LookupType::srv},
                                   NameQuestion{"a.example.com", LookupType::a},
                                   NameQuestion{"a.example.com", LookupType::aaaa}));
}

TEST_F(Following, AFileIsASourceToo) {
    sources.want({file("/etc/resolv.conf"), file("/etc/resolv.conf"), file("other")}, now);
    EXPECT_THAT(sources.files(), UnorderedElementsAre("/etc/resolv.conf", "other"));
    const std::string source = "resolv.conf:/etc/resolv.conf";
    const auto parse = [](const std::string& text) {
        return SocketAddress::parse(text, 53).value();
    };
    EXPECT_TRUE(sources.file_read(
        "/etc/resolv.conf", std::vector<SocketAddress>{parse("10.0.0.2"), parse("10.0.0.1")}, now));
    EXPECT_THAT(addresses(source), ElementsAre("10.0.0.2:53", "10.0.0.1:53"))
        << "in the file's order";
    events();
    EXPECT_FALSE(sources.file_read("/etc/resolv.conf", fail("cannot read it"), now));
    EXPECT_THAT(addresses(source), ElementsAre("10.0.0.2:53", "10.0.0.1:53"));
    EXPECT_EQ(sources.table().at(source).error, "cannot read it");
    EXPECT_THAT(events(), ElementsAre(EventKind::failing));
    EXPECT_THAT(addresses("resolv.conf:other"), IsEmpty());
}

}  // namespace
}  // namespace peerzone::discovery
