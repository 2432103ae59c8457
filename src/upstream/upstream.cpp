#include "peerzone/upstream/upstream.hpp"

namespace peerzone::upstream {

std::string source_text(const EndpointSpec& spec) {
    if (spec.address) return spec.address->to_text();
    if (!spec.srv.empty()) return "srv:" + spec.srv;
    if (!spec.resolv_conf.empty()) return "resolv.conf:" + spec.resolv_conf;
    return spec.host + ":" + std::to_string(spec.port);
}

}  // namespace peerzone::upstream
