// `peerzone explain`: from a configuration, and from a server that a script plays.
#include "cli/explain.hpp"

#include <gmock/gmock.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <thread>

#include "peerzone/base/fd.hpp"
#include "peerzone/base/ip.hpp"
#include "support/dns_wire.hpp"

namespace peerzone::cli {
namespace {

using peerzone::testing::Octets;
using peerzone::testing::Wire;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::StartsWith;

/// Takes one connection and one question, and writes what the script makes of it.
class OneReply {
public:
    using Script = std::function<Octets(const Octets& question)>;

    explicit OneReply(Script script)
        : script_(std::move(script)), fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_storage native{};
        socklen_t size = SocketAddress{IpAddress::v4(0x7f000001), 0, 0}.to_native(native);
        EXPECT_EQ(::bind(fd_.get(), reinterpret_cast<sockaddr*>(&native), size), 0);
        EXPECT_EQ(::listen(fd_.get(), 1), 0);
        ::getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&native), &size);
        address_ = SocketAddress::from_native(native);
        thread_ = std::thread([this] { serve(); });
    }
    ~OneReply() {
        ::shutdown(fd_.get(), SHUT_RDWR);
        thread_.join();
    }
    OneReply(const OneReply&) = delete;
    OneReply& operator=(const OneReply&) = delete;
    std::string address() const { return address_.to_text(); }

private:
    void serve() {
        const Fd client(::accept(fd_.get(), nullptr, nullptr));
        std::uint8_t length[2];
        if (::recv(client.get(), length, 2, MSG_WAITALL) != 2) return;
        Octets question(load_u16(length));
        if (::recv(client.get(), question.data(), question.size(), MSG_WAITALL) < 0) return;
        const Octets reply = script_(question);
        Octets framed(2);
        store_u16(framed.data(), reply.size());
        framed.insert(framed.end(), reply.begin(), reply.end());
        ::send(client.get(), framed.data(), framed.size(), MSG_NOSIGNAL);
    }

    Script script_;
    Fd fd_;
    SocketAddress address_;
    std::thread thread_;
};

struct Explain : ::testing::Test {
    std::filesystem::path folder =
        std::filesystem::temp_directory_path() / ("peerzone-explain-" + std::to_string(::getpid()));
    std::ostringstream out;
    std::ostringstream err;

    Explain() { std::filesystem::create_directories(folder); }
    ~Explain() override { std::filesystem::remove_all(folder); }
    std::string write(const std::string& text) const {
        const std::string path = (folder / "pz.yaml").string();
        std::ofstream(path) << text;
        return path;
    }
    std::string example() const {
        return write(
            "cluster: {name: eastus}\n"
            "peers: {westus: {zones: [westus.svc.cluster.local], endpoints: [10.2.0.10]}}\n"
            "zones: {corp.internal: {records: [db A 10.0.0.5]}}\n"
            "views: [{name: pods, clients: [10.1.0.0/16]}]\n");
    }
    int run(const ExplainOptions& options) { return explain(options, out, err); }
};

TEST_F(Explain, FromAConfiguration) {
    EXPECT_EQ(run({.name = "db.westus.svc.cluster.local", .config_file = example()}), 0);
    EXPECT_THAT(out.str(), MatchesRegex("at        20[^\n]* peerzone [0-9.]+ eastus/[^\n]+\n"
                                        "question  A of db.westus.svc.cluster.local\n"
                                        "view      pods: 10.1.0.0 is in 10.1.0.0/16\n"
                                        "route     westus.svc.cluster.local: peer=westus\n"
                                        "upstream  peer=westus unknown\n"
                                        "endpoint  10.2.0.10:53 unknown, RTT not measured, udp, "
                                        "asked next\n"
                                        "cache     nothing is known of A\n"
                                        "policy    peer=westus is asked for [^\n]*\n"
                                        "told      what peer=westus says, which is not known yet\n"));
    EXPECT_EQ(err.str(), "");
}

TEST_F(Explain, OfATypeForAClient) {
    EXPECT_EQ(run({.name = "db.corp.internal",
                   .type = "aaaa",
                   .client = "10.1.2.3",
                   .config_file = example()}),
              0);
    EXPECT_THAT(out.str(), AllOf(HasSubstr("question  AAAA of db.corp.internal\n"),
                                 HasSubstr("view      pods: 10.1.2.3 is in 10.1.0.0/16\n"),
                                 HasSubstr("policy    our zone has no such type\n"),
                                 HasSubstr("told      NOERROR, 0 records, from zone\n")));
    out.str("");
    EXPECT_EQ(run({.name = "db.corp.internal", .client = "192.0.2.1", .config_file = example()}),
              0);
    EXPECT_THAT(out.str(), AllOf(HasSubstr("view      none: this client is not served\n"),
                                 HasSubstr("told      REFUSED, 0 records, from none\n")));
}

