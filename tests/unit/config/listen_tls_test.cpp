// listen.tls and tls: what belongs together, and files that cannot be used.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/server_tls_files.hpp"
#include "unit/config/config_support.hpp"

namespace peerzone::config {
namespace {

using server::test::Folder;
using server::test::Identity;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class ListenTls : public testing::Test {
protected:
    ListenTls() {
        ours_.write_certificate(folder_.file("tls.crt"));
        ours_.write_key(folder_.file("tls.key"));
        ca_.write_certificate(folder_.file("ca.crt"));
        other_.write_key(folder_.file("other.key"));
    }
    Loaded load(const std::string& yaml) { return load_text(yaml, folder_.file("pz.yaml")); }
    std::vector<std::string> problems(const std::string& yaml) {
        std::vector<std::string> lines = problem_lines(load(yaml));
        const std::string prefix = folder_.file("");
        for (std::string& line : lines)  // the folder's name differs each time
            for (std::size_t at = 0; (at = line.find(prefix)) != std::string::npos;)
                line.erase(at, prefix.size());
        return lines;
    }

    Folder folder_;
    Identity ca_{"authority"};
    Identity ours_{"dns.test", &ca_};
    Identity other_{"other.test", &ca_};
};

TEST_F(ListenTls, TakesAddressesWithPort853AndTheFilesBesideTheConfiguration) {
    const Loaded loaded = load(
        "listen: {tls: [127.0.0.1, \"[::1]:8853\"]}\n"
        "tls: {certificate: tls.crt, key: tls.key, client_ca: ca.crt}\n");
    EXPECT_THAT(problem_lines(loaded), IsEmpty());
    ASSERT_TRUE(loaded.config.has_value());
    ASSERT_EQ(loaded.config->listen.tls.size(), 2u);
    EXPECT_EQ(loaded.config->listen.tls[0].to_text(), "127.0.0.1:853");
    EXPECT_EQ(loaded.config->listen.tls[1].to_text(), "[::1]:8853");
    EXPECT_EQ(loaded.config->tls.key, folder_.file("tls.key"));
}

TEST_F(ListenTls, NeedsACertificate) {
    EXPECT_THAT(problems("listen: {tls: [127.0.0.1]}\n"),
                ElementsAre("pz.yaml:1:10: listen.tls: there is no certificate to serve DNS over "
                            "TLS with (hint: tls: {certificate: tls.crt, key: tls.key})"));
    EXPECT_THAT(problems("tls: {certificate: tls.crt}\n"),
                ElementsAre("pz.yaml:1:1: tls: 'key' is missing (hint: a certificate and its key, "
                            "as PEM files)"));
    EXPECT_THAT(problems("tls: {key: tls.key, certificate: ''}\n"),
                ElementsAre("pz.yaml:1:34: tls.certificate: '' names no file"));
    EXPECT_THAT(problems("tls: {key: tls.key}\nlisten: {tls: [127.0.0.1]}\n"),
                ElementsAre(HasSubstr("tls: 'certificate' is missing")));
}

TEST_F(ListenTls, FilesAreReadOnlyWhenSomebodyListensWithThem) {
    EXPECT_THAT(problems("tls: {certificate: none.crt, key: none.key}\n"), IsEmpty());
    EXPECT_THAT(problems("listen: {tls: []}\ntls: {certificate: none.crt, key: none.key}\n"),
                IsEmpty());
}

TEST_F(ListenTls, FilesThatCannotBeUsedAreNamedAtTheirPlace) {
    const std::string listen = "listen: {tls: [127.0.0.1]}\n";
    EXPECT_THAT(problems(listen + "tls:\n  certificate: none.crt\n  key: tls.key\n"),
                ElementsAre("pz.yaml:3:16: tls.certificate: 'none.crt' cannot be read: No such "
                            "file or directory"));
    EXPECT_THAT(problems(listen + "tls:\n  certificate: tls.crt\n  key: other.key\n"),
                ElementsAre("pz.yaml:4:8: tls.key: 'other.key' is not the key of the certificate "
                            "'tls.crt'"));
    EXPECT_THAT(
        problems(listen + "tls: {certificate: tls.crt, key: tls.key, client_ca: tls.key}\n"),
        ElementsAre(HasSubstr("tls.client_ca: 'tls.key' holds no usable certificate")));
}

TEST_F(ListenTls, AddressesMayNotOverlapThoseOfPlainDns) {
    const std::string tls = "tls: {certificate: tls.crt, key: tls.key}\n";
    EXPECT_THAT(problems("listen: {dns: [127.0.0.1:53], tls: [127.0.0.1:53]}\n" + tls),
                ElementsAre(HasSubstr("listen.tls[0]: '127.0.0.1:53' is listed twice")));
    EXPECT_THAT(problems("listen: {tls: [0.0.0.0:853, 127.0.0.1]}\n" + tls),
                ElementsAre(HasSubstr("'127.0.0.1:853' and '0.0.0.0:853' overlap")));
}

TEST_F(ListenTls, AnEndpointThatIsOurOwnListenerIsALoop) {
    EXPECT_THAT(problems("listen: {tls: [0.0.0.0]}\n"
                         "tls: {certificate: tls.crt, key: tls.key}\n"
                         "peers: {west: {zones: [west.test], endpoints: [127.0.0.1:853]}}\n"),
                ElementsAre(HasSubstr("is an address we listen on ourselves (0.0.0.0:853)")));
}

}  // namespace
}  // namespace peerzone::config
