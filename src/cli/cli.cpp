// The only file that includes CLI11, which is slow to compile.
#include "peerzone/cli/cli.hpp"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <exception>
#include <iostream>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/check.hpp"
#include "cli/explain.hpp"
#include "cli/misspelt.hpp"
#include "cli/operate.hpp"
#include "peerzone/app/app.hpp"
#include "peerzone/base/version.hpp"

namespace peerzone::cli {
namespace {

constexpr const char* kExample =
    "A first try, on a port that needs no rights:\n"
    "  cat > peerzone.yaml <<'END'\n"
    "  listen: {dns: [\"127.0.0.1:5300\"]}\n"
    "  peers:\n"
    "    westus: {zones: [westus.svc.cluster.local], endpoints: [10.2.0.10]}\n"
    "  END\n"
    "  peerzone check peerzone.yaml\n"
    "  peerzone serve --config peerzone.yaml\n"
    "  dig @127.0.0.1 -p 5300 cockroachdb-0.cockroachdb.westus.svc.cluster.local\n"
    "  peerzone status\n"
    "\n"
    "Exit status: 0 done; 1 the configuration is wrong, or a running server refuses or is not\n"
    "there; 2 a wrong command line; 3 an address or a file cannot be had.\n"
    "\n"
    "config/peerzone.example.yaml documents every option.";

/// The commands for a server that runs.
class Operating {
public:
    explicit Operating(CLI::App& program) {
        status_ = add(program, "status", "Show peers and endpoints of a running server");
        status_->add_flag("--json", json_, "As JSON, as /status has it");
        flush_ = add(program, "flush", "Drop names from a running server's cache");
        CLI::Option* name = flush_->add_option("name", name_, "One name, all its types and views");
        CLI::Option* zone = flush_->add_option("--zone", zone_, "A zone and all names below it");
        CLI::Option* peer = flush_->add_option("--peer", peer_, "All that one peer said");
        name->type_name("NAME")->excludes(zone)->excludes(peer);
        zone->type_name("ZONE")->excludes(peer);
        peer->type_name("PEER");
        hold_ = add(program, "hold",
                    "Do not ask a peer until it is released; its names are answered from memory");
        release_ = add(program, "release", "Ask a held peer again");
        for (CLI::App* command : {hold_, release_})
            command->add_option("peer", peer_, "A peer; local; a forward's zone")
                ->required()
                ->type_name("PEER");
    }

    /// Nothing when another command was given.
    std::optional<int> run() const {
        if (status_->parsed()) return status(server_, json_, std::cout, std::cerr);
        if (hold_->parsed()) return hold(server_, peer_, std::cout, std::cerr);
        if (release_->parsed()) return release(server_, peer_, std::cout, std::cerr);
        if (!flush_->parsed()) return {};
        for (const auto& [key, value] :
             {std::pair{"name", &name_}, std::pair{"zone", &zone_}, std::pair{"peer", &peer_}})
            if (!value->empty()) return flush(server_, key, *value, std::cout, std::cerr);
        std::cerr << "peerzone flush: a NAME, --zone ZONE or --peer PEER is required\n";
        return kUsageError;
    }

private:
    CLI::App* add(CLI::App& program, const char* name, const char* what) {
        CLI::App* command = program.add_subcommand(name, what);
        CLI::Option* address = command->add_option(
            "--server,-s", server_.address,
            "Where its admin HTTP listens; the port may be left out (9153). Default: 127.0.0.1");
        CLI::Option* file = command->add_option("--config,-c", server_.config_file,
                                                "Its configuration, which says that");
        address->type_name("ADDRESS")->excludes(file);
        file->type_name("FILE");
        return command;
    }

