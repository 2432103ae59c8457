// The only file that includes CLI11, which is slow to compile.
#include "peerzone/cli/cli.hpp"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <exception>
#include <iostream>
#include <string>

#include "cli/check.hpp"
#include "cli/version.hpp"
#include "peerzone/app/app.hpp"

namespace peerzone::cli {
namespace {

constexpr int kUsageError = 2;

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
    "\n"
    "config/peerzone.example.yaml documents every option.";

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
            "serve", "Answer until SIGTERM or SIGINT; SIGHUP reads the configuration again");
        serve->add_option("--config,-c", config_file, "The configuration, YAML")
            ->required()
            ->type_name("FILE");
        CLI::App* check_command = program.add_subcommand(
            "check", "Say every problem of a configuration, or what it does; exit 1 or 0");
        check_command->add_option("file", config_file, "The configuration, YAML")
            ->required()
            ->type_name("FILE");

        program.footer(kExample);  // behind add_subcommand, which would hand it on

        try {
            program.parse(argc, argv);
        } catch (const CLI::ParseError& error) {
            // --help and --version arrive here too, with status 0.
            return program.exit(error, std::cout, std::cerr) == 0 ? 0 : kUsageError;
        }
        if (serve->parsed()) return app::serve(config_file);
        return check(config_file, std::cout, std::cerr);
    } catch (const std::exception& error) {
        std::cerr << "peerzone: " << error.what() << '\n';
        return 1;
    }
}

}  // namespace peerzone::cli
