// What admin HTTP answers, without sockets: the request as values in, the answer out.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "peerzone/admin/admin.hpp"

namespace peerzone::admin {

struct AdminRequest {
    std::string_view method{};  ///< "GET"
    std::string_view target{};  ///< "/flush?name=a.example", not decoded
    std::string_view accept{};  ///< of the header; empty when it has none
    std::string_view host{};    ///< of the header; empty when it has none
    bool has_origin = false;    ///< a browser sends it for some web page
    bool from_loopback = false;
};

struct AdminAnswer {
    unsigned status = 200;
    std::string_view content_type = "text/plain; charset=utf-8";
    std::string body{};
    std::string_view allow = {};  ///< of 405
};

/// Answers by calling `respond` once, perhaps later (a flush takes several turns of the event
/// loop).
void answer_admin(AdminHost& host, const AdminRequest& request,
                  std::function<void(AdminAnswer)> respond);

}  // namespace peerzone::admin
