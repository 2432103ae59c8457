#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstring>

#include "modes.hpp"
#include "sockets.hpp"

namespace peerzone::bench {
namespace {

constexpr auto kPatience = std::chrono::seconds(30);
constexpr auto kAskEvery = std::chrono::microseconds(200);

[[noreturn]] void become(const std::vector<std::string>& argv, int log, int core) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setpgid(0, 0);
    cpu_set_t cores;
    CPU_ZERO(&cores);
    CPU_SET(static_cast<std::size_t>(core), &cores);
    sched_setaffinity(0, sizeof cores, &cores);
    dup2(log, 1);
    dup2(log, 2);
    std::vector<char*> pointers;
    for (const std::string& argument : argv)
        pointers.push_back(const_cast<char*>(argument.c_str()));
    pointers.push_back(nullptr);
    execv(pointers[0], pointers.data());
    _exit(127);
}

void stop(pid_t child) {
    killpg(child, SIGTERM);
    const auto end = Clock::now() + std::chrono::seconds(10);
    while (waitpid(child, nullptr, WNOHANG) == 0) {
        if (Clock::now() > end) {
            killpg(child, SIGKILL);
            waitpid(child, nullptr, 0);
            return;
        }
        poll(nullptr, 0, 2);
    }
}

/// False when it is `due`.
bool wait_readable(int fd, Clock::time_point due) {
    const auto left = std::chrono::nanoseconds(due - Clock::now()).count();
    if (left <= 0) return false;
    const timespec timeout{.tv_sec = 0, .tv_nsec = left};
    pollfd wanted{.fd = fd, .events = POLLIN, .revents = 0};
    ppoll(&wanted, 1, &timeout, nullptr);
    return true;
}

}  // namespace

double time_start(const Load& load, Questions& questions, const std::vector<std::string>& argv,
                  const std::string& log, int core) {
    const int log_fd = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    const int fd = connected_socket(load.server);
    if (fd < 0) return -1;
    const auto started = Clock::now();
    const pid_t child = fork();
    if (child < 0) return -1;
    if (child == 0) become(argv, log_fd, core);

    std::array<std::uint8_t, 2048> reply;
    double took = -1;
    std::uint16_t id = 0;
    for (auto now = started; took < 0 && now - started < kPatience; now = Clock::now()) {
        Question question = questions.next();
        write16(question.octets.data(), ++id);
        send(fd, question.octets.data(), question.size,
             MSG_DONTWAIT);  // refused until the server listens
        // Asleep in between: the upstream's responder is on this core, and a core that is kept
        // busy lets it run after a tick of the kernel's only (4 ms).
        for (const auto due = now + kAskEvery; took < 0 && wait_readable(fd, due);) {
            const ssize_t got = recv(fd, reply.data(), reply.size(), MSG_DONTWAIT);
            // SERVFAIL while it warms up is not an answer.
            if (got >= static_cast<ssize_t>(kHeader) && (reply[3] & 15) == 0 &&
                read16(&reply[6]) > 0)
                took = std::chrono::duration<double, std::milli>(Clock::now() - started).count();
        }
        if (waitpid(child, nullptr, WNOHANG) == child) {
            close(fd), close(log_fd);
            return -1;
        }
    }
    stop(child);
    close(fd), close(log_fd);
    return took;
}

}  // namespace peerzone::bench
