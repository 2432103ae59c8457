#include "peerzone/cli/cli.hpp"

int main(int argc, char** argv) {
    return peerzone::cli::run(argc, argv);
}
