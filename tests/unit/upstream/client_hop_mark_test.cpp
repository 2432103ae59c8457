// The hop mark on the protocol, and servers that do not like it.
#include <algorithm>

#include "client_fixture.hpp"

namespace peerzone::upstream {
namespace {

struct ClientHopMarkTest : ClientTest {
    ClientHopMarkTest() { options.node_id = 0x1122334455667788; }

    static Question marked(std::uint8_t hops = 1) {
        Question q = question();
        q.hops = hops;
        return q;
    }
    static bool has_mark(const Received& q) {
        const Octets head{0xff, 0x21, 0, 9};
        return std::search(q.message.begin(), q.message.end(), head.begin(), head.end()) !=
               q.message.end();
    }
};

TEST_F(ClientHopMarkTest, GoesToPeersWithWhoWeAreAndHowFarItCame) {
    const FakeServer& server = serve(answering);
    ASSERT_TRUE(ask(marked(3)).asked.ok);
    const Octets mark{0xff, 0x21, 0, 9, 0xee, 0xdd, 0xcc, 0xbb, 0x55, 0x66, 0x77, 0x88, 3};
    const Octets& sent = server.udp.at(0).message;
    ASSERT_EQ(sent.size(), server.udp[0].question_end() + 11 + 13);
    EXPECT_TRUE(std::equal(mark.begin(), mark.end(), sent.end() - 13));
}

TEST_F(ClientHopMarkTest, NotToForwardersAndNotUnasked) {
    const FakeServer& server = serve(answering);
    ask();
    upstream.options.kind = Kind::forward;
    ask(marked());
    ASSERT_EQ(server.udp.size(), 2u);
    for (const Received& q : server.udp) EXPECT_FALSE(has_mark(q));
}

// It often points back at us.
TEST_F(ClientHopMarkTest, ToTheClustersOwnDns) {
    const FakeServer& server = serve(answering);
    upstream.options.kind = Kind::local;
    ask(marked());
    const Octets mark{0xff, 0x21, 0, 9, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 1};
    const Octets& sent = server.udp.at(0).message;
    EXPECT_TRUE(std::equal(mark.begin(), mark.end(), sent.end() - 13));
}

TEST_F(ClientHopMarkTest, OverTcpToo) {
    upstream.options.transport = Protocol::tcp;
    const FakeServer& server = serve(answering, FakeServer::Tcp::accept);
    ASSERT_TRUE(ask(marked()).asked.ok);
    EXPECT_TRUE(has_mark(server.tcp.at(0)));
}

TEST_F(ClientHopMarkTest, WhoRefusesItIsAskedAgainWithoutAtOnce) {
    for (const unsigned rcode : {1u, 4u}) {  // FORMERR, NOTIMP
        servers.clear();
        set.endpoints.clear();
        const FakeServer& server = serve([rcode](const Received& q) {
            return Reaction{{has_mark(q) ? q.empty(rcode) : q.answer()}};
        });
        test::trust_case(endpoint(), Clock::now());
        const Answer answer = ask(marked());
        EXPECT_TRUE(answer.asked.ok) << answer.asked.error_text;
        EXPECT_LT(answer.took, Millis(150));
        ASSERT_EQ(server.udp.size(), 2u);
        EXPECT_TRUE(server.udp[1].has_opt()) << "EDNS is fine";
        ask(marked());
        ASSERT_EQ(server.udp.size(), 3u);
        EXPECT_FALSE(has_mark(server.udp[2])) << "for 10 minutes";
    }
}

TEST_F(ClientHopMarkTest, WhoDropsItIsAskedWithoutAfterTheTimeout) {
    const FakeServer& server =
        serve([](const Received& q) { return has_mark(q) ? Reaction{} : answering(q); });
    EXPECT_TRUE(ask(marked()).asked.ok);
    const std::size_t before = server.udp.size();
    const Answer answer = ask(marked());
    EXPECT_TRUE(answer.asked.ok);
    EXPECT_LT(answer.took, Millis(150));
    EXPECT_EQ(server.udp.size(), before + 1);
}

TEST_F(ClientHopMarkTest, CopiesToSuspectEndpointsCarryIt) {
    const FakeServer& away = serve(answering);
    serve(answering);
    for (int i = 0; i < 3; ++i) endpoint(0).note_loss(Clock::now() - Seconds(5));
    ASSERT_TRUE(ask(marked()).asked.ok);
    ASSERT_TRUE(run_until([&] { return !away.udp.empty(); }));
    EXPECT_TRUE(has_mark(away.udp[0]));
}

}  // namespace
}  // namespace peerzone::upstream
