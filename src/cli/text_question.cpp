#include "cli/text_question.hpp"

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>

#include "peerzone/base/clock.hpp"
#include "peerzone/base/random.hpp"
#include "peerzone/base/text.hpp"
#include "peerzone/dns/answer.hpp"
#include "peerzone/dns/message.hpp"

namespace peerzone::cli {
namespace {

namespace asio = boost::asio;
using Octets = std::vector<std::uint8_t>;

constexpr Seconds kPatience{10};

// The question behind its length, as it goes over TCP (RFC 1035 4.2.2).
Octets question_of(const dns::Name& name, std::uint16_t id) {
    Octets message(2 + dns::kUdpPlainMax);
    const std::size_t size = dns::write_question(
        MutableBytes(message).subspan(2), id, {.name = name.wire(), .type = dns::type::txt}, true);
    message.resize(2 + size);
    store_u16(&message[0], size);
    store_u16(&message[2 + dns::kHeaderSize + name.size() + 2], dns::klass::ch);
    return message;
}

/// Connect, write, read the length, read the reply: each step starts the next.
class Exchange {
public:
    Exchange(const SocketAddress& server, Octets question)
        : server_(server), question_(std::move(question)) {}

    Result<Octets> run() {
        const std::string at = server_.to_text();
        const asio::ip::tcp::endpoint endpoint(asio::ip::make_address(server_.ip.to_text()),
                                               server_.port);
        socket_.async_connect(endpoint, [this](const boost::system::error_code& error) {
            if (!ended(error)) send();
        });
        io_.run_for(kPatience);
        if (!done_)
            return fail("no answer from " + at + " within " + std::to_string(kPatience.count()) +
                        " s");
        if (error_) return fail("no answer from " + at + ": " + error_.message());
        return std::move(reply_);
    }

private:
    void send() {
        asio::async_write(socket_, asio::buffer(question_),
                          [this](const boost::system::error_code& error, std::size_t) {
                              if (!ended(error)) receive_length();
                          });
    }
    void receive_length() {
        asio::async_read(socket_, asio::buffer(length_),
                         [this](const boost::system::error_code& error, std::size_t) {
                             if (!ended(error)) receive();
                         });
    }
    void receive() {
        reply_.resize(load_u16(length_.data()));
        asio::async_read(socket_, asio::buffer(reply_),
                         [this](const boost::system::error_code& error, std::size_t) {
                             error_ = error;
                             done_ = true;
                         });
    }
    bool ended(const boost::system::error_code& error) {
        error_ = error;
        done_ = error.failed();
        return done_;
    }

    asio::io_context io_{1};
    asio::ip::tcp::socket socket_{io_};
    const SocketAddress server_;
    Octets question_;
    std::array<std::uint8_t, 2> length_{};
    Octets reply_;
    boost::system::error_code error_;
    bool done_ = false;
};

void add_strings(Bytes rdata, std::vector<std::string>& strings) {
    while (!rdata.empty()) {
        const std::size_t size = std::min<std::size_t>(rdata[0], rdata.size() - 1);
        strings.push_back(printable({reinterpret_cast<const char*>(&rdata[0]) + 1, size}));
        rdata = rdata.subspan(1 + size);
    }
}

// ": " and the text of the extended error, where there is one.
std::string error_text(Bytes options) {
    while (options.size() >= 4) {
        const std::size_t size = load_u16(&options[2]);
        if (options.size() - 4 < size) break;
        if (load_u16(&options[0]) == dns::option::ede && size >= 2)
            return ": " + printable({reinterpret_cast<const char*>(&options[4]) + 2, size - 2});
        options = options.subspan(4 + size);
    }
    return "";
}

Result<std::vector<std::string>> strings_of(Bytes reply, std::uint16_t id, const std::string& at) {
    dns::Reader reader(reply);
    dns::Header header;
    dns::Name name;
    std::uint16_t type = 0;
    std::uint16_t klass = 0;
    if (!reader.read_header(header) || !(header.flags & dns::kFlagQr) || header.id != id ||
        header.counts[0] != 1 || !reader.read_question(name, type, klass))
        return fail(at + " does not answer as a DNS server does");
    std::vector<std::string> strings;
    std::string why;
    dns::Record record;
    const unsigned records = header.counts[1] + header.counts[2] + header.counts[3];
    for (unsigned i = 0; i < records && reader.read_record(record); ++i) {
        const Bytes rdata = reply.subspan(record.rdata_offset, record.rdata_size);
        if (record.type == dns::type::opt) why = error_text(rdata);
        if (i < header.counts[1] && record.type == dns::type::txt) add_strings(rdata, strings);
    }
    if (header.rcode() != dns::Rcode::noerror)
        return fail(at + " answers " + dns::rcode_text(header.rcode()) + why);
    if (strings.empty()) return fail(at + " has nothing to say: is it a peerzone?");
    return strings;
}

}  // namespace

Result<std::vector<std::string>> ask_text(const SocketAddress& server, const dns::Name& name) {
    Random random;
    const std::uint16_t id = random.u16();
    const Result<Octets> reply = Exchange(server, question_of(name, id)).run();
    if (!reply) return reply.error();
    return strings_of(*reply, id, server.to_text());
}

}  // namespace peerzone::cli
