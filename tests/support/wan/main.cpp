// wan [--device NAME] [--queue BYTES] [--seed N] REGION=PREFIX@NAMESPACE...
//
// Opens a TUN device in each namespace, says "ready", and carries packets between them until its
// standard input ends. README.md says how to use it.
#include <charconv>
#include <cstdio>
#include <exception>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "router.hpp"
#include "tun.hpp"

namespace {

using namespace peerzone;
using namespace peerzone::wan;

struct RegionArgument {
    std::string name;
    IpPrefix prefix;
    std::string ns;
};

struct Arguments {
    NetworkOptions network;
    std::string device = "wan0";
    std::vector<RegionArgument> regions;
};

Result<RegionArgument> parse_region(std::string_view text) {
    const auto equals = text.find('=');
    const auto at = text.find('@');
    if (equals == 0 || equals == std::string_view::npos || at == std::string_view::npos ||
        at < equals || at + 1 == text.size()) {
        return fail("'" + std::string(text) + "' is not REGION=PREFIX@NAMESPACE");
    }
    const auto prefix = IpPrefix::parse(text.substr(equals + 1, at - equals - 1));
    if (!prefix) return prefix.error();
    return RegionArgument{std::string(text.substr(0, equals)), *prefix,
                          std::string(text.substr(at + 1))};
}

template <class T>
bool parse_number(std::string_view text, T& number) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    return error == std::errc{} && end == text.data() + text.size();
}

Result<Arguments> parse_arguments(const std::vector<std::string_view>& words) {
    Arguments arguments;
    for (std::size_t i = 0; i < words.size(); ++i) {
        const auto word = words[i];
        if (!word.starts_with("--")) {
            auto region = parse_region(word);
            if (!region) return region.error();
            arguments.regions.push_back(std::move(*region));
            continue;
        }
        const auto value = ++i < words.size() ? words[i] : std::string_view{};
        const bool good = word == "--device" ? !(arguments.device = value).empty()
                          : word == "--queue"
                              ? parse_number(value, arguments.network.queue_bytes_max)
                          : word == "--seed" ? parse_number(value, arguments.network.seed)
                                             : false;
        if (!good) return fail("bad option " + std::string(word) + " " + std::string(value));
    }
    if (arguments.regions.size() < 2) return fail("a network needs two regions");
    return arguments;
}

int run(const Arguments& arguments) {
    Network network{arguments.network};
    std::vector<Fd> devices;
    for (const auto& region : arguments.regions) {
        if (!network.add_region(region.name, region.prefix)) {
            std::fprintf(stderr, "wan: region %s overlaps another one\n", region.name.c_str());
            return 2;
        }
        auto device = open_tun(region.ns, arguments.device);
        if (!device) {
            std::fprintf(stderr, "wan: %s\n", device.error().message.c_str());
            return 1;
        }
        devices.push_back(std::move(*device));
    }
    Router router{std::move(network), std::move(devices)};
    std::puts("ready");
    std::fflush(stdout);
    router.run();
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    const auto arguments = parse_arguments({argv + 1, argv + argc});
    if (!arguments) {
        std::fprintf(stderr, "wan: %s\n", arguments.error().message.c_str());
        return 2;
    }
    try {
        return run(*arguments);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "wan: %s\n", error.what());
        return 1;
    }
}
