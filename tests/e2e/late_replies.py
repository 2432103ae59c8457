"""What a client gets, and when, from servers whose upstream takes D for every reply; and how many questions the upstream gets for it.

    late_replies.py PEERZONE [--servers peerzone,coredns,unbound] [--names 8] [--delays 0.1,…] [--write LATE.md]   the comparison
    late_replies.py PEERZONE --check                         peerzone alone with few D, held against the bars of LATE.md: a ctest

Each cell of the table is a zone with an endpoint of its own (late_endpoints.py says how those treat equal questions), so that one
process of each server carries all of its cells at the same time. Names are asked for one after the other, all of them new."""

import argparse
import collections
import math
import os
import statistics
import time

import fault_servers
import fault_report
import faults
import harness
import late_clients
from late_endpoints import MODES, LateEndpoints
from servers import unbound_base

DELAYS = (0.1, 0.2, 0.3, 0.5, 0.7, 0.9, 1.2, 1.5, 1.7)
CHECKED = (0.1, 0.5, 0.9, 1.7)
DEADLINE = 1.8  # peerzone's, for a question
SOON = 0.1      # after D, from the third question on
LEARNT = 2
EXTRA = 2       # questions for a name beyond the first, fewer than that on the average
SETTLES = 0.3   # what is on its way to the endpoints when the last client has its answer

Cell = collections.namedtuple("Cell", "server role transport mode delay zone endpoint")

# peerzone's `auto` is what people have; the others' default is UDP as well.
TRANSPORTS = {"udp": "auto", "tcp": "tcp"}
WHAT = {"each": "each of equal questions is answered", "first": "only the first of equal questions is answered",
        "together": "equal questions are answered together, when the first one is"}


# The servers: each carries all of its cells


def peerzone_config(test, address, cells):
    def upstream(cell):
        return 'endpoints: ["%s:%d"], transport: %s' % (*cell.endpoint, TRANSPORTS[cell.transport])
    text = 'cluster: {name: eastus}\nworkers: 1\nlisten: {dns: ["%s:%d"]}\n' % address
    for role, line in (("peer", "  c%(n)d: {zones: [%(zone)s], %(upstream)s}\n"), ("forward", "  %(zone)s: {%(upstream)s}\n")):
        lines = [line % {"n": n, "zone": cell.zone, "upstream": upstream(cell)} for n, cell in enumerate(cells) if cell.role == role]
        text += ("%s:\n%s" % ("peers" if role == "peer" else role, "".join(lines))) if lines else ""
    return text


def coredns_config(test, address, cells):
    how = {"udp": "", "tcp": " {\n        force_tcp\n    }"}
    return "".join("%s:%d {\n    bind %s\n    forward . %s:%d%s\n}\n" % (
        cell.zone, address[1], address[0], *cell.endpoint, how[cell.transport]) for cell in cells)


def unbound_config(test, address, cells):
    text = unbound_base(test, address, "outgoing-num-tcp: 200", 'module-config: "iterator"', "do-not-query-localhost: no",
                                "qname-minimisation: no")
    for cell in cells:
        text += 'forward-zone:\n    name: "%s"\n    forward-addr: %s@%d\n    forward-tcp-upstream: %s\n' % (
            cell.zone, *cell.endpoint, "yes" if cell.transport == "tcp" else "no")
    return text


CONFIGS = {"peerzone": peerzone_config, "coredns": coredns_config, "unbound": unbound_config}
ROLES = {"peerzone": ("peer", "forward")}  # the others know forwarders only


def start(test, name, server, cells):
    """Ready without a question to any endpoint: each of them answers this name by itself."""
    address = test.address()
    config = test.write("late." + server.config, CONFIGS[name](test, address, cells))
    server.check(server.program(), config)
    environment = dict(os.environ, **server.environment) if server.environment else None
    return test.start(name, server.command(server.program(), config, test.folder), address, "ready.invalid", environment)


# What came of it


class Seen:
    """One cell: its questions and what the endpoint was asked."""

    def __init__(self, cell, results, names):
        self.cell, self.results, self.names = cell, results, names
        self.sent = late_clients.sent_for(results, names)

    def failed(self, results=None):
        return [r for r in (self.results if results is None else results) if not r.answered]

    def settled(self):
        return self.results[LEARNT:]

    def times(self, results):
        return [r.took if r.answered else math.inf for r in results]

    def median(self):
        return statistics.median(self.times(self.settled()))

    def worst(self):
        return max(self.times(self.settled()))

    def per_question(self):
        return statistics.mean(self.sent)

    def text(self):
        failed = len(self.failed())
        return "%s / %s, first %s, sent %.1f%s" % (
            ms(self.median()), ms(self.worst()), ms(self.times(self.results)[0]), self.per_question(),
            ", **%d of %d failed**" % (failed, len(self.results)) if failed else "")


def ms(seconds):
    return "never" if math.isinf(seconds) else fault_report.ms(seconds)


