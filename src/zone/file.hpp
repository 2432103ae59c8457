#pragma once

#include <string>

#include "peerzone/base/result.hpp"

namespace peerzone::zone {

/// The whole of a regular file of at most kFileBytesMax octets. An error names the file and the
/// system's reason.
Result<std::string> read_file(const std::string& path);

}  // namespace peerzone::zone
