#include "app/file_stamps.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>

#include "peerzone/base/fd.hpp"

namespace peerzone::app {
namespace {

constexpr std::uint64_t kFnvStart = 0xcbf29ce484222325u;
constexpr std::uint64_t kFnvPrime = 0x100000001b3u;
constexpr std::uint64_t kDigestBytesMax = 65u << 20;  // what is larger is refused whoever reads it

// FNV-1a: two versions of a file written by a person meet once in 2^64.
void mix(std::uint64_t& digest, std::string_view octets) {
    for (const char octet : octets)
        digest = (digest ^ static_cast<unsigned char>(octet)) * kFnvPrime;
}

void mix_file(std::uint64_t& digest, const std::string& path) {
    // Non-blocking: a pipe without a writer must not hold anybody up.
    const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    struct stat found {};
    if (!file || ::fstat(file.get(), &found) != 0 || !S_ISREG(found.st_mode)) {
        mix(digest, "no file");
        return;
    }
    std::array<char, 65536> part{};
    std::uint64_t size = 0;
    while (size <= kDigestBytesMax) {
        const ssize_t got = ::read(file.get(), part.data(), part.size());
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) break;
        size += static_cast<std::uint64_t>(got);
        mix(digest, {part.data(), static_cast<std::size_t>(got)});
    }
    mix(digest,
        std::to_string(found.st_size) + " octets");  // so that no octet moves on to the next file
}

}  // namespace

std::string stamp_of(const std::string& path) {
    struct stat found {};
    if (::stat(path.c_str(), &found) != 0) return "";
    if (!S_ISREG(found.st_mode)) return "not a file";
    std::string stamp;
    for (const long value : {static_cast<long>(found.st_dev), static_cast<long>(found.st_ino),
                             static_cast<long>(found.st_size), found.st_mtim.tv_sec,
                             found.st_mtim.tv_nsec, found.st_ctim.tv_sec, found.st_ctim.tv_nsec})
        stamp += std::to_string(value) + " ";
    return stamp;
}

FileStamps stamps_of(const std::vector<std::string>& paths) {
    FileStamps stamps;
    for (const std::string& path : paths) stamps.emplace(path, stamp_of(path));
    return stamps;
}

bool is_incomplete(const std::vector<std::string>& paths) {
    return std::ranges::any_of(paths, [](const std::string& path) {
        struct stat found {};
        return ::stat(path.c_str(), &found) != 0 || (S_ISREG(found.st_mode) && found.st_size == 0);
    });
}

std::optional<std::uint64_t> digest_of(const std::vector<std::string>& paths,
                                       const std::stop_token& stop) {
    const FileStamps before = stamps_of(paths);
    std::uint64_t digest = kFnvStart;
    for (const std::string& path : paths) {
        if (stop.stop_requested()) return std::nullopt;
        mix_file(digest, path);
    }
    if (stamps_of(paths) != before) return std::nullopt;
    return digest;
}

}  // namespace peerzone::app
