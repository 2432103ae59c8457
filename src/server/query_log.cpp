// A ring has one writer, its worker, and one reader, the log's thread. `head_` counts what was
// written, `tail_` what was read; each is stored by one of them only. The thread announces that it
// is about to sleep, looks at the rings once more, and sleeps; a worker writes, then looks whether
// it sleeps: with a fence between the two steps on both sides one of them sees the other.
#include "peerzone/server/query_log.hpp"

#include <poll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <optional>
#include <utility>

#include "peerzone/base/ip.hpp"
#include "peerzone/dns/name.hpp"
#include "peerzone/resolver/resolver.hpp"

namespace peerzone::server {
namespace {

using WallClock = std::chrono::system_clock;

constexpr std::size_t kRing = 2048;        // records per worker: about 1 MiB while the log is on
constexpr std::size_t kChunkBytes = 4096;  // PIPE_BUF: written whole or not at all

/// A text cut to fit.
template <std::size_t N>
struct Text {
    std::uint8_t size = 0;
    std::array<char, N> octets;
    static_assert(N < 256);
    void set(std::string_view text) noexcept {
        size = static_cast<std::uint8_t>(std::min(text.size(), N));
        std::copy_n(text.begin(), size, octets.begin());
    }
    std::string_view view() const noexcept { return {octets.data(), size}; }
};

/// One reply, as much of it as is told.
struct Record {
    WallClock::time_point at;
    Duration duration;
    IpAddress client;
    std::optional<IpPrefix> subnet;  ///< that has chosen the view
    std::uint32_t size;
    std::uint16_t type;
    std::uint16_t error_code;
    dns::Rcode rcode;
    resolver::Source source;
    bool udp;
    bool truncated;
    bool has_error;
    std::uint8_t name_size;
    std::array<std::uint8_t, dns::kNameMax> name;
    Text<32> view;
    Text<48> upstream;
    Text<120> error;
};

bool is_error(dns::Rcode rcode) noexcept {
    return rcode != dns::Rcode::noerror && rcode != dns::Rcode::nxdomain;
}

void append_time(std::string& line, WallClock::time_point at) {
    const std::time_t seconds = WallClock::to_time_t(at);
    const auto ms = std::chrono::duration_cast<Millis>(at.time_since_epoch()).count() % 1000;
    std::tm parts{};
    ::gmtime_r(&seconds, &parts);
    std::array<char, 40> text{};
    std::size_t size = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &parts);
    size += static_cast<std::size_t>(
        std::snprintf(text.data() + size, text.size() - size, ".%03dZ", static_cast<int>(ms)));
    line.append(text.data(), size);
}

std::string millis_text(Duration duration) {
    std::array<char, 32> text{};
    const double ms = std::chrono::duration<double, std::milli>(duration).count();
    return {text.data(),
            static_cast<std::size_t>(std::snprintf(text.data(), text.size(), "%.1fms", ms))};
}

void append_line(std::string& line, const Record& record) {
    append_time(line, record.at);
    line += " info query";
    log::append_field(line, "client", record.client.to_text());
    if (record.subnet) log::append_field(line, "ecs", record.subnet->to_text());
    log::append_field(line, "view", record.view.size == 0 ? "-" : record.view.view());
    log::append_field(line, "proto", record.udp ? "udp" : "tcp");
    log::append_field(
        line, "name",
        record.name_size == 0 ? "-" : dns::name_text(Bytes(record.name).first(record.name_size)));
    log::append_field(line, "type", dns::type_text(record.type));
    log::append_field(line, "rcode", dns::rcode_text(record.rcode));
    log::append_field(line, "size", std::to_string(record.size));
    if (record.truncated) line += " truncated=yes";
    log::append_field(line, "duration", millis_text(record.duration));
    log::append_field(line, "from", resolver::source_text(record.source));
    if (record.upstream.size != 0) log::append_field(line, "by", record.upstream.view());
    if (record.has_error) {
        log::append_field(line, "ede", std::to_string(record.error_code));
        log::append_field(line, "why", record.error.view());
    }
    line += '\n';
}

}  // namespace

class QueryLog::Channel final : public resolver::ReplyObserver {
public:
    Channel(QueryLog& log, metrics::Counters& counters) : log_(log), counters_(counters) {}

    void on_reply(const resolver::Request& request,
                  const resolver::ReplyNote& note) noexcept override {
        const log::Queries which = log_.which_.load(std::memory_order_acquire);
        if (which == log::Queries::off) return;
        if (which == log::Queries::errors && !is_error(note.rcode)) return;
        const std::size_t head = head_.load(std::memory_order_relaxed);
        if (head - tail_.load(std::memory_order_acquire) == kRing) {
            counters_.add(metrics::Count::query_log_dropped);
            return;
        }
        fill((*ring_)[head % kRing], request, note);
        head_.store(head + 1, std::memory_order_release);
        std::atomic_thread_fence(std::memory_order_seq_cst);
        if (log_.sleeping_.load(std::memory_order_relaxed)) log_.wake();
    }

