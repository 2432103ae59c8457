// transport: tls and tls: of peers, local and forward.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "support/upstream_tls_files.hpp"
#include "unit/config/config_support.hpp"

namespace peerzone::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

struct UpstreamTls : testing::Test {
    test::TempFolder folder;
    test::Authority authority;
    test::Issued own = authority.issue({.names = "DNS:me.example"});

    UpstreamTls() {
        folder.write("ca.crt", authority.pem());
        folder.write("me.crt", own.certificate);
        folder.write("me.key", own.key);
    }
    Loaded load(const std::string& yaml) const { return load_text(yaml, folder.path("pz.yaml")); }
    /// Without the folder's name.
    std::vector<std::string> problems(const std::string& yaml) const {
        std::vector<std::string> lines = problem_lines(load(yaml));
        for (std::string& line : lines)
            for (std::size_t at; (at = line.find(folder.path(""))) != std::string::npos;)
                line.erase(at, folder.path("").size());
        return lines;
    }
    std::vector<std::string> peer_problems(const std::string& tls) const {
        return problems("peers:\n  westus: {zones: [w.test], endpoints: [10.2.0.10], " + tls +
                        "}\n");
    }
};

TEST_F(UpstreamTls, IsReadWithPathsRelativeToTheFile) {
    const Loaded loaded = load(
        "peers:\n"
        "  westus:\n"
        "    zones: [w.test]\n"
        "    endpoints: [10.2.0.10, 10.2.0.11:5353, \"fd00::1\", dns.example.com, "
        "dns.example.com:5353]\n"
        "    transport: tls\n"
        "    tls: {server_name: DNS.westus.example., ca: ca.crt, certificate: me.crt, key: "
        "me.key}\n");
    ASSERT_TRUE(loaded.config) << problem_lines(loaded).front();
    const upstream::Options& peer = loaded.config->peers.at(0);
    EXPECT_EQ(peer.transport, upstream::Protocol::tls);
    EXPECT_EQ(peer.tls.server_name, "DNS.westus.example");
    EXPECT_EQ(peer.tls.ca, folder.path("ca.crt"));
    EXPECT_EQ(peer.tls.certificate, folder.path("me.crt"));
    EXPECT_EQ(peer.tls.key, folder.path("me.key"));
    ASSERT_EQ(peer.endpoints.size(), 5u);
    EXPECT_EQ(peer.endpoints[0].address->to_text(), "10.2.0.10:853") << "RFC 7858 3.1";
    EXPECT_EQ(peer.endpoints[1].address->to_text(), "10.2.0.11:5353");
    EXPECT_EQ(peer.endpoints[2].address->to_text(), "[fd00::1]:853");
    EXPECT_EQ(peer.endpoints[3].port, 853);
    EXPECT_EQ(peer.endpoints[4].port, 5353);
}

TEST_F(UpstreamTls, LocalAndForwardHaveItToo) {
    const Loaded loaded = load(
        "local:\n"
        "  forward: {endpoints: [10.96.0.10], transport: tls, tls: {ca: ca.crt}}\n"
        "forward:\n"
        "  .: {transport: tls, endpoints: [192.0.2.53], tls: {server_name: 192.0.2.54}}\n");
    ASSERT_TRUE(loaded.config) << problem_lines(loaded).front();
    EXPECT_EQ(loaded.config->local->tls.ca, folder.path("ca.crt"));
    EXPECT_EQ(loaded.config->forwards.at(0).tls.server_name, "192.0.2.54");
    EXPECT_EQ(loaded.config->forwards.at(0).endpoints.at(0).address->port, 853);
}

TEST_F(UpstreamTls, NothingOfItIsNeeded) {
    EXPECT_THAT(peer_problems("transport: tls"), IsEmpty());
    EXPECT_THAT(peer_problems("transport: tls, tls: {}"), IsEmpty());
}

TEST_F(UpstreamTls, WithoutTheTransportItIsAMistake) {
    EXPECT_THAT(peer_problems("tls: {ca: ca.crt}"),
                ElementsAre("pz.yaml:2:53: peers.westus.tls: without 'transport: tls' this has no "
                            "effect (hint: write transport: tls, or remove it)"));
    EXPECT_THAT(peer_problems("transport: tcp, tls: {ca: ca.crt}"), testing::SizeIs(1));
}

TEST_F(UpstreamTls, EveryUnusableFileIsAProblemAtItsPlace) {
    folder.write("other.key", authority.issue({}).key);
    folder.write("encrypted.key", test::Authority::encrypted_key());
    folder.write("empty", "");
    EXPECT_THAT(
        peer_problems("transport: tls, tls: {ca: no.crt, certificate: empty, key: me.key}"),
        ElementsAre("pz.yaml:2:79: peers.westus.tls.ca: 'no.crt' cannot be read: No such file or "
                    "directory"));
    EXPECT_THAT(peer_problems("transport: tls, tls: {ca: empty, certificate: me.crt, key: empty}"),
                ElementsAre("pz.yaml:2:79: peers.westus.tls.ca: 'empty' holds no certificate in "
                            "PEM form",
                            "pz.yaml:2:112: peers.westus.tls.key: 'empty' holds no private key in "
                            "PEM form"));
    EXPECT_THAT(peer_problems("transport: tls, tls: {certificate: me.crt, key: other.key}"),
                ElementsAre(HasSubstr("peers.westus.tls.key: 'other.key' is not the key of "
                                      "'me.crt'")));
    EXPECT_THAT(peer_problems("transport: tls, tls: {certificate: me.crt, key: encrypted.key}"),
                ElementsAre(HasSubstr("'encrypted.key' is encrypted")));
    EXPECT_THAT(peer_problems("transport: tls, tls: {ca: \"\"}"),
                ElementsAre(HasSubstr("peers.westus.tls.ca: '' names no file")));
}

TEST_F(UpstreamTls, CertificateAndKeyBelongTogether) {
    EXPECT_THAT(peer_problems("transport: tls, tls: {certificate: me.crt}"),
                ElementsAre("pz.yaml:2:69: peers.westus.tls: 'key' is missing (hint: our "
                            "certificate and its key, as PEM files)"));
    EXPECT_THAT(peer_problems("transport: tls, tls: {key: me.key}"),
                ElementsAre(HasSubstr("peers.westus.tls: 'certificate' is missing")));
}

TEST_F(UpstreamTls, AServerNameIsAHostNameOrAnAddress) {
    for (const char* wrong : {"'*.westus.example'", ".", "dns.westus.example:853", "a b", "''"})
        EXPECT_THAT(peer_problems(std::string("transport: tls, tls: {server_name: ") + wrong + "}"),
                    ElementsAre(HasSubstr("is not a host name or an address")))
            << wrong;
    EXPECT_THAT(peer_problems("transport: tls, tls: {server_name: \"fd00::1\"}"), IsEmpty());
}

TEST_F(UpstreamTls, UnknownKeysAreNamed) {
    EXPECT_THAT(peer_problems("transport: tls, tls: {sever_name: a.example, client_ca: ca.crt}"),
                ElementsAre(HasSubstr("did you mean 'server_name'?"),
                            HasSubstr("'client_ca' belongs to tls")));
}

}  // namespace
}  // namespace peerzone::config
