// Admin HTTP over real sockets: clients that behave, and clients that do not.
#include "peerzone/admin/admin.hpp"

#include <gmock/gmock.h>

#include <thread>
#include <vector>

#include "support/admin_fixture.hpp"

namespace peerzone::admin {
namespace {

using metrics::Count;
using peerzone::testing::AdminSocket;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

struct AdminServerTest : ::testing::Test, peerzone::testing::AdminFixture {};

constexpr std::string_view kGet = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";

TEST_F(AdminServerTest, AnswersAndEnds) {
    start();
    const std::string answer = get("/healthz");
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
    EXPECT_THAT(answer, HasSubstr("Content-Length: 3\r\n"));
    EXPECT_THAT(answer, HasSubstr("Cache-Control: no-store\r\n"));
    EXPECT_TRUE(answer.ends_with("\r\n\r\nok\n"));
    EXPECT_THAT(get("/metrics"), HasSubstr("Content-Type: text/plain; version=0.0.4"));
    EXPECT_EQ(count(Count::admin_requests), 2u);
    stop();
    EXPECT_FALSE(AdminSocket(address()).connected());
}

TEST_F(AdminServerTest, KeepsTheConnectionAndTakesManyRequestsAtOnce) {
    start();
    AdminSocket client(address());
    for (int i = 0; i < 3; ++i) {
        client.send(kGet);
        EXPECT_THAT(client.response(), StartsWith("HTTP/1.1 200"));
    }
    client.send(std::string(kGet) + std::string(kGet) + std::string(kGet));
    for (int i = 0; i < 3; ++i) EXPECT_THAT(client.response(), StartsWith("HTTP/1.1 200"));
    for (const char c : std::string(kGet)) client.send({&c, 1});
    EXPECT_THAT(client.response(), StartsWith("HTTP/1.1 200"));
    EXPECT_EQ(connections(), 1u);
    client.send("GET /healthz HTTP/1.0\r\n\r\n");
    EXPECT_THAT(client.response(), StartsWith("HTTP/1.0 200"));
    EXPECT_TRUE(client.is_closed_by_server());
}

TEST_F(AdminServerTest, HeadHasTheHeadOnly) {
    start();
    AdminSocket client(address());
    client.send("HEAD /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    EXPECT_TRUE(client.is_closed_by_server());
    AdminSocket again(address());
    again.send("HEAD /status HTTP/1.1\r\nHost: x\r\n\r\n" + std::string(kGet));
    ASSERT_TRUE(again.has_input(20'000));
    again.finish();
    std::string all;
    EXPECT_TRUE(again.is_closed_by_server());
}

TEST_F(AdminServerTest, CommandsOverTheSocketComeFromLoopback) {
    start();
    AdminSocket client(address());
    client.send("POST /hold?peer=westus HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
    EXPECT_THAT(client.response(), StartsWith("HTTP/1.1 200"));
    client.send(
        "POST /hold?peer=westus HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.test\r\n"
        "Content-Length: 0\r\n\r\n");
    EXPECT_THAT(client.response(), StartsWith("HTTP/1.1 403"));
    client.send("PUT /hold?peer=westus HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc");
    const std::string refused = client.response();
    EXPECT_THAT(refused, StartsWith("HTTP/1.1 405"));
    EXPECT_THAT(refused, HasSubstr("Allow: POST\r\n"));
    EXPECT_EQ(host.told.size(), 1u);
}

TEST_F(AdminServerTest, GarbageGets400AndIsCounted) {
    start();
    const std::vector<std::string> garbage = {
        "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a TLS hello\r\n\r\n",
        "GET\r\n\r\n",
        "GET /healthz\r\n\r\n",
        "GET /healthz HTTP/9.9\r\n\r\n",
        "G\x01T /healthz HTTP/1.1\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nno colon\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        "POST /flush HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        std::string(64, '\0') + "\r\n\r\n",
        "half a request",
    };
    for (std::size_t i = 0; i < garbage.size(); ++i) {
        AdminSocket client(address());
        client.send(garbage[i]);
        client.finish();
        EXPECT_THAT(client.response(), StartsWith("HTTP/1.1 400")) << garbage[i];
        EXPECT_TRUE(client.is_closed_by_server());
        EXPECT_EQ(count(Count::admin_bad_requests), i + 1) << garbage[i];
    }
    EXPECT_EQ(count(Count::admin_requests), 0u);
    EXPECT_THAT(get("/healthz"), StartsWith("HTTP/1.1 200"));
}

TEST_F(AdminServerTest, TooMuchIsRefusedBeforeItIsKept) {
    start();
    AdminSocket header(address());
    header.send("GET /healthz HTTP/1.1\r\nX: " + std::string(100'000, 'x') + "\r\n\r\n");
    EXPECT_THAT(header.response(), StartsWith("HTTP/1.1 431"));
    EXPECT_TRUE(header.is_closed_by_server());
    AdminSocket target(address());
    target.send("GET /" + std::string(20'000, 'x') + " HTTP/1.1\r\n\r\n");
    EXPECT_THAT(target.response(), StartsWith("HTTP/1.1 431"));
    AdminSocket body(address());
    body.send("POST /flush?name=a.test HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n" +
              std::string(5000, 'x'));
    EXPECT_THAT(body.response(), StartsWith("HTTP/1.1 413"));
    AdminSocket chunks(address());
    chunks.send("POST /flush?name=a.test HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1000\r\n" +
                std::string(4096, 'x') + "\r\n");
    EXPECT_THAT(chunks.response(), StartsWith("HTTP/1.1 413"));
    EXPECT_EQ(count(Count::admin_bad_requests), 4u);
    EXPECT_THAT(host.told, ::testing::IsEmpty());
}

TEST_F(AdminServerTest, ASlowRequestIsCutOffHoweverSteadilyItDrips) {
    limits.request = Millis(300);
    start();
    AdminSocket slow(address());
    const Time begin = Clock::now();
    slow.send("GET /healthz HTTP/1.1\r\n");
    while (!slow.has_input(20)) {
        if (!slow.send("X-Y: z\r\n")) break;
        ASSERT_LT(Clock::now() - begin, Seconds(10));
    }
    EXPECT_TRUE(slow.is_closed_by_server());
    EXPECT_GE(Clock::now() - begin, Millis(300));
    // The socket is closed first, and then its session hears of it.
    while (count(Count::admin_closed_slow) == 0 && Clock::now() - begin < Seconds(10))
        std::this_thread::yield();
    EXPECT_EQ(count(Count::admin_closed_slow), 1u);
}

TEST_F(AdminServerTest, AnIdleConnectionIsClosed) {
    limits.idle = Seconds(1);  // time enough to send a request on a busy machine
    start();
    AdminSocket silent(address());
    EXPECT_TRUE(silent.is_closed_by_server());
    AdminSocket asked(address());
    asked.send(kGet);
    EXPECT_THAT(asked.response(), StartsWith("HTTP/1.1 200"));
    EXPECT_TRUE(asked.is_closed_by_server());
    const Time end = Clock::now() + Seconds(20);
    while (connections() != 0) ASSERT_LT(Clock::now(), end);  // it closes, then forgets
}

TEST_F(AdminServerTest, AClientThatDoesNotReadIsCutOff) {
    limits.response = Millis(200);
    host.padding = 60'000;  // an answer that no socket buffer holds
    start();
    AdminSocket deaf(address());
    deaf.shrink_receive_buffer();
    deaf.send("GET /status HTTP/1.1\r\nHost: x\r\n\r\n");
    ASSERT_TRUE(deaf.has_input(20'000));
    const Time end = Clock::now() + Seconds(20);
    while (count(Count::admin_closed_slow) == 0) ASSERT_LT(Clock::now(), end);
    while (connections() != 0) ASSERT_LT(Clock::now(), end);
}

TEST_F(AdminServerTest, HundredsOfConnectionsKeepNobodyOut) {
    start();
    std::vector<std::unique_ptr<AdminSocket>> silent;
    for (int i = 0; i < 800; ++i) {  // below the usual limit on descriptors
        silent.push_back(std::make_unique<AdminSocket>(address()));
        if (i % 3 == 0) silent.back()->send("GET /healthz HTT");  // slow ones among them
        if (i % 100 == 99) {
            EXPECT_THAT(get("/readyz"), StartsWith("HTTP/1.1 200"));
        }
    }
    EXPECT_THAT(get("/readyz"), StartsWith("HTTP/1.1 200"));
    EXPECT_LE(connections(), limits.connections_max);
    EXPECT_GE(count(Count::admin_closed_limit), 800 - limits.connections_max);
    EXPECT_TRUE(silent.front()->is_closed_by_server());
}

TEST_F(AdminServerTest, WhoWaitsForItsAnswerDoesNotGiveWay) {
    limits.connections_max = 2;
    host.later = true;
    start();
    AdminSocket first(address()), second(address());
    const std::string flush = "POST /flush?name=a.test HTTP/1.1\r\nContent-Length: 0\r\n\r\n";
    first.send(flush);
    while (inside([this] { return !host.pending; })) {
    }
    second.send(flush);
    while (inside([this] { return host.told.size() < 2; })) {
    }
    AdminSocket third(address());
    EXPECT_TRUE(third.is_closed_by_server());
    inside([this] {
        host.pending(4);
        return 0;
    });
    EXPECT_THAT(second.response(), HasSubstr("flushed 4 entries"));
}

TEST_F(AdminServerTest, EndsWithAnswersUnderWay) {
    host.later = true;
    start();
    AdminSocket client(address());
    client.send("POST /flush?name=a.test HTTP/1.1\r\nContent-Length: 0\r\n\r\n");
    while (inside([this] { return !host.pending; })) {
    }
    stop();
    host.pending(1);  // the session is gone: nothing happens
    host.pending = nullptr;
    EXPECT_TRUE(client.is_closed_by_server());
}

TEST_F(AdminServerTest, AnAddressIsSharedWithNobody) {
    start();
    const auto taken = server::open_admin(address());
    ASSERT_FALSE(taken);
    EXPECT_THAT(taken.error().message, HasSubstr("Address already in use"));
}

}  // namespace
}  // namespace peerzone::admin
