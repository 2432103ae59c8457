#include "admin/admin_session.hpp"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>
#include <string>
#include <utility>

#include "peerzone/base/version.hpp"

namespace peerzone::admin {
namespace {

namespace beast = boost::beast;
namespace http = beast::http;
using metrics::Count;

constexpr std::size_t kReadBytes = 2048;
constexpr std::size_t kLingerBytes = 64u << 10;
constexpr Duration kLinger = Seconds(1);

bool is_loopback(const boost::asio::ip::tcp::socket& socket) {
    beast::error_code error;
    const auto peer = socket.remote_endpoint(error);
    if (error) return false;
    const auto ip = peer.address();
    if (ip.is_v6() && ip.to_v6().is_v4_mapped())
        return boost::asio::ip::make_address_v4(boost::asio::ip::v4_mapped, ip.to_v6())
            .is_loopback();
    return ip.is_loopback();
}

http::status refusal(const beast::error_code& error) {
    if (error == http::error::header_limit || error == http::error::buffer_overflow)
        return http::status::request_header_fields_too_large;
    if (error == http::error::body_limit) return http::status::payload_too_large;
    return http::status::bad_request;
}

// Errors of the text, not of the connection.
bool is_bad_request(const beast::error_code& error) {
    return error.category() == beast::error_code(http::error::bad_method).category() &&
           error != http::error::end_of_stream;
}

}  // namespace

AdminSession::AdminSession(boost::asio::ip::tcp::socket socket, AdminHost& host,
                           metrics::Counters& counters, const AdminLimits& limits,
                           std::function<void()> ended)
    : stream_(std::move(socket)),
      host_(host),
      counters_(counters),
      limits_(limits),
      ended_(std::move(ended)),
      from_loopback_(is_loopback(stream_.socket())),
      buffer_(limits.header_bytes_max + limits.body_bytes_max) {}

void AdminSession::close() {
    if (step_ == Step::closed) return;
    step_ = Step::closed;
    stream_.close();
    std::exchange(ended_, nullptr)();
}

// The time of a request runs from its first octet, the time without one before that.
void AdminSession::await_request() {
    step_ = Step::waiting;
    if (buffer_.size() != 0) return read_request();  // the next one came with the last
    stream_.expires_after(limits_.idle);
    stream_.async_read_some(buffer_.prepare(std::min(kReadBytes, buffer_.max_size())),
                            [self = shared_from_this()](const Error& error, std::size_t size) {
                                if (self->step_ == Step::closed) return;
                                if (error) return self->close();
                                self->buffer_.commit(size);
                                self->read_request();
                            });
}

void AdminSession::read_request() {
    parser_.emplace();
    parser_->header_limit(static_cast<std::uint32_t>(limits_.header_bytes_max));
    parser_->body_limit(limits_.body_bytes_max);
    stream_.expires_after(limits_.request);
    http::async_read(stream_, buffer_, *parser_,
                     [self = shared_from_this()](const Error& error, std::size_t) {
                         if (self->step_ != Step::closed) self->on_request(error);
                     });
}

void AdminSession::on_request(const Error& error) {
    if (!error) return answer();
    if (is_bad_request(error)) return refuse(error);
    if (error == beast::error::timeout) counters_.add(Count::admin_closed_slow);
    close();
}

void AdminSession::answer() {
    step_ = Step::answering;
    counters_.add(Count::admin_requests);
    const auto& request = parser_->get();
    const auto text = [](beast::string_view view) {
        return std::string_view(view.data(), view.size());
    };
    AdminRequest asked;
    asked.method = text(request.method_string());
    asked.target = text(request.target());
    asked.accept = text(request[http::field::accept]);
    asked.host = text(request[http::field::host]);
    asked.has_origin = request.find(http::field::origin) != request.end();
    asked.from_loopback = from_loopback_;
    answer_admin(host_, asked,
                 [self = shared_from_this(), keep = request.keep_alive()](AdminAnswer made) {
                     if (self->step_ != Step::closed) self->respond(made, keep);
                 });
}

void AdminSession::refuse(const Error& error) {
    step_ = Step::answering;
    counters_.add(Count::admin_bad_requests);
    AdminAnswer refused;
    refused.status = static_cast<unsigned>(refusal(error));
    refused.body = "no HTTP request to answer: " + error.message() + "\n";
    respond(refused, false);
}

void AdminSession::respond(const AdminAnswer& answer, bool keep_alive) {
    const bool parsed = parser_->is_header_done();
    response_.emplace(static_cast<http::status>(answer.status),
                      parsed ? parser_->get().version() : 11u);
    response_->set(http::field::content_type,
                   beast::string_view(answer.content_type.data(), answer.content_type.size()));
    response_->set(http::field::server, "peerzone/" + std::string(kVersion));
    response_->set(http::field::cache_control, "no-store");
    response_->set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'");
    if (!answer.allow.empty())
        response_->set(http::field::allow,
                       beast::string_view(answer.allow.data(), answer.allow.size()));
    response_->keep_alive(keep_alive);
    response_->body() = answer.body;
    response_->prepare_payload();
    if (parsed && parser_->get().method() == http::verb::head) response_->body().clear();
    stream_.expires_after(limits_.response);
    http::async_write(stream_, *response_,
                      [self = shared_from_this()](const Error& error, std::size_t) {
                          if (self->step_ != Step::closed) self->on_written(error);
                      });
}

void AdminSession::on_written(const Error& error) {
    if (error) {
        if (error == beast::error::timeout) counters_.add(Count::admin_closed_slow);
        return close();
    }
    const bool goes_on = response_->keep_alive();
    response_.reset();  // a large answer must not stay with an idle connection
    parser_.reset();
    if (goes_on) return await_request();
    Error ignored;
    stream_.socket().shutdown(boost::asio::ip::tcp::socket::shutdown_send, ignored);
    step_ = Step::waiting;
    stream_.expires_after(kLinger);
    linger(kLingerBytes);
}

// Closing with octets unread resets the connection, and the client might lose the answer.
void AdminSession::linger(std::size_t left) {
    buffer_.clear();
    stream_.async_read_some(
        buffer_.prepare(std::min(kReadBytes, buffer_.max_size())),
        [self = shared_from_this(), left](const Error& error, std::size_t size) {
            if (self->step_ == Step::closed) return;
            if (error || size >= left) return self->close();
            self->linger(left - size);
        });
}

}  // namespace peerzone::admin
