// peers.*.expect: what is read, what is no expectation, and peers that it does not tell apart.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "peerzone/dns/types.hpp"
#include "unit/config/config_support.hpp"

namespace peerzone::config {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::string peer(const std::string& name, const std::string& expect) {
    return "  " + name + ":\n    zones: [" + name + ".test]\n    endpoints: [10.2.0.10]\n" +
           "    expect: " + expect + "\n";
}
std::string one(const std::string& expect) {
    return "peers:\n" + peer("west", expect);
}
std::vector<std::string> read(const std::string& yaml) {
    const Loaded loaded = load_text(yaml, "pz.yaml");
    EXPECT_THAT(problem_lines(loaded), IsEmpty());
    std::vector<std::string> texts;
    if (loaded.config)
        for (const auto& peer : loaded.config->peers)
            for (const auto& expectation : peer.expect)
                texts.push_back(expectation.name.to_text() + " " +
                                dns::type_text(expectation.type()) + " " +
                                upstream::expected_text(expectation.answer));
    return texts;
}
std::vector<std::string> wrong(const std::string& expect) {
    const std::string place = "pz.yaml:5:";
    std::vector<std::string> lines = problem_lines(one(expect));
    for (std::string& line : lines)
        if (line.starts_with(place)) line = line.substr(place.size());
    return lines;
}
std::vector<std::string> warnings(const std::string& yaml) {
    const Loaded loaded = load_text(yaml, "pz.yaml");
    EXPECT_TRUE(loaded.config.has_value());
    std::vector<std::string> lines;
    for (const Problem& warning : loaded.warnings) lines.push_back(warning.to_text());
    return lines;
}

TEST(Expect, EachKindOfAnswer) {
    EXPECT_THAT(
        read(one("{cluster-id.kube-system.svc: westus., a.svc: 10.2.0.10, b.svc: "
                 "10.2.0.0/16, c.svc: \"fd00:2::/64\", d.svc: txt:westus, e.svc: \"txt:a "
                 "b.\"}")),
        ElementsAre("cluster-id.kube-system.svc.cluster.local CNAME westus.",
                    "a.svc.cluster.local A 10.2.0.10", "b.svc.cluster.local A 10.2.0.0/16",
                    "c.svc.cluster.local AAAA fd00:2::/64", "d.svc.cluster.local TXT txt:westus",
                    "e.svc.cluster.local TXT txt:a b."));
}

TEST(Expect, NamesAreBelowTheClustersZoneUnlessTheyEndWithADot) {
    EXPECT_THAT(read("cluster: {zone: k8s.corp}\n" + one("{id.svc: w., id.example.com.: w.}")),
                ElementsAre("id.svc.k8s.corp CNAME w.", "id.example.com CNAME w."));
    EXPECT_THAT(read(one("{id.svc: w., ID.svc.cluster.local.: 10.2.0.1}")),
                ElementsAre("id.svc.cluster.local CNAME w.", "id.svc.cluster.local A 10.2.0.1"))
        << "two types of one name";
    EXPECT_THAT(read("peers: {w: {expect: {id.svc: w.}, endpoints: [10.2.0.10], alias: {here: "
                     "w.internal, there: k8s.west}}}\n"),
                ElementsAre("id.svc.k8s.west CNAME w."))
        << "as the peer calls it";
}

TEST(Expect, WhatIsNoExpectation) {
    EXPECT_THAT(wrong("{}"),
                ElementsAre("13: peers.west.expect: nothing is expected (hint: such as "
                            "{cluster-id.kube-system.svc: westus.}, or remove the "
                            "key)"));
    EXPECT_THAT(wrong(""), ElementsAre("5: peers.west.expect: nothing is expected (hint: such as "
                                       "{cluster-id.kube-system.svc: westus.}, or remove the "
                                       "key)"));
    EXPECT_THAT(wrong("westus."), ElementsAre("13: peers.west.expect: a mapping is expected, not a "
                                              "text (hint: write 'key: value' lines below it)"));
    EXPECT_THAT(wrong("{a.svc: w., A.svc.cluster.local.: v.}"),
                ElementsAre("25: peers.west.expect.\"A.svc.cluster.local.\": "
                            "'a.svc.cluster.local' is expected twice"));
    EXPECT_THAT(wrong("{a.svc: [w.]}"),
                ElementsAre("21: peers.west.expect.\"a.svc\": a text is expected, not a list "
                            "(hint: a text that starts with '[' needs quotes, such as "
                            "\"[::1]:53\")"));
    std::string many = "{";
    for (int i = 0; i < 9; ++i) many += "a" + std::to_string(i) + ".svc: w., ";
    EXPECT_THAT(wrong(many + "}"), ElementsAre("13: peers.west.expect: more than 8 names"));
}

TEST(Expect, NamesThatCannotBeAskedFor) {
    EXPECT_THAT(wrong("{.: w.}"),
                ElementsAre("14: peers.west.expect.\".\": the root tells no cluster from another "
                            "(hint: a name such as cluster-id.kube-system.svc)"));
    EXPECT_THAT(wrong("{\"a b\": w.}"),
                ElementsAre("14: peers.west.expect.\"a b\": 'a b' is not a domain name (hint: "
                            "letters, digits, '-' and '_' between dots)"));
    EXPECT_THAT(
        wrong("{\"*.svc\": w.}"),
        ElementsAre("14: peers.west.expect.\"*.svc\": '*.svc' is not a domain name (hint: a "
                    "zone holds every name below it: write it without the '*.')"));
    const std::string label(60, 'x');
    const std::string name = label + "." + label + "." + label + "." + label;
    const auto lines = wrong("{" + name + ": w.}");
    ASSERT_EQ(lines.size(), 1u);
    EXPECT_THAT(lines[0], testing::HasSubstr("below the peer's own zone is too long for a name "
                                             "(hint: 253 octets in all)"));
}

TEST(Expect, AnswersThatAreNone) {
    const auto answer = [](const std::string& text) { return wrong("{a.svc: \"" + text + "\"}"); };
    const std::string place = "21: peers.west.expect.\"a.svc\": ";
    EXPECT_THAT(
        answer("westus"),
        ElementsAre(place + "'westus' is no answer that can be expected (hint: write 'westus.' for "
                            "the target of an alias, or 'txt:westus' for a text)"));
    EXPECT_THAT(
        answer("west us"),
        ElementsAre(place +
                    "'west us' is no answer that can be expected (hint: an address, a "
                    "prefix, the target of an alias with a final dot, or txt: and a text)"));
    EXPECT_THAT(answer(""),
                ElementsAre(place + "'' is no answer that can be expected (hint: an address, a "
                                    "prefix, the target of an alias with a final dot, or txt: "
                                    "and a text)"));
    EXPECT_THAT(answer("."),
                ElementsAre(place + "'.' is no answer that can be expected (hint: the target "
                                    "of an alias, such as westus.)"));
    EXPECT_THAT(
        answer("10.2.0.10."),
        ElementsAre(place + "'10.2.0.10.' is no answer that can be expected (hint: did you mean "
                            "'10.2.0.10'?)"));
    EXPECT_THAT(
        answer("a..b."),
        ElementsAre(place + "'a..b.' is not a domain name (hint: labels of 1 to 63 octets between "
                            "dots, 253 octets in all)"));
    EXPECT_THAT(
        answer("10.2.0.300"),
        ElementsAre(place + "'10.2.0.300' is not an IP address (hint: such as 10.1.0.0/16 or "
                            "fd00:1::/64)"));
    EXPECT_THAT(
        answer("10.2.0.1/16"),
        ElementsAre(place + "'10.2.0.1/16' has bits set behind its prefix length (hint: write "
                            "10.2.0.0/16)"));
    EXPECT_THAT(
        answer("txt:"),
        ElementsAre(place +
                    "'txt:' is no answer that can be expected (hint: 1 to 255 octets behind "
                    "txt:)"));
    EXPECT_EQ(answer("txt:" + std::string(256, 'x')).size(), 1u);
    EXPECT_EQ(answer("10.2.0.10:53").size(), 1u);
    EXPECT_EQ(answer("fd00::zz").size(), 1u);
}

TEST(Expect, PeersThatItDoesNotTellApart) {
    const auto two = [](const std::string& west, const std::string& north) {
        return warnings("peers:\n" + peer("west", west) + peer("north", north));
    };
    const std::string place =
        "pz.yaml:9:5: warning: peers.north.expect: endpoints of this peer cannot be told from "
        "those of peers.west.expect (line 5) (hint: expect an answer that no other cluster gives)";
    EXPECT_THAT(two("{id.svc: k8s.}", "{ID.svc: K8S.}"), ElementsAre(place));
    EXPECT_THAT(two("{id.svc: 10.0.0.0/8}", "{id.svc: 10.2.0.0/16}"), ElementsAre(place));
    EXPECT_THAT(two("{id.svc: 10.2.0.7}", "{id.svc: 10.2.0.0/16}"), ElementsAre(place));
    EXPECT_THAT(two("{id.svc: a., region.svc: w.}", "{region.svc: w.}"), ElementsAre(place))
        << "whatever is an endpoint of west would do for north";
    EXPECT_THAT(two("{id.svc: txt:a}", "{id.svc: txt:a, x.svc: w.}"), ElementsAre(place));
    EXPECT_THAT(two("{id.svc: west.}", "{id.svc: north.}"), IsEmpty());
    EXPECT_THAT(two("{id.svc: west.}", "{name.svc: west.}"), IsEmpty());
    EXPECT_THAT(two("{id.svc: txt:A}", "{id.svc: txt:a}"), IsEmpty());
    EXPECT_THAT(two("{id.svc: 10.2.0.0/16}", "{id.svc: \"fd00::/8\"}"), IsEmpty());
    EXPECT_THAT(two("{id.svc: a., region.svc: w.}", "{id.svc: b., region.svc: w.}"), IsEmpty())
        << "another name tells them apart";
}

}  // namespace
}  // namespace peerzone::config
