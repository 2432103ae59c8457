// Names that ask about the server, and what they ask.
#include "resolver/inquiry.hpp"

#include <gtest/gtest.h>

#include "support/integration_client.hpp"

namespace peerzone::resolver {
namespace {

namespace type = dns::type;
using Of = Inquiry::Of;

dns::Name name(const std::string& text) {
    return dns::Name::from_text(text).value().folded();
}
bool is_explain(const std::string& text) {
    return is_explain_name(name(text).wire());
}
Inquiry read(const std::string& text, bool is_chaos = false) {
    return read_inquiry(name(text).wire(), is_chaos);
}
std::string wrong(const std::string& text, bool is_chaos = false) {
    const Inquiry inquiry = read(text, is_chaos);
    return inquiry.wrong.empty() ? "" : inquiry.wrong.front().text;
}
// "TYPE NAME@VIEW"
std::string understood(const std::string& text, bool is_chaos = false) {
    const Inquiry inquiry = read(text, is_chaos);
    if (!inquiry.wrong.empty()) return "error: " + inquiry.wrong.front().text;
    return (inquiry.type ? dns::type_text(*inquiry.type) + " " : "") + inquiry.name.to_text() +
           (inquiry.view.empty() ? "" : "@" + inquiry.view);
}

TEST(Inquiry, KnowsItsNames) {
    for (const char* text :
         {"_explain", "_explain.db.westus", "_EXPLAIN.db.westus", "_aaaa._explain.db.westus",
          "_view.office._explain.db", "_view.a.b._explain.db", "_view.office._aaaa._explain.db",
          "_foo._explain.db", "db.westus._explain.peerzone.internal", "_explain.peerzone.internal",
          "_explain._explain.db"})
        EXPECT_TRUE(is_explain(text)) << text;
    for (const char* text :
         {".", "db", "explain.db", "db._explain.westus", "_dmarc.example.com", "_tcp.db",
          "_grpc._tcp.db.westus", "_acme-challenge.example.com", "_view.office.db", "_view",
          "_explainx.db", "x_explain.db", "db._explain.peerzone.internal.org",
          "db.explain.peerzone.internal", "a._tcp._explain.db"})
        EXPECT_FALSE(is_explain(text)) << text;
}

TEST(Inquiry, OctetsInsideOfALabelAreNoSuffix) {
    EXPECT_FALSE(is_explain("\\007x\\008_explain\\008peerzone\\008internal"));
    EXPECT_FALSE(is_explain("a.b.x\\008_explain.peerzone.internal"));
}

TEST(Inquiry, TheNameBehindIsExplained) {
    EXPECT_EQ(understood("_explain.DB.westus"), "db.westus");
    EXPECT_EQ(understood("_explain"), ".");
    EXPECT_EQ(understood("_aaaa._explain.db.westus"), "AAAA db.westus");
    EXPECT_EQ(understood("_type65._explain.db.westus"), "HTTPS db.westus");
    EXPECT_EQ(understood("_view.Office._explain.db"), "db@office");
    EXPECT_EQ(understood("_view.office.two._explain.db"), "db@office.two");
    EXPECT_EQ(understood("_view.office._srv._explain.db"), "SRV db@office");
    EXPECT_EQ(understood("_srv._view.office._explain.db"), "SRV db@office");
    EXPECT_EQ(understood("_explain._grpc._tcp.db"), "_grpc._tcp.db");
    EXPECT_EQ(understood("_explain.peerzone.internal"), "peerzone.internal");
}

TEST(Inquiry, OrTheNameInFront) {
    EXPECT_EQ(understood("db.westus._explain.peerzone.internal"), "db.westus");
    EXPECT_EQ(understood("db.westus._aaaa._explain.peerzone.internal"), "AAAA db.westus");
    EXPECT_EQ(understood("db.westus._view.office._explain.peerzone.internal"), "db.westus@office");
    EXPECT_EQ(understood("db.westus._view.office._aaaa._explain.peerzone.internal"),
              "AAAA db.westus@office");
    EXPECT_EQ(understood("db.westus._aaaa._view.office._explain.peerzone.internal"),
              "AAAA db.westus@office");
    EXPECT_EQ(understood("_aaaa.db.westus._explain.peerzone.internal"), "AAAA db.westus");
    EXPECT_EQ(understood("_view.office._mx.db.westus._explain.peerzone.internal"),
              "MX db.westus@office");
    EXPECT_EQ(understood("_grpc._tcp.db._explain.peerzone.internal"), "_grpc._tcp.db")
        << "no type is called so";
}

TEST(Inquiry, SaysWhatIsWrong) {
    EXPECT_EQ(wrong("_foo._explain.db"), "'_foo' is no prefix");
    EXPECT_EQ(wrong("db._foo._explain.peerzone.internal"), "'_foo' is no prefix");
    EXPECT_EQ(wrong("_a._aaaa._explain.db"), "two types: A and AAAA");
    EXPECT_EQ(wrong("_view.a._view.b._explain.db"), "two views: a and b");
    EXPECT_EQ(wrong("_view._explain.db"), "_view needs a name behind it");
    EXPECT_EQ(wrong("db._view._explain.peerzone.internal"), "_view needs a name behind it");
    EXPECT_EQ(wrong("_explain._explain.db"), "an explanation has none of its own: _explain.db");
    EXPECT_EQ(wrong("_explain._aaaa._explain.db"),
              "an explanation has none of its own: _aaaa._explain.db");
    EXPECT_EQ(wrong("_explain.db._explain.peerzone.internal"),
              "an explanation has none of its own: db._explain.peerzone.internal");
    EXPECT_EQ(wrong("_explain.x._explain.y._explain.peerzone.internal"),
              "an explanation has none of its own: x._explain.y._explain.peerzone.internal");
    EXPECT_EQ(wrong("_a\\000b._explain.db"), "'_a?b' is no prefix");
}

TEST(Inquiry, ClassChHasNamesOfItsOwn) {
    EXPECT_EQ(read("peers.peerzone", true).of, Of::peers);
    EXPECT_EQ(read("Config.PEERZONE", true).of, Of::config);
    EXPECT_EQ(read("version.bind", true).of, Of::version);
    EXPECT_EQ(read("version.server", true).of, Of::version);
    EXPECT_EQ(read("hostname.bind", true).of, Of::host);
    EXPECT_EQ(read("id.server", true).of, Of::id);
    EXPECT_EQ(understood("db.westus", true), "db.westus");
    EXPECT_EQ(understood("_grpc._tcp.db", true), "_grpc._tcp.db");
    EXPECT_EQ(understood("_aaaa._explain.db.westus", true), "AAAA db.westus");
    EXPECT_EQ(understood(".", true), ".");
    EXPECT_EQ(wrong("peer.peerzone", true), "there is no peer.peerzone");
    EXPECT_EQ(wrong("_explain._explain.db", true),
              "an explanation has none of its own: _explain.db");
}

TEST(Inquiry, TheUsualTypeIsThatOfTheName) {
    EXPECT_EQ(usual_type(name("db.westus")), type::a);
    EXPECT_EQ(usual_type(name(".")), type::a);
    EXPECT_EQ(usual_type(name("_grpc._tcp.db.westus")), type::srv);
    EXPECT_EQ(usual_type(name("1.2.0.10.in-addr.arpa")), type::ptr);
    EXPECT_EQ(usual_type(name("1.0.ip6.arpa")), type::ptr);
    EXPECT_EQ(usual_type(name("in-addr.arpa.example")), type::a);
}

// Whatever is asked, of however many labels: no reading outside, and what is understood is a name.
TEST(Inquiry, AnyNameIsRead) {
    std::uint32_t state = 1;
    const auto random = [&](std::uint32_t below) {
        state = state * 1664525u + 1013904223u;
        return (state >> 8) % below;
    };
    const std::string words[] = {"_explain", "_view", "_aaaa", "_a", "peerzone", "internal", "x",
                                 "office",   "_foo",  "db",    "_",  "\\008",    "westus"};
    for (int i = 0; i < 20'000; ++i) {
        std::string text;
        const std::uint32_t labels = 1 + random(12);
        for (std::uint32_t l = 0; l < labels; ++l)
            text += (l == 0 ? "" : ".") + words[random(std::size(words))];
        if (random(2) == 0) text += "._explain.peerzone.internal";
        const dns::Name n = name(text);
        const bool is_ours = is_explain_name(n.wire());
        for (const bool is_chaos : {false, true}) {
            if (!is_ours && !is_chaos) continue;
            const Inquiry inquiry = read_inquiry(n.wire(), is_chaos);
            EXPECT_LE(inquiry.name.size(), n.size()) << text;
            if (inquiry.wrong.empty() && inquiry.of == Of::name) {
                EXPECT_FALSE(is_explain_name(inquiry.name.wire())) << text;
            }
        }
    }
}

}  // namespace
}  // namespace peerzone::resolver
