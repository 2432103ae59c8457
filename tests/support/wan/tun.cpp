#include "tun.hpp"

#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <sched.h>
#include <sys/ioctl.h>

#include <cerrno>
#include <cstring>
#include <exception>
#include <system_error>

namespace peerzone::wan {

namespace {

Error failed(const std::string& what) {
    return fail(what + ": " + std::generic_category().message(errno));
}

/// The calling thread is in another network namespace as long as this lives.
class Inside {
public:
    explicit Inside(const std::string& path)
        : own_(::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC)) {
        const Fd other{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
        entered_ = own_ && other && ::setns(other.get(), CLONE_NEWNET) == 0;
    }
    ~Inside() {
        if (entered_ && ::setns(own_.get(), CLONE_NEWNET) != 0) std::terminate();
    }
    Inside(const Inside&) = delete;
    Inside& operator=(const Inside&) = delete;
    explicit operator bool() const noexcept { return entered_; }

private:
    Fd own_;
    bool entered_ = false;
};

}  // namespace

Result<Fd> open_tun(const std::string& ns, const std::string& device) {
    ifreq request{};
    if (device.empty() || device.size() >= sizeof request.ifr_name) {
        return fail("'" + device + "' is no name for a device");
    }
    const Inside inside{"/run/netns/" + ns};
    if (!inside) return failed("namespace " + ns);
    // The device belongs to the namespace in which its descriptor was opened.
    Fd fd{::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC)};
    if (!fd) return failed("/dev/net/tun");
    request.ifr_flags = IFF_TUN | IFF_NO_PI;
    std::memcpy(static_cast<void*>(request.ifr_name), device.data(), device.size());
    if (::ioctl(fd.get(), TUNSETIFF, &request) != 0)
        return failed("device " + device + " in " + ns);
    return fd;
}

}  // namespace peerzone::wan
