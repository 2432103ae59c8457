// How often endpoints are asked that clients ask, too.
#include "peerzone/probe/prober.hpp"

#include <algorithm>

#include "support/upstream_message.hpp"
#include "unit/upstream/client_fixture.hpp"

namespace peerzone::probe {
namespace {

using namespace upstream;

bool is_probe(const Received& q) {
    constexpr unsigned kNs = 2;
    return load_u16(&q.message[q.question_end() - 4]) == kNs;
}

struct BusyEndpointTest : ClientTest {
    std::unique_ptr<Prober> prober;
    FakeServer* server = nullptr;

    long probes() const { return std::count_if(server->udp.begin(), server->udp.end(), is_probe); }
    /// For as long as it takes until the next probe is due in any case.
    void pass_an_interval(bool with_clients) {
        for (const Time end = Clock::now() + Millis(6500); Clock::now() < end;) {
            if (with_clients) ask();
            run_until([] { return false; }, Millis(100));
        }
    }
};

TEST_F(BusyEndpointTest, RepliesToClientsStandInForProbes) {
    upstream.options.zones = {dns::Name::from_text("westus.example").value()};
    server =
        &serve([](const Received& q) { return Reaction{{is_probe(q) ? q.empty() : q.answer()}}; });
    prober = std::make_unique<Prober>(io, options);
    publish();
    prober->follow({std::make_shared<const Upstream>(upstream)});
    ASSERT_TRUE(run_until([&] { return endpoint().probe_result() == ProbeResult::healthy; }));
    const long before = probes();
    pass_an_interval(true);
    EXPECT_EQ(probes(), before);
    pass_an_interval(false);
    EXPECT_GT(probes(), before);
    EXPECT_LE(probes(), before + 2);
}

}  // namespace
}  // namespace peerzone::probe
