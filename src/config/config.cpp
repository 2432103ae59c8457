#include "peerzone/config/config.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <exception>
#include <fstream>
#include <string_view>
#include <utility>

#include "config/draft.hpp"
#include "config/reader.hpp"
#include "config/tree.hpp"

namespace peerzone::config {
namespace {

struct Reader {
    std::string_view key;
    void (*read)(const Value&, Draft&);
};

// cluster comes first: local needs its zone. The order of problems is the file's all the same.
constexpr auto kReaders = std::to_array<Reader>({{"cluster", read_cluster},
                                                 {"workers", read_workers},
                                                 {"bootstrap", read_bootstrap},
                                                 {"listen", read_listen},
                                                 {"tls", read_tls},
                                                 {"local", read_local},
                                                 {"peers", read_peers},
                                                 {"zones", read_zones},
                                                 {"forward", read_forward},
                                                 {"views", read_views},
                                                 {"cache", read_cache},
                                                 {"limits", read_limits},
                                                 {"log", read_log}});

void set_defaults(Config& config) {
    config.cluster_zone = dns::Name::from_text("cluster.local").value();
    upstream::EndpointSpec system;
    system.resolv_conf = "/etc/resolv.conf";
    config.bootstrap = {system};
    config.listen.dns = {SocketAddress::parse("0.0.0.0:53", 53).value(),
                         SocketAddress::parse("[::]:53", 53).value()};
    config.listen.admin = SocketAddress::parse("127.0.0.1", server::kAdminPort).value();
    config.views = {view::Options{"default", view::default_clients()}};
}

void read_document(const TreeNode& root, Draft& draft) {
    set_defaults(draft.config);
    const Map map(Value(root, root.mark, "", draft.problems), "");
    for (const Reader& reader : kReaders)
        if (const Value* value = map.get(reader.key)) reader.read(*value, draft);
    check(draft);
    check_tls(draft);
}

Loaded failed(const std::string& file, std::string message) {
    Loaded loaded;
    loaded.problems.push_back(Problem{file, 0, 0, "", std::move(message), ""});
    return loaded;
}

}  // namespace

std::string Problem::to_text() const {
    std::string text = file;
    if (line > 0) text += ":" + std::to_string(line);
    if (line > 0 && column > 0) text += ":" + std::to_string(column);
    if (!path.empty()) text += ": " + path;
    text += ": " + message;
    if (!hint.empty()) text += " (hint: " + hint + ")";
    return text;
}

Loaded load_text(const std::string& text, const std::string& file) {
    try {
        Problems problems(file);
        Draft draft(problems, std::filesystem::path(file).parent_path());
        if (const auto root = parse_tree(text, problems)) read_document(*root, draft);
        Loaded loaded;
        if (problems.empty()) loaded.config = std::move(draft.config);
        loaded.problems = std::move(problems).take_sorted();
        return loaded;
    } catch (const std::exception& error) {  // memory, or a file system that refuses a path
        return failed(file, std::string("cannot be loaded: ") + error.what());
    }
}

Loaded load(const std::string& file) {
    errno = 0;
    std::error_code ignored;
    if (std::filesystem::is_directory(file, ignored))
        return failed(file, "cannot be read: it is a directory");
    std::ifstream stream(file, std::ios::binary);
    if (!stream) return failed(file, std::string("cannot be read: ") + std::strerror(errno));
    // Step by step: clearing room for the largest file would take longer than reading most. One
    // octet more than allowed is enough to know that it is too large.
    std::string text;
    std::array<char, 16384> step;
    while (stream && text.size() <= kFileBytesMax) {
        stream.read(step.data(), step.size());
        text.append(step.data(), static_cast<std::size_t>(stream.gcount()));
    }
    if (stream.bad()) return failed(file, std::string("cannot be read: ") + std::strerror(errno));
    return load_text(text, file);
}

}  // namespace peerzone::config
