// Reading certificate, key and client authority, and noticing that they have changed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "peerzone/server/tls.hpp"
#include "support/server_tls_files.hpp"

namespace peerzone::server {
namespace {

using namespace std::chrono_literals;
using Part = TlsLoad::Part;
using test::Identity;
using testing::HasSubstr;

class TlsContextTest : public testing::Test {
protected:
    TlsContextTest() {
        ours_.write_certificate(options_.certificate);
        ours_.write_key(options_.key);
        ca_.write_certificate(folder_.file("ca.crt"));
    }
    void write_text(const std::string& file, const std::string& text) {
        std::ofstream(file) << text;
    }
    void expect_problem(Part part, const std::string& text) {
        const TlsLoad loaded = load_tls(options_);
        EXPECT_EQ(loaded.context, nullptr);
        EXPECT_EQ(loaded.part, part);
        EXPECT_THAT(loaded.problem, HasSubstr(text));
    }

    test::Folder folder_;
    Identity ca_{"authority"};
    Identity ours_{"dns.test", &ca_};
    TlsOptions options_{folder_.file("tls.crt"), folder_.file("tls.key"), ""};
};

TEST_F(TlsContextTest, LoadsACertificateWithItsKeyAndSaysWhoseItIs) {
    const TlsLoad loaded = load_tls(options_);
    EXPECT_NE(loaded.context, nullptr);
    EXPECT_EQ(loaded.problem, "");
    EXPECT_EQ(loaded.warning, "");
    EXPECT_EQ(loaded.subject, "CN=dns.test");
    EXPECT_THAT(loaded.expires_at, HasSubstr("GMT"));
}

TEST_F(TlsContextTest, LoadsAClientAuthority) {
    options_.client_ca = folder_.file("ca.crt");
    EXPECT_NE(load_tls(options_).context, nullptr);
}

TEST_F(TlsContextTest, FilesThatAreMissingAreNamed) {
    const TlsOptions good = options_;
    options_.certificate = folder_.file("none.crt");
    expect_problem(Part::certificate,
                   "'" + options_.certificate + "' cannot be read: No such file or directory");
    options_ = good;
    options_.key = folder_.file("none.key");
    expect_problem(Part::key, "'" + options_.key + "' cannot be read: No such file");
    options_ = good;
    options_.client_ca = folder_.file("none-ca.crt");
    expect_problem(Part::client_ca, "'" + options_.client_ca + "' cannot be read: No such file");
}

// It has no writer: opening it as other files would last for ever.
TEST_F(TlsContextTest, AFifoIsNotWaitedFor) {
    const TlsOptions good = options_;
    const std::string pipe = folder_.file("pipe");
    ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
    options_.certificate = pipe;
    expect_problem(Part::certificate, "'" + pipe + "' cannot be read: not a regular file");
    options_ = good;
    options_.key = pipe;
    expect_problem(Part::key, "'" + pipe + "' cannot be read: not a regular file");
    options_ = good;
    options_.client_ca = pipe;
    expect_problem(Part::client_ca, "'" + pipe + "' cannot be read: not a regular file");
}

TEST_F(TlsContextTest, FilesThatHoldSomethingElseAreNamedWithTheReason) {
    const TlsOptions good = options_;
    for (const std::string text :
         {"", "certificate\n", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"}) {
        options_ = good;
        options_.certificate = folder_.file("bad.crt");
        write_text(options_.certificate, text);
        expect_problem(Part::certificate, "bad.crt' holds no usable certificate: ");
        options_ = good;
        options_.key = folder_.file("bad.key");
        write_text(options_.key, text);
        expect_problem(Part::key, "bad.key' holds no usable key: ");
        options_ = good;
        options_.client_ca = folder_.file("bad-ca.crt");
        write_text(options_.client_ca, text);
        expect_problem(Part::client_ca, "bad-ca.crt' holds no usable certificate: ");
    }
    options_ = good;
    options_.certificate = options_.key;
    expect_problem(Part::certificate, "no start line");
}

TEST_F(TlsContextTest, AKeyOfAnotherCertificateIsSaidToBeThat) {
    const Identity other("other.test", &ca_);
    options_.key = folder_.file("other.key");
    other.write_key(options_.key);
    expect_problem(Part::key, "'" + options_.key + "' is not the key of the certificate '" +
                                  options_.certificate + "'");
}

TEST_F(TlsContextTest, AnEncryptedKeyIsRefusedWithoutAskingForAPassphrase) {
    options_.key = folder_.file("locked.key");
    ours_.write_key(options_.key, "open");
    expect_problem(Part::key, "is encrypted: write it without a passphrase");
}

TEST_F(TlsContextTest, AnExpiredCertificateServesWithAWarning) {
    const Identity expired("dns.test", &ca_, {-7200, -3600});
    expired.write_certificate(options_.certificate);
    expired.write_key(options_.key);
    const TlsLoad past = load_tls(options_);
    EXPECT_NE(past.context, nullptr);
    EXPECT_THAT(past.warning, HasSubstr("has expired"));

    const Identity early("dns.test", &ca_, {3600, 7200});
    early.write_certificate(options_.certificate);
    early.write_key(options_.key);
    EXPECT_THAT(load_tls(options_).warning, HasSubstr("not valid yet"));
}

// ---- noticing changes

class TlsFilesTest : public TlsContextTest {
protected:
    bool look() { return files_.look(options_, now_); }
    void write(const Identity& identity) {
        identity.write_certificate(options_.certificate);
        identity.write_key(options_.key);
    }

    TlsFiles files_;
    Time now_{1h};
};

TEST_F(TlsFilesTest, ReadsOnceAndThenOnlyWhatHasChanged) {
    EXPECT_TRUE(look());
    const auto first = files_.context();
    EXPECT_FALSE(look());
    EXPECT_EQ(files_.context(), first);
    write(Identity("dns.test", &ca_));
    EXPECT_TRUE(look());
    EXPECT_NE(files_.context(), first);
    EXPECT_FALSE(look());
}

TEST_F(TlsFilesTest, NoticesTheSwapOfAConfigMapsLink) {
    namespace fs = std::filesystem;
    for (const char* revision : {"r1", "r2"}) {
        fs::create_directory(folder_.file(revision));
        const Identity identity("dns.test", &ca_);
        identity.write_certificate(folder_.file(revision) + "/tls.crt");
        identity.write_key(folder_.file(revision) + "/tls.key");
    }
    fs::create_directory_symlink("r1", folder_.file("..data"));
    options_ = {folder_.file("..data") + "/tls.crt", folder_.file("..data") + "/tls.key", ""};
    EXPECT_TRUE(look());
    EXPECT_FALSE(look());
    fs::create_directory_symlink("r2", folder_.file("..fresh"));
    fs::rename(folder_.file("..fresh"), folder_.file("..data"));
    EXPECT_TRUE(look());
    EXPECT_FALSE(look());
}

TEST_F(TlsFilesTest, AHalfWrittenPairKeepsTheOldOneUntilItIsWhole) {
    EXPECT_TRUE(look());
    const auto first = files_.context();
    const Identity next("dns.test", &ca_);
    next.write_certificate(options_.certificate);
    testing::internal::CaptureStderr();
    EXPECT_FALSE(look());
    EXPECT_FALSE(look());
    const std::string said = testing::internal::GetCapturedStderr();
    EXPECT_THAT(said, HasSubstr("is not the key of the certificate"));
    EXPECT_EQ(said.find("refused"), said.rfind("refused")) << "said once, not at each look";
    EXPECT_EQ(files_.context(), first);
    next.write_key(options_.key);
    EXPECT_TRUE(look());
    EXPECT_NE(files_.context(), first);
}

TEST_F(TlsFilesTest, FilesThatVanishKeepWhatWasRead) {
    EXPECT_TRUE(look());
    std::filesystem::remove(options_.key);
    EXPECT_FALSE(look());
    EXPECT_NE(files_.context(), nullptr);
}

TEST_F(TlsFilesTest, ChangedOptionsAreReadAtOnce) {
    EXPECT_TRUE(look());
    options_.client_ca = folder_.file("ca.crt");
    EXPECT_TRUE(look());
    ca_.write_certificate(options_.client_ca);
    EXPECT_TRUE(look()) << "the same authority in a new file";
}

TEST_F(TlsFilesTest, TicketKeysAreRenewedInTime) {
    EXPECT_TRUE(look());
    const auto first = files_.context();
    now_ += TlsFiles::kAgeMax - 1s;
    EXPECT_FALSE(look());
    now_ += 1s;
    EXPECT_TRUE(look());
    EXPECT_NE(files_.context(), first);
    now_ += 1s;
    EXPECT_FALSE(look());
}

}  // namespace
}  // namespace peerzone::server