def measure(test, cells_of, servers, count):
    """{cell without zone and endpoint: Seen} of all servers, each after the other."""
    seen = {}
    for name, cells in cells_of.items():
        zones = {cell.endpoint: (cell.zone, 2) for cell in cells}
        with LateEndpoints(test, zones) as endpoints:
            for cell in cells:
                endpoints.set([cell.endpoint], delay=cell.delay, mode=cell.mode)
            try:
                process = start(test, name, servers[name], cells)
            except harness.Skip as skip:
                test.say("%s is left out: %s" % (name, skip))
                continue
            clients = [late_clients.Client(process.address, cell.zone, count) for cell in cells]
            late_clients.run(clients)
            time.sleep(SETTLES)
            for cell, client in zip(cells, clients):
                seen[(name, cell.role, cell.transport, cell.mode, cell.delay)] = Seen(cell, client.results, endpoints.names(cell.endpoint))
            test.stop(process)
    return seen


def cells_of(test, server, delays):
    """All cells of a server, each with an endpoint of its own."""
    ip, taken, cells = test.address()[0], set(), []
    for role in ROLES.get(server, ("forward",)):
        for transport in TRANSPORTS:
            for mode in MODES:
                for delay in delays:
                    endpoint = test.address(ip)
                    while endpoint in taken:
                        endpoint = test.address(ip)
                    taken.add(endpoint)
                    zone = "c%d.%s.svc.cluster.local" % (len(cells), role)
                    cells.append(Cell(server, role, transport, mode, delay, zone, endpoint))
    return cells


# Bars and tables


def judge(test, seen, lenient):
    """Every reply comes D after its question: what peerzone makes of it."""
    soon = SOON * (3 if lenient else 1)
    for (server, role, transport, mode, delay), cell in seen.items():
        if server != "peerzone" or delay >= DEADLINE:
            continue
        where = "%s over %s, %s, D = %.1f s" % (role, transport, mode, delay)
        failed = cell.failed(cell.settled())
        test.check(not failed, "%s: %d of %d names were not answered, such as %s" % (where, len(failed), len(cell.settled()), failed[:1]))
        late = [r for r in cell.settled() if r.answered and late_clients.excess(r, delay, cell.names) > soon]
        test.check(not late, "%s: %d answers came later than D + %.0f ms, such as %s" % (where, len(late), soon * 1000, late[:1]))
        test.check(cell.per_question() - 1 < EXTRA, "%s: %.1f questions were sent for each, %s" % (where, cell.per_question(), cell.sent))


def compare(test, seen):
    """Nowhere later than the better of the others by more than SOON, from the first question on; a failure is later than anything."""
    for (server, role, transport, mode, delay), cell in seen.items():
        others = {o[0]: s for o, s in seen.items() if o[0] != "peerzone" and o[2:] == (transport, mode, delay)}
        if server != "peerzone" or not others:
            continue
        for what, measure_of in (("median", lambda s: statistics.median(s.times(s.results))), ("worst", lambda s: max(s.times(s.results)))):
            best = min(others, key=lambda name: measure_of(others[name]))
            ours, theirs = measure_of(cell), measure_of(others[best])
            test.check(ours <= theirs + SOON, "%s over %s, %s, D = %.1f s: %s %s, %s has %s" % (
                role, transport, mode, delay, what, ms(ours), best, ms(theirs)))


def tables(seen, versions):
    columns = list(dict.fromkeys(key[:2] for key in seen))
    heads = ["%s %s%s" % (server, versions[server], ", as " + role if server in ROLES else "") for server, role in columns]
    text = ""
    for transport in TRANSPORTS:
        for mode in MODES:
            rows = []
            for delay in sorted({key[4] for key in seen}):
                found = [seen.get((*column, transport, mode, delay)) for column in columns]
                rows.append([ms(delay)] + [cell.text() if cell else "–" for cell in found])
            text += "**Over %s; %s**\n\n%s\n" % (transport.upper(), WHAT[mode], fault_report.table(["reply after"] + heads, rows))
    return text


def run(test):
    parser = argparse.ArgumentParser()
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--servers", type=lambda text: text.split(","), default=list(CONFIGS))
    parser.add_argument("--names", type=int, default=8)
    parser.add_argument("--delays", type=lambda text: [float(part) for part in text.split(",")])
    parser.add_argument("--write")
    options = parser.parse_args(test.arguments)
    servers = fault_servers.all_of(test.peerzone)
    wanted = ["peerzone"] if options.check else options.servers
    if set(wanted) - set(CONFIGS):
        raise harness.Failed("no such server: there are " + ", ".join(CONFIGS))
    lenient = faults.has_sanitizer(test.peerzone)
    delays = options.delays or (CHECKED if options.check else DELAYS)
    seen = measure(test, {name: cells_of(test, name, delays) for name in wanted}, servers, 5 if options.check else options.names)
    versions = {name: servers[name].version() for name in dict.fromkeys(key[0] for key in seen)}
    text = tables(seen, versions)
    print(text)
    judge(test, seen, lenient)
    compare(test, seen)
    if wanted and not any(key[0] == "peerzone" for key in seen):
        test.passed += len(seen)  # the others by themselves are only shown
    if options.write:
        faults.write(options.write, "%d names a cell, %s.\n\n%s" % (options.names, time.strftime("%Y-%m-%d"), text))


if __name__ == "__main__":
    harness.main("late_replies", run)