    ServerChoice server_;
    bool json_ = false;
    std::string name_, zone_, peer_;
    CLI::App* status_;
    CLI::App* flush_;
    CLI::App* hold_;
    CLI::App* release_;
};

/// `peerzone explain`.
class Explaining {
public:
    explicit Explaining(CLI::App& program) {
        command_ = program.add_subcommand(
            "explain",
            "Say how a name is answered, and why: by a running server or a configuration");
        command_->add_option("name", options_.name, "The name")->required()->type_name("NAME");
        command_
            ->add_option("type", options_.type,
                         "Its type. Default: A; PTR for addresses; SRV "
                         "for names that begin with _")
            ->type_name("TYPE");
        CLI::Option* server = command_->add_option(
            "--server,-s", options_.server,
            "Where the server answers DNS over TCP; the port may be left out (53). Default: "
            "127.0.0.1");
        CLI::Option* file = command_->add_option("--config,-c", options_.config_file,
                                                 "What this configuration says, without a server");
        CLI::Option* client = command_->add_option(
            "--client", options_.client,
            "Whom it is answered to; with --config. Default: this host, or the first client of a "
            "view");
        server->type_name("ADDRESS")->excludes(file);
        file->type_name("FILE");
        client->type_name("ADDRESS")->excludes(server);
        command_->add_flag("--json", options_.as_json, "As JSON: an array of keys and texts");
    }

    /// Nothing when another command was given.
    std::optional<int> run() const {
        if (!command_->parsed()) return {};
        return explain(options_, std::cout, std::cerr);
    }

private:
    ExplainOptions options_;
    CLI::App* command_;
};

KnownCommand known(const CLI::App& app, const std::string& name) {
    KnownCommand command{name, {}, false};
    for (const CLI::Option* option : app.get_options()) {
        command.takes_words = command.takes_words || option->get_positional();
        const bool takes_value = option->get_expected_max() > 0;
        for (const std::string& word : option->get_lnames())
            command.options.push_back({"--" + word, takes_value});
        for (const std::string& word : option->get_snames())
            command.options.push_back({"-" + word, takes_value});
    }
    return command;
}

std::string find_misspelt(const CLI::App& program, int argc, char** argv) {
    std::vector<KnownCommand> commands{known(program, "")};
    for (const CLI::App* command : program.get_subcommands({}))
        commands.push_back(known(*command, command->get_name()));
    return find_misspelt(std::vector<std::string>(argv + std::min(argc, 1), argv + argc), commands);
}

// What could not be written was not said.
int after_output(int status) {
    if (std::cout.flush() || status != 0) return status;
    std::cerr << "peerzone: standard output cannot be written\n";
    return app::kExitUnavailable;
}

}  // namespace

int run(int argc, char** argv) {
    try {
        CLI::App program("peerzone: the names of many Kubernetes clusters through one DNS server",
                         "peerzone");
        program.set_version_flag("--version", "peerzone " + std::string(kVersion),
                                 "Print the version and exit");
        program.require_subcommand(1);

        std::string config_file;
        CLI::App* serve = program.add_subcommand(
            "serve",
            "Answer until SIGTERM or SIGINT; a changed configuration is taken over by itself, and "
            "on SIGHUP");
        serve->add_option("--config,-c", config_file, "The configuration, YAML")
            ->required()
            ->type_name("FILE");
        CheckOptions checked;
        CLI::App* check_command =
            program.add_subcommand("check", "Say every problem of configurations, or what they do");
        check_command
            ->add_option("file", checked.files, "Configurations, YAML; - is standard input")
            ->required()
            ->type_name("FILE");
        check_command->add_flag("--json", checked.as_json, "As JSON, on standard output");

        const Operating operating(program);
        const Explaining explaining(program);

        program.footer(kExample);  // behind add_subcommand, which would hand it on

        if (const std::string misspelt = find_misspelt(program, argc, argv); !misspelt.empty()) {
            std::cerr << "peerzone: " << misspelt << '\n';
            return kUsageError;
        }
        try {
            program.parse(argc, argv);
        } catch (const CLI::ParseError& error) {
            // --help and --version arrive here too, with status 0.
            return program.exit(error, std::cout, std::cerr) == 0 ? 0 : kUsageError;
        }
        if (serve->parsed()) return app::serve(config_file);
        if (const auto done = operating.run()) return after_output(*done);
        if (const auto done = explaining.run()) return after_output(*done);
        return after_output(check(checked, {std::cin, std::cout, std::cerr}));
    } catch (const std::exception& error) {
        std::cerr << "peerzone: " << error.what() << '\n';
        return 1;
    }
}

}  // namespace peerzone::cli
