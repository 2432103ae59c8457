// The load: one mode, one server, one line of JSON.
//
//   bench_load MODE ADDRESS PORT SET [OPTION VALUE]…
//   MODE  udp | pace | stream | connect | tls_stream | tls_connect | start
//   SET   see questions.hpp; `start` takes `-- PROGRAM ARGUMENT…` at the end
#include <sys/resource.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>

#include "modes.hpp"
#include "sockets.hpp"

namespace {

using namespace peerzone::bench;

struct Arguments {
    std::map<std::string, std::string> options;
    std::vector<std::string> program;

    double number(const char* name, double fallback) const {
        const auto found = options.find(name);
        return found == options.end() ? fallback : std::atof(found->second.c_str());
    }
};

// Everything behind the four positional arguments. False: not in pairs.
bool read_arguments(int argc, char** argv, Arguments& arguments) {
    int at = 5;
    for (; at < argc && std::strcmp(argv[at], "--") != 0; at += 2) {
        if (std::strncmp(argv[at], "--", 2) != 0 || at + 1 >= argc) return false;
        arguments.options[argv[at] + 2] = argv[at + 1];
    }
    for (++at; at < argc; ++at) arguments.program.emplace_back(argv[at]);
    return true;
}

double own_cpu_seconds() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

void print(const Tally& tally, double seconds, const std::string& more) {
    const auto n = [](std::uint64_t value) { return static_cast<unsigned long long>(value); };
    std::string rcodes;
    for (std::size_t i = 0; i < tally.rcodes.size(); ++i)
        if (tally.rcodes[i])
            rcodes += (rcodes.empty() ? "\"" : ", \"") + std::to_string(i) +
                      "\": " + std::to_string(tally.rcodes[i]);
    std::printf(
        "{\"sent\": %llu, \"answers\": %llu, \"wrong\": %llu, \"lost\": %llu, \"unexpected\": "
        "%llu, \"sampled\": %llu, "
        "\"additionals\": %llu, \"connections\": %llu, \"resumed\": %llu, \"failed\": %llu, "
        "\"cut\": %llu, \"rcodes\": {%s}, "
        "\"seconds\": %.4f, \"own_cpu\": %.4f%s}\n",
        n(tally.sent), n(tally.answers), n(tally.wrong), n(tally.lost), n(tally.unexpected),
        n(tally.sampled), n(tally.additionals), n(tally.connections), n(tally.resumed),
        n(tally.failed), n(tally.cut), rcodes.c_str(), seconds, own_cpu_seconds(), more.c_str());
}

std::string describe(const Latency& latency) {
    char text[256];
    std::snprintf(
        text, sizeof text,
        ", \"p50\": %.1f, \"p99\": %.1f, \"p999\": %.1f, \"max\": %.1f, \"lag_p99\": %.1f",
        latency.p50, latency.p99, latency.p999, latency.max, latency.lag_p99);
    return text;
}

// False: no such mode.
bool run(const std::string& mode, const Arguments& arguments, Load& load, Questions& questions,
         Judge& judge, std::string& more) {
    load.tls = mode.starts_with("tls_");
    if (mode == "udp") {
        saturate_udp(load, questions, judge);
    } else if (mode == "pace") {
        more = describe(pace_udp(load, questions, judge));
    } else if (mode == "stream" || mode == "tls_stream") {
        saturate_streams(load, questions, judge);
    } else if (mode == "connect" || mode == "tls_connect") {
        load.resume = load.tls;
        connect_streams(load, questions, judge);
    } else if (mode == "start" && !arguments.program.empty() && arguments.options.count("log")) {
        const double took =
            time_start(load, questions, arguments.program, arguments.options.at("log"),
                       static_cast<int>(arguments.number("core", 0)));
        more = ", \"start_ms\": " + std::to_string(took);
    } else {
        return false;
    }
    return true;
}

}  // namespace

int main(int argc, char** argv) {
    Arguments arguments;
    Load load;
    if (argc < 5 || !make_address(argv[2], argv[3], load.server) ||
        !read_arguments(argc, argv, arguments)) {
        std::fprintf(stderr,
                     "usage: %s MODE LOOPBACK-ADDRESS PORT SET [--OPTION VALUE]... [-- PROGRAM "
                     "ARGUMENT...]\n",
                     argv[0]);
        return 2;
    }
    QuestionOptions options;
    options.edns = arguments.number("edns", 0) != 0;
    options.in_order = arguments.number("in-order", 0) != 0;
    options.first = static_cast<std::uint32_t>(arguments.number("first", 0));
    auto questions = Questions::make(argv[4], options);
    if (!questions) {
        std::fprintf(stderr, "no such set of questions: %s\n", argv[4]);
        return 2;
    }
    load.seconds = arguments.number("seconds", load.seconds);
    load.count = static_cast<std::uint64_t>(arguments.number("count", 0) +
                                            arguments.number("rounds", 0) *
                                                static_cast<double>(questions->size()));
    load.sockets = static_cast<unsigned>(arguments.number("sockets", load.sockets));
    load.window = static_cast<unsigned>(arguments.number("window", load.window));
    load.per_second = static_cast<unsigned>(arguments.number("per-second", load.per_second));
    Judge judge(arguments.number("echo", 0) != 0);
    std::string more;
    const auto started = Clock::now();
    if (!run(argv[1], arguments, load, *questions, judge, more)) {
        std::fprintf(stderr, "no such mode: %s\n", argv[1]);
        return 2;
    }
    print(judge.tally, std::chrono::duration<double>(Clock::now() - started).count(), more);
    return 0;
}
