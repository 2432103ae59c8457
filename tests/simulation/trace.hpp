// A readable line for each thing that happens, where they are wanted.
#pragma once

#include <cstdio>
#include <string>
#include <utility>

#include "peerzone/base/clock.hpp"

namespace peerzone::simulation {

class Trace {
public:
    explicit Trace(bool is_on) : is_on_(is_on) {}
    void begin(Time now) { began_ = now; }

    /// `words` is called for the text, if it is wanted.
    template <class Words>
    void operator()(Time now, const Words& words) const {
        if (!is_on_) return;
        const double seconds = std::chrono::duration<double>(now - began_).count();
        std::printf("%12.6f  %s\n", seconds, std::string(words()).c_str());
    }

private:
    bool is_on_;
    Time began_{};
};

}  // namespace peerzone::simulation
