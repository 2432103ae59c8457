// What files look like from outside: a stamp differs as soon as a file was written, exchanged,
// removed or put back, and for nothing else. Files are looked at instead of being watched with
// inotify: a stat() follows whatever leads to the file. A ConfigMap swaps a link two steps away
// (..data), systemd-resolved's file lies behind a link into another folder, git-sync exchanges a
// link to a whole folder, a file that is mounted alone is written in place, and NFS tells nobody
// about another host's writes: each of them would need watches of its own, and all of it costs two
// microseconds a file.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

namespace peerzone::app {

/// Equal as long as nobody has written or exchanged the file. Empty: there is no such file. What is
/// not a regular file (a pipe given by `<(…)`, a folder) has one stamp for ever.
std::string stamp_of(const std::string& path);

/// By path.
using FileStamps = std::map<std::string, std::string>;
FileStamps stamps_of(const std::vector<std::string>& paths);

/// True when a file is missing or has nothing in it: usually it is just being written.
bool is_incomplete(const std::vector<std::string>& paths);

/// A number for what stands in the files, in their order; another one when a file is missing.
/// Nothing when they were written or exchanged while they were read, or when it was stopped between
/// two files. Reads regular files only.
std::optional<std::uint64_t> digest_of(const std::vector<std::string>& paths,
                                       const std::stop_token& stop = {});

}  // namespace peerzone::app
