// The query log: what a line says, which replies have one, and that no worker waits for a reader.
#include "peerzone/server/query_log.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>

#include "peerzone/resolver/resolver.hpp"
#include "support/client_subnet.hpp"

namespace peerzone::server {
namespace {

using namespace std::chrono_literals;
using metrics::Count;
using resolver::ReplyNote;
using resolver::Source;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::StartsWith;

/// A reader that can be told to read nothing.
class Reader {
public:
    void write(std::string_view lines) {
        std::unique_lock lock(mutex_);
        text_ += lines;
        changed_.notify_all();
        changed_.wait(lock, [this] { return !stuck_; });
    }
    void stick(bool stuck) {
        const std::lock_guard lock(mutex_);
        stuck_ = stuck;
        changed_.notify_all();
    }
    /// Waits until there are so many lines.
    std::string wait_for(std::ptrdiff_t lines) {
        std::unique_lock lock(mutex_);
        EXPECT_TRUE(changed_.wait_for(lock, 20s, [&] {
            return std::count(text_.begin(), text_.end(), '\n') >= lines;
        })) << text_;
        return text_;
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::string text_;
    bool stuck_ = false;
};

struct QueryLogTest : ::testing::Test {
    Reader reader;
    metrics::Counters counters, other_counters;
    QueryLog log{[this](std::string_view lines) { reader.write(lines); }};
    resolver::ReplyObserver& worker = log.add_channel(counters);
    resolver::ReplyObserver& other = log.add_channel(other_counters);
    view::View view{.name = "pods", .routes = {}, .recursion_available = true};
    upstream::Upstream west;
    resolver::Request request;

