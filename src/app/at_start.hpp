// What is read of a configuration at the start only: a reload changes it after a restart.
#pragma once

#include <cstddef>
#include <string>

#include "peerzone/config/config.hpp"

namespace peerzone::app {

class AtStart {
public:
    explicit AtStart(const config::Config& config)
        : listen_(config.listen), workers_(config.workers) {}

    /// "listen.dns, workers": the keys that are not as they were; empty: none.
    std::string keys_that_differ(const config::Config& loaded) const;

private:
    server::ListenOptions listen_;
    std::size_t workers_;
};

}  // namespace peerzone::app
