// One connection of admin HTTP: reads a request within its time, has it answered, writes the answer
// within its time, and goes on if the client likes to.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "admin/admin_routes.hpp"
#include "peerzone/admin/admin.hpp"

namespace peerzone::admin {

class AdminSession : public std::enable_shared_from_this<AdminSession> {
public:
    /// `host`, `counters` and `limits` outlive every handler of the session's io_context. `ended`
    /// is called once, when the connection is gone.
    AdminSession(boost::asio::ip::tcp::socket socket, AdminHost& host, metrics::Counters& counters,
                 const AdminLimits& limits, std::function<void()> ended);

    void start() { await_request(); }
    /// No client would miss an answer if it ended now.
    bool is_waiting() const noexcept { return step_ == Step::waiting; }
    void close();

private:
    enum class Step : std::uint8_t {
        waiting,    ///< for a request, for the rest of one, or for the client's end
        answering,  ///< the host makes the answer, or it is on its way
        closed
    };
    using Error = boost::beast::error_code;

    void await_request();
    void read_request();
    void on_request(const Error& error);
    void answer();
    void refuse(const Error& error);
    void respond(const AdminAnswer& answer, bool keep_alive);
    void on_written(const Error& error);
    void linger(std::size_t left);

    boost::beast::tcp_stream stream_;
    AdminHost& host_;
    metrics::Counters& counters_;
    const AdminLimits& limits_;
    std::function<void()> ended_;
    bool from_loopback_ = false;
    Step step_ = Step::waiting;
    boost::beast::flat_buffer buffer_;
    std::optional<boost::beast::http::request_parser<boost::beast::http::string_body>> parser_;
    std::optional<boost::beast::http::response<boost::beast::http::string_body>> response_;
};

}  // namespace peerzone::admin
