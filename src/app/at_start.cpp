#include "app/at_start.hpp"

#include <utility>

namespace peerzone::app {

std::string AtStart::keys_that_differ(const config::Config& loaded) const {
    const std::pair<const char*, bool> keys[] = {
        {"listen.dns", loaded.listen.dns != listen_.dns},
        {"listen.tls", loaded.listen.tls != listen_.tls},
        {"listen.admin", loaded.listen.admin != listen_.admin},
        {"workers", loaded.workers != workers_}};
    std::string text;
    for (const auto& [key, differs] : keys)
        if (differs) text += (text.empty() ? "" : ", ") + std::string(key);
    return text;
}

}  // namespace peerzone::app
