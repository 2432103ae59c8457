// Upstreams over TLS in the snapshot: which name each endpoint must prove, and what a reload keeps.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "app/snapshot_builder.hpp"
#include "exchange/tls_identity.hpp"
#include "support/upstream_tls_files.hpp"

namespace peerzone::app {
namespace {

using testing::HasSubstr;

struct TlsUpstreams : testing::Test {
    test::TempFolder folder;
    test::Authority authority;
    SnapshotBuilder builder;
    discovery::SourceTable sources;

    TlsUpstreams() { folder.write("ca.crt", authority.pem()); }

    config::Config load(const std::string& yaml) const {
        config::Loaded loaded = config::load_text(yaml, folder.path("pz.yaml"));
        for (const auto& problem : loaded.problems) ADD_FAILURE() << problem.to_text();
        return std::move(loaded.config).value();
    }
    std::shared_ptr<const upstream::Upstream> build(const config::Config& config) {
        const auto loaded = builder.load_files(config);
        EXPECT_TRUE(loaded) << loaded.error().message;
        return builder.build(config, sources)->upstreams.at(0);
    }
    void find(const std::string& source, const std::vector<std::string>& found) {
        for (const std::string& text : found)
            sources[source].addresses.push_back(SocketAddress::parse(text, 853).value());
    }
    static std::string peer(const std::string& rest) {
        return "peers: {westus: {zones: [w.test], transport: tls, " + rest + "}}";
    }
};

TEST_F(TlsUpstreams, EachEndpointMustBeWhatItWasGivenBy) {
    find("dns.example.com:853", {"10.2.0.20", "10.2.0.21"});
    const auto made =
        build(load(peer("endpoints: [10.2.0.10, dns.example.com], tls: {ca: ca.crt}")));
    ASSERT_EQ(made->set()->endpoints.size(), 3u);
    ASSERT_EQ(made->set()->tls.size(), 3u);
    EXPECT_EQ(made->set()->endpoints[1]->address().to_text(), "10.2.0.20:853");
    const auto expected = [&](std::size_t i) {
        return made->set()->tls[i]->expected_name(made->set()->endpoints[i]->address());
    };
    EXPECT_EQ(expected(0), "10.2.0.10");
    EXPECT_EQ(expected(1), "dns.example.com");
    EXPECT_EQ(made->set()->tls[1], made->set()->tls[2]);
    EXPECT_EQ(made->set()->tls[0]->names().path, "peers.westus.tls");
    EXPECT_EQ(made->set()->tls[0]->names().label, "peer=westus");
}

// No certificate vouches for where SRV records lead (RFC 9525 6.1).
TEST_F(TlsUpstreams, ATargetOfSrvMustBeTheDomainThatWasAskedFor) {
    find("srv:_dns._tcp.westus.example.com", {"10.2.0.20:8853"});
    const auto made =
        build(load(peer("endpoints: [{srv: _dns._tcp.westus.example.com}], tls: {ca: ca.crt}")));
    ASSERT_EQ(made->set()->tls.size(), 1u);
    EXPECT_EQ(made->set()->endpoints[0]->address().to_text(), "10.2.0.20:8853");
    EXPECT_EQ(made->set()->tls[0]->expected_name(made->set()->endpoints[0]->address()),
              "westus.example.com");
}

TEST_F(TlsUpstreams, AServerNameIsForAllOfThem) {
    find("dns.example.com:853", {"10.2.0.20"});
    const auto made = build(load(peer(
        "endpoints: [10.2.0.10, dns.example.com], tls: {ca: ca.crt, server_name: dns.westus}")));
    ASSERT_EQ(made->set()->tls.size(), 2u);
    EXPECT_EQ(made->set()->tls[0], made->set()->tls[1]);
    EXPECT_EQ(made->set()->tls[0]->expected_name(made->set()->endpoints[0]->address()),
              "dns.westus");
}

TEST_F(TlsUpstreams, ForwardersNameTheirPathAndTakePort853FromResolvConf) {
    find("resolv.conf:" + folder.path("resolv.conf"), {"192.0.2.53:53"});
    const auto made = build(
        load("forward: {.: {transport: tls, endpoints: ['resolv.conf:resolv.conf'], tls: {ca: "
             "ca.crt}}}"));
    ASSERT_EQ(made->set()->endpoints.size(), 1u);
    EXPECT_EQ(made->set()->endpoints[0]->address().to_text(), "192.0.2.53:853");
    EXPECT_EQ(made->set()->tls.at(0)->names().path, "forward.\".\".tls");
}

TEST_F(TlsUpstreams, OthersHaveNone) {
    const auto made =
        build(load("peers: {westus: {zones: [w.test], endpoints: [10.2.0.10], transport: tcp}}"));
    EXPECT_TRUE(made->set()->tls.empty());
}

TEST_F(TlsUpstreams, AReloadKeepsTheIdentityUntilItsFilesChange) {
    const config::Config config = load(peer("endpoints: [10.2.0.10], tls: {ca: ca.crt}"));
    const auto first = build(config)->set()->tls.at(0);
    EXPECT_EQ(build(config)->set()->tls.at(0), first);
    EXPECT_EQ(builder.build(config, sources)->upstreams.at(0)->set()->tls.at(0), first);
    folder.write("ca.crt", test::Authority("new CA").pem());
    EXPECT_NE(build(config)->set()->tls.at(0), first);
}

TEST_F(TlsUpstreams, FilesThatBreakAfterTheCheckLeaveTheFormerOnes) {
    const config::Config config = load(peer("endpoints: [10.2.0.10], tls: {ca: ca.crt}"));
    const auto first = build(config)->set()->tls.at(0);
    config::Config next = load(peer("endpoints: [10.2.0.11], tls: {ca: ca.crt}"));
    std::filesystem::remove(folder.path("ca.crt"));
    const auto loaded = builder.load_files(next);
    ASSERT_FALSE(loaded);
    EXPECT_THAT(loaded.error().message, HasSubstr("cannot be read"));
    EXPECT_EQ(builder.build(config, sources)->upstreams.at(0)->set()->tls.at(0), first);
}

}  // namespace
}  // namespace peerzone::app
