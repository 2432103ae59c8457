// An explanation and the answer never disagree, and looking changes nothing: thousands of random
// questions, states and moments, each explained before it is asked.
#include <gtest/gtest.h>

#include <array>
#include <boost/asio/ip/udp.hpp>
#include <map>
#include <random>

#include "peerzone/base/log.hpp"
#include "support/explain_reply.hpp"
#include "support/resolver_fixture.hpp"

namespace peerzone::resolver {
namespace {

using itest::said;
using test::name;
using test::Reply;
namespace type = dns::type;
using upstream::UpstreamState;

constexpr upstream::WallTime kTenOClock =
    std::chrono::sys_days(std::chrono::year(2026) / 1 / 31) + std::chrono::hours(10);
constexpr int kSteps = 1200;

// Thousands of failures are no news here.
struct QuietLog {
    QuietLog() { log::configure({.level = log::Level::error}); }
    ~QuietLog() { log::configure({}); }
    QuietLog(const QuietLog&) = delete;
    QuietLog& operator=(const QuietLog&) = delete;
};

struct Watching final : ReplyObserver {
    void on_reply(const Request&, const ReplyNote& note) noexcept override { source = note.source; }
    Source source = Source::none;
};

// Where nothing answers: the address of every endpoint.
std::uint16_t silent_port() {
    using boost::asio::ip::udp;
    static boost::asio::io_context io{1};
    static const udp::socket socket(io, {boost::asio::ip::address_v4::loopback(), 0});
    return socket.local_endpoint().port();
}

// One server, driven by a seed. Two of them with one seed do the same.
struct World : test::Setup {
    std::mt19937 random;
    Watching watching;
    test::Delivered sink;
    std::vector<std::string> names;
    std::string learned;  // last
    std::uint16_t learned_type = 0;

    explicit World(unsigned seed) : random(seed) {
        udp = false;
        now = Time{} + std::chrono::hours(24 * 30);
        add_zone("corp.internal",
                 {"db A 10.0.0.5", "db A 10.0.0.6", "alias CNAME n1.westus.", "two CNAME alias",
                  "far CNAME n2.north.", "out CNAME www.nowhere.", "loop CNAME loop.test.",
                  "sub NS ns.sub", "ns.sub A 10.0.0.7"});
        add_zone("test", {"loop CNAME loop.corp.internal.", "x A 10.0.0.9"});
        add_upstream("westus", "peer=westus");
        add_upstream("north", "peer=north");
        add_upstream("empty", "peer=empty");
        rename("renamed.internal", "cluster.local", 1, 77);
        rename("w", "a-long-suffix-of-a-cluster-far-away.svc.cluster.local", 0, 78);
        for (const std::size_t index : {0u, 1u}) {
            upstream::EndpointSet set;
            for (unsigned i = 1; i <= index + 1; ++i)
                set.endpoints.push_back(std::make_shared<upstream::Endpoint>(
                    SocketAddress{IpAddress::v4(0x7f000001), silent_port(), 0}));
            snapshot->upstreams[index]->board->publish(std::move(set));
        }
        publish();
        resolver.observe(&watching);
        const std::string label(56, 'x');
        names = {"db.corp.internal",
                 "alias.corp.internal",
                 "two.corp.internal",
                 "far.corp.internal",
                 "out.corp.internal",
                 "loop.corp.internal",
                 "x.sub.corp.internal",
                 "nix.corp.internal",
                 "www.nowhere",
                 "n1.renamed.internal",
                 "n2.renamed.internal",
                 "n1.empty",
                 label + "." + label + "." + label + "." + label + ".w"};
        for (const char* zone : {"westus", "north"})
            for (const char* host : {"n1", "n2", "n3", "n4"})
                names.push_back(std::string(host) + "." + zone);
    }
    ~World() { client.shut_down(); }  // those who still wait are answered
    World(const World&) = delete;
    World& operator=(const World&) = delete;