TEST_F(Explain, AsJson) {
    EXPECT_EQ(run({.name = "db.corp.internal", .config_file = example(), .as_json = true}), 0);
    EXPECT_THAT(out.str(), AllOf(StartsWith("[{\"key\":\"at\",\"text\":\"20"),
                                 HasSubstr("{\"key\":\"question\",\"text\":\"A of "
                                           "db.corp.internal\"}")));
}

TEST_F(Explain, WordsThatAreWrong) {
    EXPECT_EQ(run({.name = "a..b"}), kUsageError);
    EXPECT_EQ(run({.name = "db", .type = "nonsense"}), kUsageError);
    EXPECT_EQ(run({.name = "db", .client = "x", .config_file = example()}), kUsageError);
    EXPECT_EQ(run({.name = "db", .client = "10.1.0.1"}), kUsageError);
    EXPECT_EQ(run({.name = "db", .server = "nonsense"}), kUsageError);
    EXPECT_THAT(err.str(),
                AllOf(HasSubstr("unknown type 'nonsense'"), HasSubstr("--client needs --config"),
                      HasSubstr("--server takes ADDRESS")));
    EXPECT_EQ(out.str(), "");
}

TEST_F(Explain, AConfigurationWithProblems) {
    EXPECT_EQ(run({.name = "db", .config_file = write("nonsense: 1\n")}), 1);
    EXPECT_THAT(err.str(), HasSubstr("pz.yaml:1:1: nonsense: unknown key"));
    EXPECT_EQ(run({.name = "db", .config_file = (folder / "none").string()}), 3);
    EXPECT_EQ(out.str(), "");
}

Octets text_reply(const Octets& question, const std::vector<std::string>& strings) {
    Octets rdata;
    for (const std::string& text : strings) {
        rdata.push_back(static_cast<std::uint8_t>(text.size()));
        rdata.insert(rdata.end(), text.begin(), text.end());
    }
    const std::size_t end = question.size() - dns::kOptSize;  // of the question section
    Wire wire;
    wire.header(load_u16(&question[0]), dns::kFlagQr | dns::kFlagAa, 1, 1, 0, 0)
        .raw(Bytes(question).subspan(dns::kHeaderSize, end - dns::kHeaderSize))
        .u16(0xc00c)
        .u16(dns::type::txt)
        .u16(dns::klass::ch)
        .u32(0)
        .u16(static_cast<unsigned>(rdata.size()))
        .raw(rdata);
    return wire.octets();
}

TEST_F(Explain, FromAServer) {
    Octets asked;
    OneReply server([&](const Octets& question) {
        asked = question;
        return text_reply(question, {"view      pods", "told      NOERROR,", "          1 record"});
    });
    EXPECT_EQ(run({.name = "db.corp", .type = "AAAA", .server = server.address()}), 0);
    EXPECT_EQ(out.str(), "view      pods\ntold      NOERROR, 1 record\n");
    const auto message = peerzone::testing::read_message(asked);
    ASSERT_TRUE(message);
    EXPECT_EQ(message->qname->to_text(), "_AAAA._explain.db.corp");
    EXPECT_EQ(message->qtype, dns::type::txt);
    EXPECT_EQ(message->qclass, dns::klass::ch);
}

TEST_F(Explain, AServerThatRefusesSaysWhy) {
    OneReply server([](const Octets& question) {
        Wire wire;
        const Octets why = Wire().u16(dns::option::ede).u16(9).u16(18).text("may not").octets();
        wire.header(load_u16(&question[0]), dns::kFlagQr | 5u, 1, 0, 0, 1)
            .raw(Bytes(question).subspan(dns::kHeaderSize,
                                         question.size() - dns::kHeaderSize - dns::kOptSize))
            .opt(1232, 0, why);
        return wire.octets();
    });
    EXPECT_EQ(run({.name = "db", .server = server.address()}), 1);
    EXPECT_THAT(err.str(), HasSubstr(server.address() + " answers REFUSED: may not"));
}

TEST_F(Explain, WhatIsNoDnsServerOrNotThere) {
    {
        OneReply server([](const Octets&) { return Octets{'H', 'T', 'T', 'P'}; });
        EXPECT_EQ(run({.name = "db", .server = server.address()}), 1);
        EXPECT_THAT(err.str(), HasSubstr("does not answer as a DNS server does"));
    }
    EXPECT_EQ(run({.name = "db", .server = "127.0.0.1:1"}), 1);
    EXPECT_THAT(err.str(), HasSubstr("no answer from 127.0.0.1:1: Connection refused"));
    EXPECT_EQ(out.str(), "");
}

TEST_F(Explain, ANameThatIsTooLongForATypeInFront) {
    const std::string label(61, 'x');
    const std::string name = label + "." + label + "." + label + "." + label + ".x";
    EXPECT_EQ(run({.name = name, .type = "aaaa", .server = "127.0.0.1:1"}), kUsageError);
    EXPECT_THAT(err.str(), HasSubstr("more than 255 octets"));
}

}  // namespace
}  // namespace peerzone::cli