    /// Control thread, before the log is switched on.
    void make_ring() { ring_ = std::make_unique_for_overwrite<Ring>(); }
    /// The oldest record; null when there is none.
    const Record* front() const noexcept {
        const std::size_t tail = tail_.load(std::memory_order_relaxed);
        return tail == head_.load(std::memory_order_acquire) ? nullptr : &(*ring_)[tail % kRing];
    }
    void pop() noexcept {
        tail_.store(tail_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
    }

private:
    using Ring = std::array<Record, kRing>;

    static void fill(Record& record, const resolver::Request& request,
                     const resolver::ReplyNote& note) noexcept {
        record.at = WallClock::now();
        record.duration = note.duration;
        record.client = request.client;
        record.subnet.reset();
        if (request.query.subnet_state == dns::SubnetState::answered &&
            request.query.subnet.gives_address())
            record.subnet = request.query.subnet.prefix();
        record.size = static_cast<std::uint32_t>(note.size);
        record.type = request.query.type;
        record.rcode = note.rcode;
        record.source = note.source;
        record.udp = request.udp;
        record.truncated = note.truncated;
        const Bytes name = request.query.name();
        record.name_size = static_cast<std::uint8_t>(name.size());
        std::copy(name.begin(), name.end(), record.name.begin());
        record.view.set(note.view != nullptr ? std::string_view(note.view->name)
                                             : std::string_view());
        record.upstream.set(note.upstream != nullptr ? std::string_view(note.upstream->label)
                                                     : std::string_view());
        record.has_error = note.error != nullptr;
        if (note.error == nullptr) return;
        record.error_code = note.error->code;
        record.error.set(note.error->text);
    }

    QueryLog& log_;
    metrics::Counters& counters_;
    std::unique_ptr<Ring> ring_;
    alignas(64) std::atomic<std::size_t> head_{0};
    alignas(64) std::atomic<std::size_t> tail_{0};
};

QueryLog::QueryLog(Write write)
    : write_(std::move(write)), wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (!write_) write_ = [this](std::string_view lines) { write_stderr(lines); };
}

QueryLog::~QueryLog() {
    finish();
}

void QueryLog::finish() {
    if (!thread_.joinable()) return;
    stopping_.store(true);
    wake();
    thread_.join();
}

resolver::ReplyObserver& QueryLog::add_channel(metrics::Counters& counters) {
    channels_.push_back(std::make_unique<Channel>(*this, counters));
    return *channels_.back();
}

void QueryLog::set(log::Queries which) {
    if (which != log::Queries::off && !thread_.joinable()) {
        for (const auto& channel : channels_) channel->make_ring();
        thread_ = std::thread([this] { run(); });
    }
    which_.store(which, std::memory_order_release);
}

void QueryLog::wake() noexcept {
    sleeping_.store(false, std::memory_order_relaxed);
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(wake_.get(), &one, sizeof one);
}

void QueryLog::run() {
    for (;;) {
        if (write_all()) continue;
        if (stopping_.load()) return;
        sleeping_.store(true, std::memory_order_relaxed);
        std::atomic_thread_fence(std::memory_order_seq_cst);
        if (write_all() || stopping_.load()) continue;
        pollfd waiting{wake_.get(), POLLIN, 0};
        ::poll(&waiting, 1, -1);
        std::uint64_t ignored = 0;
        [[maybe_unused]] const auto taken = ::read(wake_.get(), &ignored, sizeof ignored);
    }
}

// One chunk of lines from each ring. False when there was nothing.
bool QueryLog::write_all() {
    bool any = false;
    for (const auto& channel : channels_) {
        lines_.clear();
        while (const Record* record = channel->front()) {
            const std::size_t before = lines_.size();
            append_line(lines_, *record);
            if (before != 0 && lines_.size() > kChunkBytes) {  // it stands in front next time
                lines_.resize(before);
                break;
            }
            channel->pop();
        }
        if (lines_.empty()) continue;
        any = true;
        write_(lines_);
    }
    return any;
}

// A pipe that is ready takes PIPE_BUF octets whole. When stderr has no reader, this waits, the
// rings fill, and at the end of the program it gives up.
void QueryLog::write_stderr(std::string_view lines) noexcept {
    while (!lines.empty() && !gave_up_) {
        pollfd waiting{STDERR_FILENO, POLLOUT, 0};
        constexpr Millis kLook{100};
        const int ready = ::poll(&waiting, 1, static_cast<int>(kLook.count()));
        if (ready <= 0) {
            if (stopping_.load()) gave_up_ = (patience_ -= kLook) <= Millis(0);
            continue;
        }
        const ssize_t written = ::write(STDERR_FILENO, lines.data(), lines.size());
        if (written < 0 && errno != EINTR && errno != EAGAIN) return;  // it will never be read
        if (written > 0) lines.remove_prefix(static_cast<std::size_t>(written));
    }
}

}  // namespace peerzone::server