    void rename(const std::string& here, const std::string& there, std::uint16_t index,
                std::uint32_t scope) {
        snapshot->views[0].routes.add(
            {.suffix = name(here),
             .kind = view::Route::Kind::upstream,
             .built_in = false,
             .index = index,
             .scope = scope,
             .renaming = std::make_shared<dns::Renaming>(name(here), name(there))});
    }
    unsigned below(unsigned n) { return static_cast<unsigned>(random()) % n; }
    const std::string& any_name() { return names[below(static_cast<unsigned>(names.size()))]; }
    std::uint16_t any_type() {
        constexpr std::array<std::uint16_t, 4> kTypes{type::a, type::a, type::aaaa, type::srv};
        return kTypes[below(kTypes.size())];
    }
    std::uint32_t scope_of(const std::string& qname) {
        const view::Route* route = snapshot->views[0].routes.find(name(qname).folded().wire());
        return route != nullptr ? route->scope : 0;
    }
    void store(const std::string& qname, std::uint16_t qtype, const test::Setup::Known& how,
               std::uint32_t scope, const std::string& target) {
        const dns::Name n = name(qname).folded();
        test::Octets message(dns::kMessageMax);
        dns::BodyWriter writer(message, message.size(), n.wire());
        writer.add(dns::Section::answer, n.wire(), type::cname, 60, name(target).wire());
        test::Setup::Known known = how;
        known.scope = scope;
        cache.store(key(n, qtype, known),
                    {.body = writer.body(),
                     .info = writer.info(),
                     .rcode = dns::Rcode::noerror,
                     .authentic_data = below(3) == 0,
                     .source = 0,
                     .lifetime = how.lifetime},
                    now);
    }
    // Whatever was known of it.
    void forget(const std::string& qname, std::uint16_t qtype) {
        const dns::Name n = name(qname).folded();
        for (const std::uint32_t scope : {scope_of(qname), kChainScope})
            for (unsigned i = 0; i < 16; ++i)
                cache.erase(key(n, qtype,
                                {.kind = static_cast<cache::Kind>(i % 4),
                                 .scope = scope,
                                 .dnssec_ok = (i & 4) != 0,
                                 .checking_disabled = (i & 8) != 0}));
    }
    // Something is learned.
    void learn() {
        const std::string& qname = learned = any_name();
        const std::uint16_t qtype = learned_type = any_type();
        test::Setup::Known how{.scope = scope_of(qname),
                               .dnssec_ok = below(4) == 0,
                               .checking_disabled = below(6) == 0,
                               .lifetime = Millis(below(20'000))};
        if (below(2) == 0) forget(qname, qtype);
        switch (below(7)) {
            case 0:
            case 1: return know(qname, qtype, {"10.2.0.1", "10.2.0.2"}, how);
            case 2: return know(qname, qtype, {}, how);
            case 3:
                how.kind = cache::Kind::nxdomain;
                how.rcode = dns::Rcode::nxdomain;
                return know(qname, qtype, {}, how);
            case 4:
                cache.store_failure(key(name(qname).folded(), qtype,
                                        {.kind = cache::Kind::failure, .scope = how.scope}),
                                    "peer=westus down", dns::Rcode::servfail, 0, now);
                return;
            case 5:
                how.kind = cache::Kind::chain;
                return store(qname, qtype, how, how.scope, any_name());
            default: return store(qname, qtype, how, kChainScope, any_name());
        }
    }
    void change_state() {
        constexpr std::array<UpstreamState, 6> kStates{
            UpstreamState::healthy,     UpstreamState::suspect,    UpstreamState::partitioned,
            UpstreamState::partitioned, UpstreamState::recovering, UpstreamState::unknown};
        const auto& upstream = snapshot->upstreams[below(3)];
        upstream->health->enter(kStates[below(kStates.size())], now,
                                std::chrono::system_clock::time_point(now.time_since_epoch()));
        upstream->health->hold(below(12) == 0);
        if (below(3) != 0) return;
        const bool is_wrong = below(2) == 0;
        for (const auto set = snapshot->upstreams[1]->set(); const auto& endpoint : set->endpoints)
            is_wrong ? endpoint->identity().note_wrong("another cluster: it says so", kTenOClock)
                     : endpoint->identity().note(upstream::Identity::right);
    }
    itest::Asking any_flags() {
        return {.recursion = below(5) != 0,
                .dnssec_ok = below(5) == 0,
                .flags = below(6) == 0 ? dns::kFlagCd : 0u};
    }

    struct Asked {
        std::string name;
        std::uint16_t type;
        itest::Asking how;
    };
    Asked step() {
        now += Millis(100 + below(below(10) == 0 ? 20'000 : 500));
        for (unsigned i = below(3); i > 0; --i) learn();
        if (below(5) == 0) change_state();
        const bool is_known = !learned.empty() && below(2) == 0;
        const std::string qname = is_known ? learned : any_name();
        const std::uint16_t qtype = is_known ? learned_type : any_type();
        return {qname, qtype, any_flags()};
    }
    Explanation explain(const Asked& asked) {
        itest::Asking how = asked.how;
        how.klass = dns::klass::ch;
        return itest::explanation_of(
            ask("_" + dns::type_text(asked.type) + "._explain." + asked.name, type::txt, how));
    }
    /// What the client gets, if it gets anything within the call.
    Reply reply_to(const Asked& asked) {
        const Reply reply = ask(asked.name, asked.type, asked.how);
        if (outcome != Disposition::deferred) return reply;
        sink.replies.clear();
        resolver.admit(request, {.sink = &sink, .client = {}, .local = {}}, now);
        return sink.replies.empty() ? Reply{} : sink.replies.front();
    }
};

std::string records_text(std::size_t count) {
    return std::to_string(count) + (count == 1 ? " record" : " records");
}

// What an explanation says of such a reply.
std::string told_text(const Reply& reply, Source source) {
    if (!reply.came) return "what it says";
    std::string text = dns::rcode_text(static_cast<dns::Rcode>(reply.rcode())) + ", " +
                       records_text(reply.answers().size());
    const auto ttls = reply.ttls();
    if (!ttls.empty())
        text += ", TTL " + std::to_string(*std::min_element(ttls.begin(), ttls.end()));
    return text + ", from " + std::string(source_text(source));
}

bool tells(const std::string& explained, const std::string& told) {
    return explained == told ||
           (told == "what it says" && explained.ends_with(" says, which is not known yet"));
}

// A reply has no room for more than 240 octets of it.
std::string ede_text(const Reply& reply) {
    return reply.ede() < 0 ? "" : std::to_string(reply.ede()) + ": " + reply.ede_text();
}
bool says_as_much(const std::string& explained, const std::string& told) {
    return explained == told || (told.size() > 230 && explained.starts_with(told));
}

TEST(ExplainAgrees, WithTheNextAnswer) {
    const QuietLog quiet;
    std::map<std::string, int> seen;
    for (const unsigned seed : {1u, 2u, 3u}) {
        World world(seed);
        for (int i = 0; i < kSteps; ++i) {
            const World::Asked asked = world.step();
            const Explanation lines = world.explain(asked);
            const Reply reply = world.reply_to(asked);
            const std::string told = told_text(reply, world.watching.source);
            ASSERT_PRED2(tells, said(lines, "told"), told)
                << asked.name << " " << dns::type_text(asked.type) << " seed " << seed << " step "
                << i << "\n"
                << said(lines, "policy");
            ASSERT_PRED2(says_as_much, said(lines, "ede"), ede_text(reply))
                << asked.name << " step " << i;
            ++seen[told.substr(0, told.find(',')) + " " + told.substr(told.rfind(' ') + 1)];
        }
    }
    for (const char* kind :
         {"NOERROR zone", "NOERROR cache", "NOERROR stale", "NXDOMAIN cache", "NXDOMAIN stale",
          "NXDOMAIN zone", "SERVFAIL cache", "SERVFAIL none", "SERVFAIL upstream", "REFUSED none",
          "YXDOMAIN none", "what it says says"})
        EXPECT_GT(seen[kind], 20) << kind;
}

// The same world twice; in one of them each question is explained before it is asked.
TEST(ExplainAgrees, AndLookingChangesNothing) {
    const QuietLog quiet;
    World looked(7);
    World plain(7);
    for (int i = 0; i < kSteps; ++i) {
        const World::Asked asked = looked.step();
        const World::Asked same = plain.step();
        ASSERT_EQ(asked.name, same.name);
        const std::uint64_t uses = looked.counters.value(metrics::Count::refreshes);
        for (int times = 0; times < 2; ++times) looked.explain(asked);
        EXPECT_EQ(looked.counters.value(metrics::Count::refreshes), uses);
        const Reply one = looked.reply_to(asked);
        const Reply two = plain.reply_to(same);
        ASSERT_EQ(one.raw, two.raw)
            << asked.name << " " << dns::type_text(asked.type) << " step " << i;
    }
    const cache::Stats a = looked.cache.stats();
    const cache::Stats b = plain.cache.stats();
    EXPECT_EQ(a.entries, b.entries);
    EXPECT_EQ(a.stored, b.stored);
    for (std::size_t i = 0; i < looked.snapshot->upstreams.size(); ++i) {
        const auto& of_looked = looked.snapshot->upstreams[i]->health->stats();
        const auto& of_plain = plain.snapshot->upstreams[i]->health->stats();
        EXPECT_EQ(of_looked.stale_answers(), of_plain.stale_answers());
        EXPECT_EQ(of_looked.failed_at_once(), of_plain.failed_at_once());
        EXPECT_EQ(of_looked.in_flight(), of_plain.in_flight());
        EXPECT_EQ(of_looked.shed(), of_plain.shed());
    }
    for (std::size_t c = 0; c < metrics::kCountNames.size(); ++c) {
        const auto count = static_cast<metrics::Count>(c);
        if (count == metrics::Count::explained || count == metrics::Count::answered_zone ||
            count == metrics::Count::explain_limited)
            continue;
        // How many equal questions are in flight at a time, and so go over TCP, depends on when
        // replies come.
        if (count == metrics::Count::upstream_udp_sent ||
            count == metrics::Count::upstream_tcp_sent ||
            count == metrics::Count::upstream_udp_limited)
            continue;
        EXPECT_EQ(looked.counters.value(count), plain.counters.value(count))
            << metrics::kCountNames[c];
    }
}

}  // namespace
}  // namespace peerzone::resolver
