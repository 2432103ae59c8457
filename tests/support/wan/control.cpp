#include "control.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <initializer_list>
#include <span>
#include <utility>
#include <vector>

namespace peerzone::wan {

namespace {

std::vector<std::string_view> words_of(std::string_view line) {
    constexpr std::string_view kSpace = " \t\r";
    std::vector<std::string_view> words;
    while (true) {
        const auto begin = line.find_first_not_of(kSpace);
        if (begin == std::string_view::npos) return words;
        line.remove_prefix(begin);
        const auto size = std::min(line.find_first_of(kSpace), line.size());
        words.push_back(line.substr(0, size));
        line.remove_prefix(size);
    }
}

std::string quoted(std::string_view text) {
    return "'" + std::string(text) + "'";
}

template <class T>
bool keep(std::optional<T>& where, const Result<T>& parsed, Error& error) {
    if (!parsed) {
        error = parsed.error();
        return false;
    }
    where = *parsed;
    return true;
}

Result<Command> parse_link(std::span<const std::string_view> words) {
    if (words.size() < 4) return fail("link needs two regions and something to change");
    LinkCommand command{std::string(words[1]), std::string(words[2]), {}};
    auto& change = command.change;
    Error error;
    for (std::size_t i = 3; i < words.size(); ++i) {
        const auto key = words[i];
        if (key == "cut" || key == "open") {
            change.cut = key == "cut";
            continue;
        }
        if (key != "delay" && key != "jitter" && key != "loss") {
            return fail("what is " + quoted(key) + "?");
        }
        if (++i == words.size()) return fail(quoted(key) + " needs a value");
        const bool good = key == "delay"    ? keep(change.delay, parse_delay(words[i]), error)
                          : key == "jitter" ? keep(change.jitter, parse_delay(words[i]), error)
                                            : keep(change.loss_ppm, parse_loss(words[i]), error);
        if (!good) return error;
    }
    return Command{std::move(command)};
}

std::string change_links(Network& network, const LinkCommand& command) {
    const auto a = network.find(command.a);
    if (!a) return "error: no region " + quoted(command.a) + "\n";
    if (command.b == kEveryRegion) {
        for (std::size_t b = 0; b < network.size(); ++b) {
            if (b != *a) network.change(*a, b, command.change);
        }
        return "ok\n";
    }
    const auto b = network.find(command.b);
    if (!b) return "error: no region " + quoted(command.b) + "\n";
    if (*a == *b) return "error: a link joins two regions\n";
    network.change(*a, *b, command.change);
    return "ok\n";
}

using Field = std::pair<const char*, std::uint64_t>;

void append_fields(std::string& text, std::initializer_list<Field> fields) {
    for (const auto& [key, value] : fields) {
        text.append(" ").append(key).append("=").append(std::to_string(value));
    }
    text += '\n';
}

void append_link(std::string& text, const Network& network, std::size_t from, std::size_t to) {
    const auto& settings = network.settings(from, to);
    const auto& counters = network.counters(from, to);
    text += "link from=" + network.name(from) + " to=" + network.name(to) +
            (settings.cut ? " state=cut" : " state=open");
    append_fields(text, {{"delay_us", settings.delay.count()},
                         {"jitter_us", settings.jitter.count()},
                         {"loss_ppm", settings.loss_ppm},
                         {"delivered", counters.delivered},
                         {"delivered_bytes", counters.delivered_bytes},
                         {"lost", counters.lost},
                         {"cut", counters.cut},
                         {"full", counters.full},
                         {"queued", counters.queued},
                         {"queued_bytes", counters.queued_bytes}});
}

std::string stats(const Network& network) {
    std::string text;
    for (std::size_t i = 0; i < network.size(); ++i) {
        const auto& counters = network.counters(i);
        text += "region name=" + network.name(i);
        append_fields(text, {{"received", counters.received},
                             {"malformed", counters.malformed},
                             {"unroutable", counters.unroutable},
                             {"undelivered", counters.undelivered}});
    }
    for (std::size_t from = 0; from < network.size(); ++from) {
        for (std::size_t to = 0; to < network.size(); ++to) {
            if (from != to) append_link(text, network, from, to);
        }
    }
    return text + "ok\n";
}

}  // namespace

Result<Micros> parse_delay(std::string_view text) {
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    const std::string_view unit{end, static_cast<std::size_t>(text.data() + text.size() - end)};
    const std::int64_t factor = unit == "us" ? 1 : unit == "ms" ? 1000 : unit == "s" ? kMillion : 0;
    if (error != std::errc{} || factor == 0) {
        return fail(quoted(text) + " is not a duration such as 30ms");
    }
    if (number < 0 || number > kDelayMax.count() / factor) {
        return fail(quoted(text) + " is not from 0 to 10 s");
    }
    return Micros{number * factor};
}

Result<std::uint32_t> parse_loss(std::string_view text) {
    double percent = 0;
    const auto* last = text.data() + text.size();
    const auto [end, error] = std::from_chars(text.data(), last, percent, std::chars_format::fixed);
    if (error != std::errc{} ||
        std::string_view(end, static_cast<std::size_t>(last - end)) != "%") {
        return fail(quoted(text) + " is not a share such as 0.1%");
    }
    if (!(percent >= 0 && percent <= 100)) return fail(quoted(text) + " is not from 0% to 100%");
    return static_cast<std::uint32_t>(std::lround(percent * kMillion / 100));
}

Result<Command> parse_command(std::string_view line) {
    const auto words = words_of(line);
    if (words.empty()) return fail("nothing to do");
    if (words[0] == "link") return parse_link(words);
    if (words[0] != "stats") return fail("no command " + quoted(words[0]));
    if (words.size() > 1) return fail("stats takes nothing");
    return Command{StatsCommand{}};
}

std::string execute(Network& network, std::string_view line) {
    const auto command = parse_command(line);
    if (!command) return "error: " + command.error().message + "\n";
    if (const auto* link = std::get_if<LinkCommand>(&*command)) return change_links(network, *link);
    return stats(network);
}

}  // namespace peerzone::wan
