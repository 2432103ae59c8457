// Files that somebody else names. What is no regular file is never waited for: opening a FIFO, or
// reading a terminal, would hold up whoever does it until somebody writes.
#pragma once

#include <cstddef>
#include <string>

#include "peerzone/base/fd.hpp"
#include "peerzone/base/result.hpp"

namespace peerzone {

/// A regular file, open for reading. An error is the bare reason ("Permission denied", "not a
/// regular file"): whoever asked names the file.
Result<Fd> open_file(const std::string& path);

/// The whole of a regular file of at most `size_max` octets. Errors as above.
Result<std::string> read_file(const std::string& path, std::size_t size_max);

}  // namespace peerzone
