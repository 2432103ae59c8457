// What an observer is told of each reply.
#include "support/resolver_fixture.hpp"

namespace peerzone::resolver {
namespace {

namespace type = dns::type;

struct Seen {
    Source source;
    dns::Rcode rcode;
    int error;
    std::string text;
    std::string view;
    std::string upstream;
    std::size_t size;
    Duration duration;
    std::string client;
    std::string name;
};

struct Watching final : ReplyObserver {
    void on_reply(const Request& request, const ReplyNote& note) noexcept override {
        seen.push_back({.source = note.source,
                        .rcode = note.rcode,
                        .error = note.error != nullptr ? note.error->code : -1,
                        .text = note.error != nullptr ? std::string(note.error->text) : "",
                        .view = note.view != nullptr ? note.view->name : "",
                        .upstream = note.upstream != nullptr ? note.upstream->label : "",
                        .size = note.size,
                        .duration = note.duration,
                        .client = request.client.to_text(),
                        .name = dns::name_text(request.query.name())});
    }
    std::vector<Seen> seen;
};

struct Observed : ::testing::Test, test::Setup {
    Watching watching;
    Observed() {
        add_zone("corp.internal", {"db A 10.0.0.5", "west CNAME db.westus."});
        add_upstream("westus", "peer=westus");
        publish();
        resolver.observe(&watching);
    }
    const Seen& last() const { return watching.seen.back(); }
};

TEST_F(Observed, RepliesAtOnceSayWhereTheyCameFrom) {
    const auto reply = ask("db.corp.internal", type::a);
    EXPECT_EQ(last().source, Source::zone);
    EXPECT_EQ(last().rcode, dns::Rcode::noerror);
    EXPECT_EQ(last().view, "pods");
    EXPECT_EQ(last().upstream, "");
    EXPECT_EQ(last().size, reply.raw.size());
    EXPECT_EQ(last().client, "10.1.0.9");
    EXPECT_EQ(last().name, "db.corp.internal");
    ask("nix.corp.internal", type::a);
    EXPECT_EQ(last().rcode, dns::Rcode::nxdomain);
    know("db.westus", type::a, {"10.2.0.1"});
    ask("db.westus", type::a);
    EXPECT_EQ(last().source, Source::cache);
    EXPECT_EQ(last().upstream, "peer=westus");
    EXPECT_EQ(last().error, -1);
    EXPECT_EQ(last().duration, Duration::zero());
    know_failure("bad.westus", type::a, "peer=westus down");
    ask("bad.westus", type::a);
    EXPECT_EQ(last().source, Source::cache);
    EXPECT_EQ(last().rcode, dns::Rcode::servfail);
    EXPECT_EQ(last().error, dns::ede::cached_error);
    EXPECT_EQ(last().text, "retry in 1s: peer=westus down");
    EXPECT_EQ(watching.seen.size(), 4u);
}

TEST_F(Observed, RefusalsHaveNoSource) {
    ask("www.example.com", type::a, {.edns = std::nullopt});
    EXPECT_EQ(last().source, Source::none);
    EXPECT_EQ(last().rcode, dns::Rcode::refused);
    EXPECT_EQ(last().error, dns::ede::not_authoritative) << "though the client cannot see it";
    ask("new.westus", type::a, {.recursion = false});
    EXPECT_EQ(last().source, Source::none);
    client_ip = "192.0.2.1";
    ask("db.corp.internal", type::a);
    EXPECT_EQ(last().error, dns::ede::prohibited);
    EXPECT_EQ(last().view, "");
    ask(test::Octets{1, 2, 3});
    EXPECT_EQ(watching.seen.size(), 3u) << "what is dropped gets no reply";
}

TEST_F(Observed, WhoWaitedIsToldOfWithItsTime) {
    ask("db.westus", type::a);
    EXPECT_TRUE(watching.seen.empty());
    const auto failed = ask_later();
    ASSERT_EQ(watching.seen.size(), 1u);
    EXPECT_EQ(last().source, Source::upstream);
    EXPECT_EQ(last().upstream, "peer=westus");
    EXPECT_EQ(last().error, 22);
    EXPECT_EQ(last().size, failed.raw.size());
    EXPECT_GE(last().duration, Duration::zero());
    know("db.westus", type::a, {"10.2.0.1"});
    ask("west.corp.internal", type::a);
    ask_later();
    EXPECT_EQ(last().source, Source::cache) << "the end of the alias";
    EXPECT_EQ(watching.seen.size(), 2u);
}

TEST_F(Observed, NobodyIsToldAfterwards) {
    resolver.observe(nullptr);
    ask("db.corp.internal", type::a);
    EXPECT_TRUE(watching.seen.empty());
}

}  // namespace
}  // namespace peerzone::resolver
