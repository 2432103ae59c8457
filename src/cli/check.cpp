#include "cli/check.hpp"

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <iomanip>
#include <iostream>
#include <vector>

#include "peerzone/app/app.hpp"
#include "peerzone/base/text.hpp"

namespace peerzone::cli {
namespace {

constexpr std::size_t kLinesPerSectionMax = 8;
constexpr std::size_t kWordsPerLineMax = 4;
constexpr int kHeadingWidth = 10;

// "a, b, c, d and 12 more"
template <class Values, class ToText>
std::string joined(const Values& values, ToText&& to_text) {
    std::string text;
    for (std::size_t i = 0; i < std::min(values.size(), kWordsPerLineMax); ++i) {
        if (i > 0) text += ", ";
        text += to_text(values[i]);
    }
    if (values.size() > kWordsPerLineMax)
        text += " and " + std::to_string(values.size() - kWordsPerLineMax) + " more";
    return text;
}

std::string to_text(const upstream::Options& upstream) {
    std::string text = joined(upstream.zones, [](const dns::Name& zone) { return zone.to_text(); });
    if (upstream.alias) {
        if (!text.empty()) text += ", ";
        text += upstream.alias->here.to_text() + " for " + upstream.alias->there.to_text();
    }
    text += " -> " + joined(upstream.endpoints, upstream::source_text);
    std::vector<IpPrefix> prefixes = upstream.pods;
    for (const auto* more : {&upstream.services, &upstream.reverse})
        prefixes.insert(prefixes.end(), more->begin(), more->end());
    if (!prefixes.empty())
        text += " (reverse " +
                joined(prefixes, [](const IpPrefix& prefix) { return prefix.to_text(); }) + ")";
    return text;
}

std::string to_text(const zone::Options& zone) {
    std::string text = zone.origin.to_text() + " <- ";
    if (!zone.file.empty()) return text + zone.file;
    return text + std::to_string(zone.records.size()) +
           (zone.records.size() == 1 ? " record" : " records");
}

std::string to_text(const config::View& view) {
    std::string text = view.name + ": " + joined(view.clients, [](const IpPrefix& prefix) {
                           return prefix.to_text();
                       });
    if (!view.listen.empty())
        text += " at " + joined(view.listen, [](const SocketAddress& at) { return at.to_text(); });
    const auto as_is = [](const std::string& name) { return name; };
    if (view.peers)
        text += "; peers " + (view.peers->empty() ? "none" : joined(*view.peers, as_is));
    if (!view.zones.empty())
        text += "; zones " +
                joined(view.zones, [](const zone::Options& zone) { return zone.origin.to_text(); });
    if (view.forwards)
        text += "; forward " + (view.forwards->empty()
                                    ? "none"
                                    : joined(*view.forwards, [](const upstream::Options& forward) {
                                          return forward.zones.empty()
                                                     ? forward.name
                                                     : forward.zones.front().to_text();
                                      }));
    return text;
}

void write_section(std::ostream& out, const char* heading, const std::vector<std::string>& lines) {
    for (std::size_t i = 0; i < std::min(lines.size(), kLinesPerSectionMax); ++i)
        out << "  " << std::left << std::setw(kHeadingWidth) << (i == 0 ? heading : "") << lines[i]
            << '\n';
    if (lines.size() > kLinesPerSectionMax)
        out << "  " << std::setw(kHeadingWidth) << ""
            << "and " << lines.size() - kLinesPerSectionMax << " more\n";
}

std::string name_of(const std::string& file) {
    return file == "-" ? "<stdin>" : file;
}

config::Loaded load(const std::string& file, std::istream& in) {
    if (file != "-") return config::load(file);
    // One octet more than allowed is enough to be refused.
    std::string text(config::kFileBytesMax + 1, '\0');
    in.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(in.gcount()));
    // std::cin, which C's stdin stands behind, takes every error for the end.
    if (in.bad() || (&in == &std::cin && std::ferror(stdin) != 0)) {
        config::Loaded failed;
        failed.problems.push_back(
            {name_of(file), 0, 0, "",
             std::string("cannot be read: ") +
                 std::strerror(errno),  // NOLINT(concurrency-mt-unsafe): one thread
             "", config::Problem::Kind::unavailable});
        return failed;
    }
    return config::load_text(text, name_of(file));
}

const char* severity(config::Problem::Kind kind) {
    return kind == config::Problem::Kind::warning ? "warning" : "error";
}

boost::json::object to_json(const std::string& file, const config::Loaded& loaded) {
    // Names of files, and values from the environment, need not be UTF-8; JSON is.
    boost::json::array problems;
    for (const auto* list : {&loaded.problems, &loaded.warnings})
        for (const config::Problem& problem : *list)
            problems.push_back(boost::json::object{{"severity", severity(problem.kind)},
                                                   {"file", printable(problem.file)},
                                                   {"line", problem.line},
                                                   {"column", problem.column},
                                                   {"path", printable(problem.path)},
                                                   {"message", printable(problem.message)},
                                                   {"hint", printable(problem.hint)}});
    return {{"file", printable(name_of(file))},
            {"ok", loaded.config.has_value()},
            {"problems", problems}};
}

std::string counted(std::size_t count, const char* what) {
    return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

void tell(const std::string& file, const config::Loaded& loaded, const Streams& streams) {
    for (const auto* list : {&loaded.problems, &loaded.warnings})
        for (const config::Problem& problem : *list)
            streams.complaints << problem.to_text() << '\n';
    if (!loaded.config) {
        streams.complaints << name_of(file) << ": " << counted(loaded.problems.size(), "problem")
                           << '\n';
        return;
    }
    streams.out << name_of(file) << ": ok";
    if (!loaded.warnings.empty()) streams.out << ", " << counted(loaded.warnings.size(), "warning");
    streams.out << '\n';
    write_summary(*loaded.config, streams.out);
}

}  // namespace

void write_summary(const config::Config& config, std::ostream& out) {
    write_section(out, "cluster",
                  {config.cluster_name + ", zone " + config.cluster_zone.to_text()});
    write_section(out, "listen", {joined(config.listen.dns, [](const SocketAddress& address) {
                      return address.to_text();
                  })});
    if (!config.listen.tls.empty())
        write_section(out, "tls", {joined(config.listen.tls, [](const SocketAddress& address) {
                          return address.to_text();
                      })});
    if (config.listen.admin_is_given)
        write_section(out, "admin", {config.listen.admin ? config.listen.admin->to_text() : "off"});
    if (config.local) write_section(out, "local", {to_text(*config.local)});
    std::vector<std::string> peers;
    for (const auto& peer : config.peers) peers.push_back(peer.name + ": " + to_text(peer));
    write_section(out, "peers", peers);
    std::vector<std::string> zones;
    for (const auto& zone : config.zones) zones.push_back(to_text(zone));
    write_section(out, "zones", zones);
    std::vector<std::string> forwards;
    for (const auto& forward : config.forwards) forwards.push_back(to_text(forward));
    write_section(out, "forward", forwards);
    if (!config.trusted_forwarders.empty())
        write_section(out, "trusted",
                      {joined(config.trusted_forwarders,
                              [](const IpPrefix& prefix) { return prefix.to_text(); })});
    std::vector<std::string> views;
    for (const config::View& view : config.views) views.push_back(to_text(view));
    write_section(out, "views", views);
    if (!config.local && config.peers.empty() && config.zones.empty() && config.forwards.empty())
        out << "  note: no peers, zones, local or forward: every ordinary name is refused\n";
}

int check(const CheckOptions& options, const Streams& streams) {
    std::vector<config::Problem> problems;
    boost::json::array told;
    for (const std::string& file : options.files) {
        const config::Loaded loaded = load(file, streams.in);
        problems.insert(problems.end(), loaded.problems.begin(), loaded.problems.end());
        if (options.as_json)
            told.push_back(to_json(file, loaded));
        else
            tell(file, loaded, streams);
    }
    const bool ok = problems.empty();
    if (options.as_json)
        streams.out << boost::json::serialize(boost::json::object{{"ok", ok}, {"files", told}})
                    << '\n';
    return ok ? 0 : app::exit_status(problems);
}

}  // namespace peerzone::cli