    QueryLogTest() {
        west.label = "peer=westus";
        request.client = IpAddress::parse("10.1.2.3").value();
        ask("db.westus.test", dns::type::aaaa);
    }
    void ask(const char* text, std::uint16_t type) {
        const dns::Name name = dns::Name::from_text(text).value();
        request.query.type = type;
        request.query.name_size = static_cast<std::uint8_t>(name.size());
        std::copy(name.wire().begin(), name.wire().end(), request.query.folded.begin());
    }
    ReplyNote from_upstream() const {
        ReplyNote note;
        note.source = Source::upstream;
        note.view = &view;
        note.upstream = &west;
        note.size = 64;
        note.duration = 61'240us;
        return note;
    }
    static ReplyNote with(dns::Rcode rcode) {
        ReplyNote note;
        note.rcode = rcode;
        return note;
    }
};

TEST_F(QueryLogTest, ALineSaysWhoAskedWhatAndWhoAnswered) {
    log.set(log::Queries::all);
    worker.on_reply(request, from_upstream());
    EXPECT_THAT(reader.wait_for(1),
                MatchesRegex("[0-9]+-[0-9]+-[0-9]+T[0-9]+:[0-9]+:[0-9]+\\.[0-9]+Z info query "
                             "client=10.1.2.3 view=pods proto=udp name=db.westus.test\\.? "
                             "type=AAAA rcode=NOERROR size=64 duration=61.2ms from=upstream "
                             "by=\"peer=westus\"\n"));
}

TEST_F(QueryLogTest, TheSubnetThatChoseTheViewIsTold) {
    log.set(log::Queries::all);
    const auto octets = testing::subnet_data("10.1.2.0/24");
    ASSERT_TRUE(dns::parse_client_subnet(octets, request.query.subnet));
    request.query.subnet_state = dns::SubnetState::asked;
    worker.on_reply(request, from_upstream());
    request.query.subnet_state = dns::SubnetState::answered;
    worker.on_reply(request, from_upstream());
    request.query.subnet.source_length = 0;
    worker.on_reply(request, from_upstream());
    const std::string text = reader.wait_for(3);
    EXPECT_THAT(text, HasSubstr(" client=10.1.2.3 ecs=10.1.2.0/24 view=pods "));
    EXPECT_EQ(text.find("ecs="), text.rfind("ecs=")) << "not when it was ignored or left open";
}

TEST_F(QueryLogTest, FailuresSayWhy) {
    log.set(log::Queries::errors);
    ReplyNote note = from_upstream();
    note.rcode = dns::Rcode::servfail;
    note.source = Source::stale;
    note.truncated = true;
    const dns::ExtendedError error{22, "peer=westus no endpoint answered (0/2)\nforged info x=y"};
    note.error = &error;
    request.udp = false;
    worker.on_reply(request, note);
    const std::string line = reader.wait_for(1);
    EXPECT_THAT(line, HasSubstr(" proto=tcp "));
    EXPECT_THAT(line, HasSubstr(" truncated=yes "));
    EXPECT_THAT(line, HasSubstr(" from=stale "));
    EXPECT_THAT(line, EndsWith(" ede=22 why=\"peer=westus no endpoint answered (0/2)\\x0aforged "
                               "info x=y\"\n"));
}

TEST_F(QueryLogTest, WhatCouldNotBeParsedHasALineToo) {
    log.set(log::Queries::errors);
    request.query.name_size = 0;
    request.query.type = 0;
    worker.on_reply(request, with(dns::Rcode::formerr));
    EXPECT_THAT(reader.wait_for(1), HasSubstr("view=- proto=udp name=- type=TYPE0 rcode=FORMERR"));
}

TEST_F(QueryLogTest, OnlyWhatIsWanted) {
    const auto all_rcodes = [&] {
        for (const dns::Rcode rcode :
             {dns::Rcode::noerror, dns::Rcode::nxdomain, dns::Rcode::servfail, dns::Rcode::refused})
            worker.on_reply(request, with(rcode));
    };
    all_rcodes();  // off
    log.set(log::Queries::errors);
    all_rcodes();
    log.set(log::Queries::all);
    all_rcodes();
    log.set(log::Queries::off);
    all_rcodes();
    log.finish();
    const std::string text = reader.wait_for(6);
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 6);
    EXPECT_EQ(text.find("NOERROR"), text.rfind("NOERROR"));
}

TEST_F(QueryLogTest, AReaderThatSticksCostsLinesAndNobodysTime) {
    log.set(log::Queries::all);
    reader.stick(true);
    worker.on_reply(request, from_upstream());
    reader.wait_for(1);  // the log's thread is stuck now
    constexpr std::uint64_t kMany = 10'000;
    for (std::uint64_t i = 0; i < kMany; ++i) worker.on_reply(request, from_upstream());
    const std::uint64_t dropped = counters.value(Count::query_log_dropped);
    EXPECT_GT(dropped, kMany / 2);
    EXPECT_LT(dropped, kMany);
    other.on_reply(request, from_upstream());  // another worker has room of its own
    EXPECT_EQ(other_counters.value(Count::query_log_dropped), 0u);
    reader.stick(false);
    reader.wait_for(static_cast<std::ptrdiff_t>(2 + kMany - dropped));
}

TEST_F(QueryLogTest, NoLineIsLostOrTornWhenWorkersWriteAtOnce) {
    log.set(log::Queries::all);
    constexpr int kEach = 1500;  // fits into a ring
    const auto write = [this](resolver::ReplyObserver& mine) {
        const resolver::Request copy = request;
        for (int i = 0; i < kEach; ++i) mine.on_reply(copy, from_upstream());
    };
    std::thread second([&] { write(other); });
    write(worker);
    second.join();
    const std::string text = reader.wait_for(2 * kEach);
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = text.find('\n', at);
        const std::string line = text.substr(at, end - at);
        ASSERT_THAT(line, HasSubstr("Z info query client=10.1.2.3 "));
        ASSERT_THAT(line, EndsWith("by=\"peer=westus\""));
        at = end + 1;
    }
}

TEST_F(QueryLogTest, TheLongestNameFits) {
    log.set(log::Queries::all);
    std::array<std::uint8_t, dns::kNameMax> wire{};
    for (std::size_t at = 0; at < 4; ++at) {
        const std::size_t size = at == 3 ? 61 : 63;
        wire[at * 64] = static_cast<std::uint8_t>(size);
        std::fill_n(wire.begin() + static_cast<std::ptrdiff_t>(at * 64 + 1), size, '\x01');
    }
    request.query.name_size = dns::kNameMax;
    request.query.folded = wire;
    for (int i = 0; i < 20; ++i) worker.on_reply(request, from_upstream());
    const std::string text = reader.wait_for(20);
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 20);
    EXPECT_THAT(text, EndsWith("by=\"peer=westus\"\n"));
}

// The end of the program must not wait for a pipe without a reader.
TEST(QueryLogOnStderr, GivesUpAtTheEndWhenNobodyReads) {
    std::array<int, 2> pipe{};
    ASSERT_EQ(::pipe2(pipe.data(), O_CLOEXEC), 0);
    ::fcntl(pipe[1], F_SETPIPE_SZ, 4096);
    const int kept = ::dup(STDERR_FILENO);
    ::dup2(pipe[1], STDERR_FILENO);
    const Time begin = Clock::now();
    {
        metrics::Counters counters;
        QueryLog log;
        resolver::ReplyObserver& worker = log.add_channel(counters);
        log.set(log::Queries::all);
        resolver::Request request;
        for (int i = 0; i < 2000; ++i) worker.on_reply(request, {});
    }
    const Duration took = Clock::now() - begin;
    ::dup2(kept, STDERR_FILENO);
    ::close(kept);
    ::close(pipe[0]);
    ::close(pipe[1]);
    EXPECT_LT(took, 10s);
}

}  // namespace
}  // namespace peerzone::server
