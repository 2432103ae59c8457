#include "zone/file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "peerzone/zone/zone.hpp"

namespace peerzone::zone {
namespace {

using Text = Result<std::string>;
constexpr std::size_t kStepBytes = 65536;

class File {
public:
    explicit File(int descriptor) noexcept : descriptor_(descriptor) {}
    File(const File&) = delete;
    File& operator=(const File&) = delete;
    ~File() {
        if (descriptor_ >= 0) ::close(descriptor_);
    }
    int get() const noexcept { return descriptor_; }

private:
    int descriptor_;
};

}  // namespace

Text read_file(const std::string& path) {
    const auto wrong = [&](const std::string& why) -> Text {
        return fail("cannot read " + path + ": " + why);
    };
    // Non-blocking, so that a FIFO without a writer cannot hold a reload up.
    const File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    struct stat status {};
    if (file.get() < 0 || ::fstat(file.get(), &status) != 0) return wrong(std::strerror(errno));
    if (S_ISDIR(status.st_mode)) return wrong(std::strerror(EISDIR));
    if (!S_ISREG(status.st_mode)) return wrong("not a regular file");
    std::string text;
    for (std::size_t size = 0;;) {
        if (size > kFileBytesMax)
            return wrong("larger than " + std::to_string(kFileBytesMax >> 20) + " MiB");
        const auto expected =
            static_cast<std::size_t>(status.st_size) + 1;  // one more shows the end at once
        text.resize(std::min(std::max(size + kStepBytes, expected), kFileBytesMax + 1));
        const ssize_t got = ::read(file.get(), text.data() + size, text.size() - size);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return wrong(std::strerror(errno));
        size += static_cast<std::size_t>(got);
        if (got != 0) continue;
        text.resize(size);
        return Text(boost::system::in_place_value, std::move(text));
    }
}

}  // namespace peerzone::zone
