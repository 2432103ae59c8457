// Files of certificates and keys, and what is kept of them over reloads.
#include "exchange/tls_identity.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <string>
#include <vector>

#include "peerzone/exchange/tls.hpp"
#include "support/upstream_tls_files.hpp"

namespace peerzone::exchange {
namespace {

using test::Authority;
using test::Issued;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

struct TlsFilesTest : testing::Test {
    test::TempFolder folder;
    Authority authority;
    Issued own = authority.issue({.names = "DNS:me.example"});
    TlsOptions options;

    TlsFilesTest() {
        options.ca = folder.write("ca.crt", authority.pem());
        options.certificate = folder.write("me.crt", own.certificate);
        options.key = folder.write("me.key", own.key);
    }
    std::vector<std::string> problems() const {
        std::vector<std::string> lines;
        for (const TlsProblem& problem : check_tls(options)) {
            std::string line = std::string(problem.key) + ": " + problem.message;
            // Names of this run's folder are no news.
            for (std::size_t at; (at = line.find(folder.path(""))) != std::string::npos;)
                line.erase(at, folder.path("").size());
            lines.push_back(line);
        }
        return lines;
    }
};

TEST_F(TlsFilesTest, RightFilesAreFine) {
    EXPECT_THAT(problems(), IsEmpty());
    options = {};
    EXPECT_THAT(problems(), IsEmpty()) << "none are needed";
}

TEST_F(TlsFilesTest, TextAroundThePemAndSeveralAuthoritiesAreFine) {
    folder.write("ca.crt", "# two of them\n" + authority.pem() + "\n# more\n" + Authority().pem());
    folder.write("me.crt", own.certificate + authority.pem());
    EXPECT_THAT(problems(), IsEmpty());
}

TEST_F(TlsFilesTest, EveryMissingFileIsNamed) {
    options = {.server_name = "",
               .ca = folder.path("a"),
               .certificate = folder.path("b"),
               .key = folder.path("c")};
    EXPECT_THAT(problems(),
                ElementsAre("ca: 'a' cannot be read: No such file or directory",
                            "certificate: 'b' cannot be read: No such file or directory",
                            "key: 'c' cannot be read: No such file or directory"));
}

TEST_F(TlsFilesTest, WhatIsNoFileIsNotWaitedFor) {
    ASSERT_EQ(::mkfifo(folder.path("pipe").c_str(), 0600), 0);
    options.ca = folder.path("pipe");
    options.key = folder.path("");
    EXPECT_THAT(problems(), ElementsAre("ca: 'pipe' cannot be read: not a regular file",
                                        HasSubstr("Is a directory")));
}

TEST_F(TlsFilesTest, FilesWithoutPemAreRefused) {
    folder.write("ca.crt", "");
    folder.write("me.crt", "certificate");
    EXPECT_THAT(problems(), ElementsAre("ca: 'ca.crt' holds no certificate in PEM form",
                                        "certificate: 'me.crt' holds no certificate in PEM form"));
    folder.write("ca.crt", authority.pem());
    folder.write("me.crt", own.certificate);
    folder.write("me.key", own.certificate);
    EXPECT_THAT(problems(), ElementsAre("key: 'me.key' holds no private key in PEM form"));
}

TEST_F(TlsFilesTest, DamageIsSeen) {
    std::string damaged = authority.pem();
    damaged[damaged.size() / 2] = damaged[damaged.size() / 2] == 'A' ? 'B' : 'A';
    damaged.erase(damaged.size() / 3, 5);
    folder.write("ca.crt", authority.pem() + damaged);
    folder.write("me.crt", own.certificate + damaged);
    EXPECT_THAT(problems(),
                ElementsAre(HasSubstr("ca: 'ca.crt' is damaged after 1 certificates: "),
                            HasSubstr("certificate: 'me.crt' is damaged after its first")));
}

TEST_F(TlsFilesTest, AKeyOfSomebodyElseIsRefused) {
    folder.write("me.key", authority.issue({}).key);
    EXPECT_THAT(problems(), ElementsAre("key: 'me.key' is not the key of 'me.crt'"));
}

TEST_F(TlsFilesTest, AnEncryptedKeyIsRefusedAndNobodyIsAskedForItsPassword) {
    folder.write("me.key", Authority::encrypted_key());
    EXPECT_THAT(problems(), ElementsAre("key: 'me.key' is encrypted"));
}

TEST_F(TlsFilesTest, AFileWithoutAnEndIsNotReadToIt) {
    folder.write("ca.crt", std::string(kTlsFileBytesMax + 1, '\n'));
    EXPECT_THAT(problems(), ElementsAre("ca: 'ca.crt' cannot be read: larger than 4 MiB"));
}

struct TlsIdentitiesTest : TlsFilesTest {
    TlsIdentities identities;
    const SocketAddress place = SocketAddress::parse("10.2.0.10:853", 0).value();

