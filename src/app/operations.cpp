#include "app/operations.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/post.hpp>
#include <charconv>
#include <utility>

#include "app/upstream_report.hpp"
#include "peerzone/base/version.hpp"

namespace peerzone::app {
namespace {

std::string hex(std::uint64_t value) {
    std::array<char, 16> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value, 16).ptr;
    const auto size = static_cast<std::size_t>(end - digits.data());
    return std::string(digits.size() - size, '0') + std::string(digits.data(), size);
}

}  // namespace

/// A sweep through the cache on behalf of a request.
struct Operations::Flush {
    admin::FlushOrder order;
    cache::Selection selection;  // refers to order.name
    cache::Sweep progress;
    std::function<void(std::size_t)> done;
};

Operations::Operations(boost::asio::io_context& io, cache::Cache& cache,
                       std::shared_ptr<resolver::ConfigStatus> status)
    : io_(io), cache_(cache), status_(std::move(status)) {}

void Operations::config_loaded(const std::string& file, const std::string& cluster,
                               std::optional<std::uint64_t> digest, const std::string& restart) {
    cluster_ = cluster;
    status_->note_loaded(file, digest, restart);
}

metrics::Report Operations::report() const {
    metrics::Report report;
    report.version = kVersion;
    report.node = hex(snapshot_->node_id);
    report.cluster = cluster_;
    const resolver::ConfigStatus::Seen config = status_->seen();
    report.config_file = config.file;
    report.config_ok = config.problem.empty();
    report.config_problem = config.problem;
    report.config_loaded = config.loaded;
    report.started = started_;
    report.now = std::chrono::system_clock::now();
    report.ready = ready();
    const cache::Stats stats = cache_.stats();
    report.cache = {.entries = stats.entries,
                    .bytes = stats.bytes,
                    .stored = stats.stored,
                    .evicted = stats.evicted_probation + stats.evicted_main};
    report.counters = counters_;
    const Time now = Clock::now();
    const discovery::SourceTable none;
    for (const auto& upstream : snapshot_->upstreams)
        report.upstreams.push_back(
            report_on(*upstream, sources_ != nullptr ? *sources_ : none, now));
    return report;
}

std::vector<std::string> Operations::upstream_names() const {
    std::vector<std::string> names;
    for (const auto& upstream : snapshot_->upstreams) names.push_back(name_of(*upstream));
    return names;
}

// A peer that is called like something else comes first, as in the snapshot.
const upstream::Upstream* Operations::find(std::string_view name) const {
    const auto& all = snapshot_->upstreams;
    const auto found = std::find_if(
        all.begin(), all.end(), [&](const auto& upstream) { return name_of(*upstream) == name; });
    return found == all.end() ? nullptr : found->get();
}

bool Operations::hold(std::string_view upstream, bool held) {
    const upstream::Upstream* const found = find(upstream);
    if (found == nullptr || found->health->is_held() == held) return false;
    found->health->hold(held);
    return true;
}

void Operations::flush(const admin::FlushOrder& order, std::function<void(std::size_t)> done) {
    auto flush = std::make_shared<Flush>();
    flush->order = order;
    flush->done = std::move(done);
    if (order.name) {
        flush->selection.name = flush->order.name->wire();
        flush->selection.below = order.below;
    } else if (const upstream::Upstream* const found = find(order.upstream)) {
        flush->selection.source = found->id;
    } else {
        flush->done(0);
        return;
    }
    go_on(flush);
}

// A large cache takes a while: others have their turn between two steps.
void Operations::go_on(const std::shared_ptr<Flush>& flush) {
    if (cache_.sweep(flush->selection, flush->progress)) {
        flush->done(flush->progress.dropped);
        return;
    }
    boost::asio::post(io_, [this, flush] { go_on(flush); });
}

}  // namespace peerzone::app
