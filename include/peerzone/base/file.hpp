// Files that the configuration names. Only regular files are read: opening a FIFO or reading a
// terminal would block the thread until there is a writer. Stateless; any thread but a worker's,
// for a file system may take its time.
#pragma once

#include <cstddef>
#include <string>

#include "peerzone/base/fd.hpp"
#include "peerzone/base/result.hpp"

namespace peerzone {

/// A regular file, open for reading. An error is the bare reason ("Permission denied", "not a
/// regular file"): the caller names the file.
Result<Fd> open_file(const std::string& path);

/// The whole of a regular file of at most `size_max` octets. Errors as above.
Result<std::string> read_file(const std::string& path, std::size_t size_max);

}  // namespace peerzone
