"""The servers of the fault comparison: each with two peers of two endpoints and its stale answers on, from a template in servers/ (as
tests/bench/contestants.py reads them)."""

import os
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
for folder in ("interop", "bench"):
    sys.path.insert(0, str(HERE.parent / folder))

import contestants  # noqa: E402
import harness  # noqa: E402
from contestants import CoreDns, Packaged, Peerzone  # noqa: E402

ECHO = HERE.parent / "interop" / "echo.py"


def _coredns(mode):
    server = CoreDns()
    server.name, server.tags, server.environment = "CoreDNS, " + mode, {mode}, {"GOMAXPROCS": "1"}
    return server


def all_of(peerzone):
    """{short name: contestant}, in the order of the tables."""
    made = Peerzone(peerzone)
    return {
        "peerzone": made,
        "coredns": _coredns("immediate"),
        "coredns-verify": _coredns("verify"),
        "unbound": Packaged("Unbound", "unbound", "unbound", "unbound.conf", ("-V", r"Version ([\d.]+)"), ["-d", "-p", "-c", "CONFIG"]),
        "dnsdist": Packaged("dnsdist", "dnsdist", "dnsdist", "dnsdist.lua", ("--version", r"dnsdist ([\d.]+)"),
                            ["-C", "CONFIG", "--supervised", "--disable-syslog"]),
        "kresd": Packaged("Knot Resolver", "knot-resolver", "kresd", "kresd.lua", ("--version", r"version ([\d.]+)"),
                          ["-n", "-c", "CONFIG", "FOLDER"]),
    }


def start(test, server, west, north, question):
    """Starts it between these endpoints; harness.Skip when it is not here or does not take its configuration."""
    program, address = server.program(), test.address()
    folder = test.folder / ("%s.%d" % (server.config, len(test.servers)))
    folder.mkdir()
    values = {"address": address[0], "port": address[1], "folder": folder}
    for peer, endpoints in (("west", west), ("north", north)):
        for i, endpoint in enumerate(endpoints):
            values["%s%d" % (peer, i)], values["%s%d_at" % (peer, i)] = "%s:%d" % endpoint, "%s@%d" % endpoint
    config = folder / server.config
    config.write_text(contestants.render((HERE / "servers" / server.config).read_text(), server.tags, values))
    server.check(program, config)
    environment = dict(os.environ, **server.environment) if server.environment else None
    try:
        return test.start(server.config, server.command(program, config, folder), address, question, environment)
    except harness.Failed as failed:
        if isinstance(server, Peerzone):
            raise
        raise harness.Skip(str(failed)) from failed  # another maker's server


def start_echo(test):
    address = test.address()
    return test.start("echo", [sys.executable, "-B", ECHO, *address], address, "echo")
