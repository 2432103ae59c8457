// A server with one peer whose names clients know by others: its routes are made by hand. Prints
// the address it listens on, serves until its standard input ends.
//   renaming_server ENDPOINT HERE THERE
#include <iostream>

#include "support/integration_server.hpp"

int main(int count, char** arguments) {
    using namespace peerzone;
    if (count != 4) return 2;
    const std::string endpoint = arguments[1], here = arguments[2], there = arguments[3];
    itest::Server server("peers:\n  west: {zones: [" + here + "], endpoints: ['" + endpoint +
                         "'], negative_ttl: 1h}\ncache: {negative_max_ttl: 1h}\n");
    server.change([&](resolver::Snapshot& snapshot) {
        view::View& view = snapshot.views.front();
        const auto name = [](const std::string& text) {
            return dns::Name::from_text(text).value();
        };
        view::Route route = *view.routes.find_exact(name(here));
        route.renaming = std::make_shared<dns::Renaming>(name(here), name(there));
        route.scope += 1'000'000;
        view.routes.add(route);
    });
    std::cout << server.address().to_text() << std::endl;
    for (std::string line; std::getline(std::cin, line);) continue;
}
