// One broken configuration, and what is said of it.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "unit/config/config_support.hpp"

namespace peerzone::config {

struct Broken {
    const char* name;
    const char* yaml;
    std::vector<std::string> lines;
};

inline void PrintTo(const Broken& broken, std::ostream* out) {
    *out << broken.name;
}

class BrokenConfig : public testing::TestWithParam<Broken> {};

inline std::string name_of(const testing::TestParamInfo<Broken>& info) {
    return info.param.name;
}

}  // namespace peerzone::config
