// What people are told of a name that nobody here has.
#include "resolver/denial_text.hpp"

#include <gtest/gtest.h>

#include <string>

#include "support/dns_wire.hpp"

namespace peerzone::resolver {
namespace {

using peerzone::testing::name;

struct DenialText : ::testing::Test {
    view::View view;
    EdeText text;
    DenialText() {
        for (const char* suffix : {"westus.svc.cluster.local", "northeurope.svc.cluster.local",
                                   "westus.internal", "corp.internal"})
            view.suffixes.push_back(name(suffix));
    }
    std::string special(const std::string& origin, const std::string& asked) {
        const view::Route route{.suffix = name(origin), .built_in = true};
        return std::string(describe_special(text, view, route, name(asked).wire()));
    }
    std::string unrouted(const std::string& asked) {
        return std::string(describe_unrouted(text, view, name(asked).wire()));
    }
};

TEST_F(DenialText, TheNearestSuffixOfAMistypedName) {
    EXPECT_EQ(special("cluster.local", "db.westuss.svc.cluster.local"),
              "no peer or zone has db.westuss.svc.cluster.local; did you mean "
              "westus.svc.cluster.local?");
    EXPECT_EQ(unrouted("db.svc.wetsus.internal"),
              "no zone, peer or forward for db.svc.wetsus.internal; did you mean westus.internal?");
    EXPECT_EQ(special("cluster.local", "westus.scv.cluster.local"),
              "no peer or zone has westus.scv.cluster.local");
    EXPECT_EQ(special("cluster.local", "southafrica.svc.cluster.local"),
              "no peer or zone has southafrica.svc.cluster.local");
    EXPECT_EQ(unrouted("example.com"), "no zone, peer or forward for example.com");
    EXPECT_EQ(unrouted("."), "no zone, peer or forward for .");
}

TEST_F(DenialText, ANameThatASearchListHasMade) {
    EXPECT_EQ(special("cluster.local", "db.westus.svc.cluster.local.default.svc.cluster.local"),
              "a search list has added default.svc.cluster.local to db.westus.svc.cluster.local");
    EXPECT_EQ(special("cluster.local", "a.b.svc.cluster.local.svc.cluster.local"),
              "a search list has added svc.cluster.local to a.b.svc.cluster.local");
    EXPECT_EQ(unrouted("www.corp.internal.eu-west-1.compute.internal"),
              "a search list has added eu-west-1.compute.internal to www.corp.internal");
}

TEST_F(DenialText, SpecialUseNames) {
    EXPECT_EQ(special("invalid", "x.invalid"),
              "invalid is a special-use name, never forwarded (RFC 6761)");
    EXPECT_EQ(special("local", "printer.local"),
              ".local is never forwarded (RFC 6762), and no peer or zone has printer.local");
    EXPECT_EQ(special("10.in-addr.arpa", "5.0.9.10.in-addr.arpa"),
              "private addresses that no cluster has (pods, services, reverse): 10.in-addr.arpa");
}

TEST_F(DenialText, NamesOfAnyOctetsAndLengthFit) {
    std::string longest;
    for (int i = 0; i < 3; ++i) longest += std::string(63, 'a') + ".";
    longest += std::string(61, 'b');
    const dns::Name asked = name(longest);
    const dns::Name odd = dns::Name::from_text("\\000\\255\\\".westuss.svc.cluster.local").value();
    EXPECT_LE(describe_unrouted(text, view, asked.wire()).size(), 256u);
    EXPECT_TRUE(describe_unrouted(text, view, odd.wire()).starts_with(
        "no zone, peer or forward for ??\".westuss"));
}

}  // namespace
}  // namespace peerzone::resolver
