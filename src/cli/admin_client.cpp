#include "cli/admin_client.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

#include "peerzone/base/clock.hpp"

namespace peerzone::cli {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;

constexpr Seconds kPatience{10};
constexpr std::size_t kReplyBytesMax = 64u << 20;

/// Connect, write, read: each step starts the next, and the first error ends it.
class Exchange {
public:
    Exchange(const SocketAddress& server, const std::string& method, const std::string& target,
             const std::string& accept)
        : endpoint_(asio::ip::make_address(server.ip.to_text()), server.port) {
        request_.method_string(method);
        request_.target(target);
        request_.version(11);
        request_.set(http::field::host, server.to_text());
        request_.set(http::field::accept, accept);
        request_.keep_alive(false);
        request_.prepare_payload();
        parser_.body_limit(kReplyBytesMax);
    }

    Result<AdminReply> run() {
        stream_.expires_after(kPatience);
        stream_.async_connect(endpoint_, [this](beast::error_code error) {
            if (ended(error)) return;
            connected_ = true;
            http::async_write(stream_, request_, [this](beast::error_code failed, std::size_t) {
                if (ended(failed)) return;
                http::async_read(stream_, buffer_, parser_,
                                 [this](beast::error_code last, std::size_t) { error_ = last; });
            });
        });
        io_.run();
        if (error_) return fail(why());
        const auto& reply = parser_.get();
        if (!reply[http::field::server].starts_with("peerzone/")) return fail(who(reply));
        return AdminReply{reply.result_int(), reply.body()};
    }

private:
    using Reply = http::response<http::string_body>;

    std::string why() const {
        const std::string at = endpoint_text();
        if (!connected_) return "no answer from " + at + ": " + error_.message();
        if (error_ == beast::error::timeout)
            return at + " takes connections, but did not answer within " +
                   std::to_string(kPatience.count()) + " s: is it another program's port?";
        if (error_.category() == beast::error_code(http::error::bad_version).category())
            return at + " is another program's port: what listens there does not speak HTTP (" +
                   error_.message() + ")";
        return "no answer from " + at + ": " + error_.message();
    }

    // For a terminal: another server's name for itself may hold anything.
    std::string who(const Reply& reply) const {
        constexpr std::size_t kNameMax = 60;
        std::string name;
        for (const char c : reply[http::field::server].substr(0, kNameMax))
            name += c >= ' ' && c <= '~' ? c : '?';
        return endpoint_text() + " is another program's port: it answers HTTP " +
               std::to_string(reply.result_int()) +
               (name.empty() ? "" : " and calls itself '" + name + "'") + ", but is no peerzone";
    }

    std::string endpoint_text() const {
        const std::string ip = endpoint_.address().to_string();
        return (endpoint_.address().is_v6() ? "[" + ip + "]" : ip) + ":" +
               std::to_string(endpoint_.port());
    }

    bool ended(beast::error_code error) {
        error_ = error;
        return error.failed();
    }

    asio::io_context io_{1};
    asio::ip::tcp::endpoint endpoint_;
    beast::tcp_stream stream_{io_};
    http::request<http::empty_body> request_;
    http::response_parser<http::string_body> parser_;
    beast::flat_buffer buffer_;
    beast::error_code error_;
    bool connected_ = false;
};

}  // namespace

Result<AdminReply> ask_admin(const SocketAddress& server, const std::string& method,
                             const std::string& target, const std::string& accept) {
    return Exchange(server, method, target, accept).run();
}

}  // namespace peerzone::cli
