// Replies on their way out: flags, sizes, rotation, counters and what the observer is told.
#include "resolver/reply_writer.hpp"

#include <gmock/gmock.h>

#include "support/resolver_fixture.hpp"

namespace peerzone::resolver {
namespace {

using metrics::Count;
using test::Reply;
using Lines = std::vector<std::string>;
namespace type = dns::type;

struct Noted final : ReplyObserver {
    void on_reply(const Request&, const ReplyNote& note) noexcept override {
        notes.push_back(note);
    }
    std::vector<ReplyNote> notes;
};

struct Writing : ::testing::Test {
    metrics::Counters counters;
    ReplyWriter writer{counters};
    view::View view{.name = "pods", .routes = {}, .recursion_available = true};
    Request request;
    itest::Octets out = itest::Octets(dns::kMessageMax);
    itest::Octets body = itest::Octets(dns::kMessageMax);
    std::size_t size = 0;
    Time now = Clock::now();

    void ask(const itest::Asking& how = {}, bool udp = true) {
        ASSERT_EQ(dns::parse_query(itest::question("db.west.test", type::a, how), request.query),
                  dns::Verdict::ok);
        request.udp = udp;
        writer.begin();
    }
    Reply reply() const {
        return itest::read_reply({out.begin(), out.begin() + static_cast<std::ptrdiff_t>(size)});
    }
    /// So many addresses behind the question, in `into`.
    dns::BodyInfo write(itest::Octets& into, unsigned addresses) {
        dns::BodyWriter made(into, into.size(), request.query.name());
        for (unsigned i = 0; i < addresses; ++i)
            made.add(dns::Section::answer, request.query.name(), type::a, 60,
                     std::array<std::uint8_t, 4>{10, 2, static_cast<std::uint8_t>(i >> 8),
                                                 static_cast<std::uint8_t>(i)});
        return made.info();
    }
    cache::Hit hit(unsigned addresses) {
        cache::Hit found{};
        found.info = write(out, addresses);
        return found;
    }
    Reply deliver(const Answer& answer) {
        test::Delivered sink;
        Waiter waiter{.to = {}, .request = request, .since = now - Millis(5)};
        waiter.to.sink = &sink;
        writer.deliver(waiter, view, answer, body, now);
        return sink.replies.front();
    }
};

TEST_F(Writing, AHitHasRaAndNoAa) {
    ask();
    writer.from_cache(request, view, hit(1), nullptr, {out, size});
    EXPECT_TRUE(reply().flag(dns::kFlagRa));
    EXPECT_FALSE(reply().flag(dns::kFlagAa));
    EXPECT_FALSE(reply().flag(dns::kFlagAd));
    EXPECT_EQ(counters.value(Count::answered_cache), 1u);
    view.recursion_available = false;
    ask();
    writer.from_cache(request, view, hit(1), nullptr, {out, size});
    EXPECT_FALSE(reply().flag(dns::kFlagRa)) << "nobody is asked for this view";
}

TEST_F(Writing, AdIsForThoseWhoCanTellAndNeverOfAStaleAnswer) {
    for (const bool stale : {false, true}) {
        for (const unsigned flags : {0u, unsigned{dns::kFlagAd}}) {
            ask({.flags = flags});
            cache::Hit found = hit(1);
            found.authentic_data = true;
            found.stale = stale;
            writer.from_cache(request, view, found, nullptr, {out, size});
            EXPECT_EQ(reply().flag(dns::kFlagAd), flags != 0 && !stale) << flags << stale;
        }
    }
    ask({.dnssec_ok = true});
    cache::Hit found = hit(1);
    found.authentic_data = true;
    writer.from_cache(request, view, found, nullptr, {out, size});
    EXPECT_TRUE(reply().flag(dns::kFlagAd));
}

TEST_F(Writing, WhyIsTold) {
    const dns::ExtendedError why{dns::ede::stale, "peer=west away"};
    ask();
    cache::Hit found = hit(1);
    writer.from_cache(request, view, found, nullptr, {out, size});
    EXPECT_TRUE(reply().ede_text().empty());
    found = hit(1);
    found.stale = true;
    writer.from_cache(request, view, found, &why, {out, size});
    EXPECT_EQ(reply().ede(), dns::ede::stale);
    EXPECT_EQ(counters.value(Count::answered_stale), 1u);
}

TEST_F(Writing, AddressesTurnByOneEachTime) {
    std::set<std::string> first;
    for (unsigned i = 0; i < 3; ++i) {
        ask();
        writer.from_cache(request, view, hit(3), nullptr, {out, size});
        first.insert(reply().answers().front());
    }
    EXPECT_EQ(first.size(), 3u);
}

TEST_F(Writing, WhatDoesNotFitTheClientIsCutAndCounted) {
    ask({.edns = std::nullopt});
    writer.from_cache(request, view, hit(100), nullptr, {out, size});
    EXPECT_TRUE(reply().truncated());
    EXPECT_LE(size, dns::kUdpPlainMax);
    EXPECT_TRUE(writer.note().truncated);
    EXPECT_EQ(counters.value(Count::truncated), 1u);
    ask({.edns = std::nullopt}, false);
    writer.from_cache(request, view, hit(100), nullptr, {out, size});
    EXPECT_FALSE(reply().truncated()) << "over TCP it fits";
    EXPECT_EQ(reply().answers().size(), 100u);
}

TEST_F(Writing, AWaitersReplyHasTheBodyBehindItsOwnQuestion) {
    ask({.id = 7});
    Answer answer;
    answer.authoritative = true;
    answer.info = write(body, 2);
    const Reply got = deliver(answer);
    EXPECT_EQ(got.id(), 7u);
    EXPECT_EQ(got.sorted_answers(), (Lines{"db.west.test A 10.2.0.0", "db.west.test A 10.2.0.1"}));
    EXPECT_TRUE(got.flag(dns::kFlagAa));
    EXPECT_EQ(got.ede(), -1) << "none";
}

TEST_F(Writing, AFailureHasNoBodyWhateverStandsThere) {
    ask();
    Answer answer;
    answer.rcode = dns::Rcode::servfail;
    answer.failed = true;
    answer.info = write(body, 2);
    answer.error_code = dns::ede::network_error;
    answer.error_text = "peer=west 10.2.0.10:53 refused";
    const Reply got = deliver(answer);
    EXPECT_EQ(got.rcode(), 2u);
    EXPECT_TRUE(got.answers().empty());
    EXPECT_EQ(got.ede(), dns::ede::network_error);
    EXPECT_TRUE(got.says("10.2.0.10:53 refused"));
}

TEST_F(Writing, TheObserverIsToldOfEveryReply) {
    Noted observer;
    writer.observe(&observer);
    ask();
    writer.note().source = Source::cache;
    writer.note().view = &view;
    writer.from_cache(request, view, hit(1), nullptr, {out, size});
    writer.told(request, size);
    Answer answer;
    answer.rcode = dns::Rcode::nxdomain;
    answer.source = Source::upstream;
    answer.info = write(body, 0);
    deliver(answer);
    ASSERT_EQ(observer.notes.size(), 2u);
    EXPECT_EQ(observer.notes[0].source, Source::cache);
    EXPECT_EQ(observer.notes[0].size, size);
    EXPECT_EQ(observer.notes[1].rcode, dns::Rcode::nxdomain);
    EXPECT_EQ(observer.notes[1].duration, Millis(5));
    EXPECT_EQ(observer.notes[1].view, &view);
    ask();
    EXPECT_EQ(writer.note().source, Source::none) << "nothing is left of the last one";
}

TEST_F(Writing, AnErrorsTextHoldsUntilTheNextReply) {
    ask();
    EdeText& text = writer.begin_text();
    text.add("no peer owns it");
    writer.error(request, dns::Rcode::servfail, {out, size},
                 &writer.extended(dns::ede::other, text.text()));
    EXPECT_TRUE(reply().says("no peer owns it"));
    EXPECT_FALSE(reply().flag(dns::kFlagRa));
    EXPECT_TRUE(writer.begin_text().text().empty());
}

}  // namespace
}  // namespace peerzone::resolver