    std::shared_ptr<TlsIdentity> get(const std::string& label = "peer=westus",
                                     const std::string& name = "dns.example") {
        return identities.get(options, {.label = label, .path = "tls", .server_name = name});
    }
};

TEST_F(TlsIdentitiesTest, AReloadOfTheSameFilesKeepsTheIdentity) {
    ASSERT_TRUE(identities.load({options}));
    const auto first = get();
    EXPECT_EQ(get(), first);
    identities.drop_unused();
    // Written again, with the same contents.
    folder.write("ca.crt", authority.pem());
    ASSERT_TRUE(identities.load({options}));
    EXPECT_EQ(get(), first);
}

TEST_F(TlsIdentitiesTest, ChangedContentsMakeANewOne) {
    ASSERT_TRUE(identities.load({options}));
    const auto first = get();
    identities.drop_unused();
    const Issued renewed = authority.issue({.names = "DNS:me.example"});
    folder.write("me.crt", renewed.certificate);
    folder.write("me.key", renewed.key);
    ASSERT_TRUE(identities.load({options}));
    const auto second = get();
    EXPECT_NE(second, first);
    EXPECT_NE(second->context(), first->context());
}

TEST_F(TlsIdentitiesTest, UpstreamsWithTheSameFilesShareAContextButNoSessions) {
    ASSERT_TRUE(identities.load({options, options}));
    const auto westus = get("peer=westus");
    const auto other = get("peer=other");
    EXPECT_NE(westus, other);
    EXPECT_EQ(westus->context(), other->context());
    EXPECT_NE(get("peer=westus", "second.example"), westus) << "another name, another identity";
}

TEST_F(TlsIdentitiesTest, ABrokenFileLeavesWhatWasThere) {
    ASSERT_TRUE(identities.load({options}));
    const auto first = get();
    identities.drop_unused();
    folder.write("me.key", "");
    const auto loaded = identities.load({options});
    ASSERT_FALSE(loaded);
    EXPECT_THAT(loaded.error().message, HasSubstr("tls key: "));
    EXPECT_THAT(loaded.error().message, HasSubstr("holds no private key"));
    EXPECT_EQ(get(), first);
}

TEST_F(TlsIdentitiesTest, WhatNobodyAsksForIsDropped) {
    ASSERT_TRUE(identities.load({options}));
    const std::weak_ptr<TlsIdentity> identity = get();
    identities.drop_unused();
    EXPECT_FALSE(identity.expired());
    identities.drop_unused();
    EXPECT_TRUE(identity.expired());
}

TEST_F(TlsIdentitiesTest, FailuresAreHeldPerEndpointForASecond) {
    ASSERT_TRUE(identities.load({options}));
    const auto identity = get();
    const Time now{};
    const auto why = std::make_shared<const std::string>("certificate expired 2026-01-01");
    identity->note_failure(place, why, true, now);
    EXPECT_EQ(identity->held(place, now + TlsIdentity::kHold - Millis(1)), why);
    EXPECT_EQ(identity->held(place, now + TlsIdentity::kHold), nullptr);
    const SocketAddress other = SocketAddress::parse("10.2.0.11:853", 0).value();
    identity->note_failure(other, why, false, now);
    EXPECT_EQ(identity->held(other, now), nullptr);
}

TEST_F(TlsIdentitiesTest, FailuresAreLoggedOnceAMinutePerUpstream) {
    ASSERT_TRUE(identities.load({options}));
    const auto why = std::make_shared<const std::string>("certificate expired 2026-01-01");
    testing::internal::CaptureStderr();
    const Time start{};
    for (int i = 0; i < 100; ++i) get()->note_failure(place, why, true, start + Millis(i));
    get("peer=westus", "second.example")->note_failure(place, why, true, start + Seconds(1));
    get("peer=other")->note_failure(place, why, true, start + Seconds(1));
    get()->note_failure(place, why, true, start + std::chrono::minutes(1));
    const std::string log = testing::internal::GetCapturedStderr();
    std::size_t lines = 0;
    for (const char c : log) lines += c == '\n' ? 1 : 0;
    EXPECT_EQ(lines, 3u) << log;
    EXPECT_THAT(log, HasSubstr("upstream=\"peer=westus\""));
    EXPECT_THAT(log, HasSubstr("endpoint=10.2.0.10:853"));
    EXPECT_THAT(log, HasSubstr("why=\"certificate expired 2026-01-01\""));
    EXPECT_THAT(log, HasSubstr("suppressed=100"));
}

TEST_F(TlsIdentitiesTest, WhatIsKeptOfEndpointsIsBounded) {
    ASSERT_TRUE(identities.load({options}));
    const auto identity = get();
    const auto why = std::make_shared<const std::string>("no");
    std::size_t held = 0;
    for (std::uint32_t i = 0; i < 3 * TlsIdentity::kEndpointsMax; ++i)
        identity->note_failure({IpAddress::v4(0x0a000000 + i), 853, 0}, why, true, Time{});
    for (std::uint32_t i = 0; i < 3 * TlsIdentity::kEndpointsMax; ++i)
        held += identity->held({IpAddress::v4(0x0a000000 + i), 853, 0}, Time{}) != nullptr ? 1 : 0;
    EXPECT_EQ(held, TlsIdentity::kEndpointsMax);
}

}  // namespace
}  // namespace peerzone::exchange
