#include "peerzone/base/file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace peerzone {
namespace {

constexpr std::size_t kStepBytes = 65536;

Error system_reason(int error) {
    return fail(std::strerror(error));  // NOLINT(concurrency-mt-unsafe): glibc's is safe
}

std::string binary_size(std::size_t octets) {
    constexpr std::size_t kMiB = std::size_t{1} << 20;
    return octets >= kMiB ? std::to_string(octets / kMiB) + " MiB"
                          : std::to_string(octets / 1024) + " KiB";
}

}  // namespace

Result<Fd> open_file(const std::string& path) {
    // Non-blocking, so that a FIFO without a writer does not hold us up before we know it is one.
    Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    struct stat status {};
    if (!file || ::fstat(file.get(), &status) != 0) return system_reason(errno);
    if (S_ISDIR(status.st_mode)) return system_reason(EISDIR);
    if (!S_ISREG(status.st_mode)) return fail("not a regular file");
    return {boost::system::in_place_value, std::move(file)};
}

Result<std::string> read_file(const std::string& path, std::size_t size_max) {
    const Result<Fd> file = open_file(path);
    if (!file) return file.error();
    struct stat status {};
    if (::fstat(file->get(), &status) != 0) return system_reason(errno);
    std::string text;
    for (std::size_t size = 0;;) {
        if (size > size_max) return fail("larger than " + binary_size(size_max));
        const auto expected =
            static_cast<std::size_t>(status.st_size) + 1;  // one more shows the end at once
        text.resize(std::min(std::max(size + kStepBytes, expected), size_max + 1));
        const ssize_t got = ::read(file->get(), text.data() + size, text.size() - size);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return system_reason(errno);
        size += static_cast<std::size_t>(got);
        if (got != 0) continue;
        text.resize(size);
        return {boost::system::in_place_value, std::move(text)};
    }
}

}  // namespace peerzone
