// One thread, which owns all but the flag and the wish to stop. What it reads is compared by
// contents, so that a `touch`, or a ConfigMap that is mounted anew, reloads nothing and logs
// nothing. The comparison is with what was read last, right or wrong: a mistake is reported once,
// and mended when the file goes back to what is served.
#include "app/config_follower.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <exception>
#include <utility>

#include "peerzone/base/log.hpp"

namespace peerzone::app {
namespace {

constexpr Millis kLook{250};      // how often the files are looked at
constexpr Millis kLookSoon{100};  // the same after a change

// `serve --config <(…)` works, but nobody writes it a second time, and reading would wait for that.
bool is_stream(const std::string& path) {
    struct stat found {};
    return ::stat(path.c_str(), &found) == 0 && !S_ISREG(found.st_mode) && !S_ISDIR(found.st_mode);
}

// Files of `before` that look otherwise in `now`.
std::string changed_files(const FileStamps& before, const FileStamps& now) {
    constexpr std::size_t kNamedMax = 3;
    std::vector<std::string> changed;
    for (const auto& [path, stamp] : now) {
        const auto old = before.find(path);
        if (old == before.end() || old->second != stamp) changed.push_back(path);
    }
    std::string text;
    for (std::size_t i = 0; i < std::min(changed.size(), kNamedMax); ++i)
        text += (text.empty() ? "" : ", ") + changed[i];
    if (changed.size() > kNamedMax)
        text += " and " + std::to_string(changed.size() - kNamedMax) + " more";
    return text;
}

}  // namespace

std::vector<std::string> files_of(const std::string& config_file, const config::Loaded& loaded) {
    std::vector<std::string> files{config_file};
    for (const std::string& file : loaded.files)
        if (std::ranges::find(files, file) == files.end()) files.push_back(file);
    return files;
}

ConfigFollower::ConfigFollower(boost::asio::io_context& io, std::string config_file, Taken taken,
                               std::shared_ptr<resolver::ConfigStatus> status)
    : io_(io),
      config_file_(std::move(config_file)),
      taken_(std::move(taken)),
      status_(std::move(status)) {}

ConfigFollower::~ConfigFollower() {
    stop();
    if (thread_.joinable()) thread_.join();
}

void ConfigFollower::start(FileStamps loaded) {
    for (const auto& [path, stamp] : loaded) files_.push_back(path);
    read_ = std::move(loaded);
    debounce_.done(read_);
    thread_ = std::thread([this] { run(); });
}

void ConfigFollower::request() {
    const std::scoped_lock lock(mutex_);
    requested_ = true;
    wake_.notify_one();
}

void ConfigFollower::stop() {
    const std::scoped_lock lock(mutex_);
    stop_.request_stop();
    wake_.notify_one();
}

void ConfigFollower::run() {
    // Of what was read at start: unknown when it has been changed since.
    const std::stop_token stop = stop_.get_token();
    digest_ = digest_of(files_, stop);
    if (stamps_of(files_) != read_) digest_.reset();
    status_->note_first_digest(digest_);
    log::debug("following files", {{"count", std::to_string(files_.size())}});
    for (std::unique_lock lock(mutex_); !stop.stop_requested();) {
        wake_.wait_for(lock, debounce_.pending() ? kLookSoon : kLook,
                       [&] { return requested_ || stop.stop_requested(); });
        if (stop.stop_requested()) return;
        const bool requested = std::exchange(requested_, false);
        lock.unlock();
        look(requested);
        lock.lock();
    }
}

void ConfigFollower::look(bool requested) {
    const FileStamps seen = stamps_of(files_);
    const std::stop_token stop = stop_.get_token();
    const bool incomplete = seen != read_ && is_incomplete(files_);  // only a change is waited for
    const bool due = debounce_.look(seen, incomplete, Clock::now());
    if (seen != read_) status_->note_changing(true);
    if (!requested && !due) return;
    const std::optional<std::uint64_t> digest = digest_of(files_, stop);
    if (!requested && digest && digest == digest_) {
        log::debug("files written, contents the same", {{"files", changed_files(read_, seen)}});
        read_ = seen;
        debounce_.done(seen);
        status_->note_changing(false);
        return;
    }
    const std::string why = requested ? "SIGHUP" : changed_files(read_, seen) + " changed";
    read_ = seen;
    Reading reading;
    try {
        reading = read();  // files_ and read_ are those of the new configuration now
    } catch (const std::exception& error) {  // memory
        reading.config.reset();
        reading.problems.push_back({config_file_, 0, 0, "", error.what(), ""});
    }
    reading.why = why;
    if (stop.stop_requested()) return;  // what was read may be a part only
    // What has been written meanwhile is not known by its contents, and is read once more.
    digest_ = digest_of(files_, stop);
    if (stamps_of(files_) != read_) digest_.reset();
    reading.digest = digest_;
    debounce_.done(read_);
    boost::asio::post(io_,
                      [this, taken = std::move(reading)]() mutable { taken_(std::move(taken)); });
}

Reading ConfigFollower::read() {
    Reading reading;
    if (is_stream(config_file_)) {
        reading.problems.push_back(
            {config_file_, 0, 0, "", "is a stream, which cannot be read a second time",
             "give the configuration as a file to change it while it is served"});
        return reading;
    }
    const std::stop_token stop = stop_.get_token();
    config::Loaded loaded = config::load(config_file_, stop);
    reading.problems = std::move(loaded.problems);
    reading.warnings = std::move(loaded.warnings);
    // Stamped before the zones are built that will be served; of the others what was seen before.
    std::vector<std::string> files = files_of(config_file_, loaded);
    FileStamps stamps = stamps_of(files);
    for (auto& [path, stamp] : stamps)
        if (const auto known = read_.find(path); known != read_.end()) stamp = known->second;
    std::ranges::sort(files);  // as at the start, so that equal files have equal digests
    files_ = std::move(files);
    read_ = std::move(stamps);
    if (!loaded.config || stop.stop_requested()) return reading;
    auto zones = load_zones(*loaded.config, stop);
    if (!zones) {  // written since it was checked
        reading.problems.push_back({config_file_, 0, 0, "", zones.error().message, ""});
        return reading;
    }
    reading.zones = std::move(*zones);
    reading.config = std::move(loaded.config);
    return reading;
}

}  // namespace peerzone::app
