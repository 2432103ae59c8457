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
            http::async_write(stream_, request_, [this](beast::error_code failed, std::size_t) {
                if (ended(failed)) return;
                http::async_read(stream_, buffer_, parser_,
                                 [this](beast::error_code last, std::size_t) { error_ = last; });
            });
        });
        io_.run();
        if (error_) return fail(error_.message());
        return AdminReply{parser_.get().result_int(), parser_.get().body()};
    }

private:
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
};

}  // namespace

Result<AdminReply> ask_admin(const SocketAddress& server, const std::string& method,
                             const std::string& target, const std::string& accept) {
    Result<AdminReply> reply = Exchange(server, method, target, accept).run();
    if (reply) return reply;
    return fail("no answer from " + server.to_text() + ": " + reply.error().message);
}

}  // namespace peerzone::cli
