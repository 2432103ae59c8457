"""A circle through a server that is not ours: CoreDNS sends a zone to peerzone, which sends it back to the same CoreDNS. The edge
that closes the circle is cut at once, whether peerzone's hop mark comes back or not, and everything else goes on. What the cluster's own
DNS hands back of its own zone is no failure: the name does not exist."""

import contextlib
import time

import dig
import harness
import servers
from relay import Relay

NAME = "adatabase"
CONFIG = """cluster: {name: eastus}
listen: {dns: ["%s:%d"]}
workers: %d
local: {forward: {endpoints: ["%s:%d"]}}
peers:
  westus: {zones: [westus.svc.cluster.local], endpoints: ["%s:%d"]}
forward: {example.com: {endpoints: ["%s:%d"]}}
zones:
  corp.internal: {records: [db A 10.0.0.5]}
"""
COREFILE = """cluster.local:%d example.com:%d {
    bind %s
    errors
    %s
    forward . %s:%d
}
corp.internal:%d {
    bind %s
    forward . %s:%d
}
"""
ROUTES = {"local.forward": NAME + "-0.default.svc.cluster.local", "peer": NAME + "-0.cockroachdb.westus.svc.cluster.local",
          "forward": NAME + "-0.example.com"}


def circle(test, ip, cache=""):
    """CoreDNS at its own address, and peerzone, which asks it there; or, without an `ip`, at the address of a Service: then what
    comes back does not come from the address that was asked, and any of four workers may get it."""
    edge_address, address = test.address(ip), test.address(ip)
    port = edge_address[1]
    corefile = COREFILE % (port, port, edge_address[0], cache, *address, port, edge_address[0], *address)
    with contextlib.ExitStack() as stack:
        edge = servers.coredns_with(test, "edge", corefile, edge_address, "db.corp.internal")  # SERVFAIL for now
        asked = edge_address if ip else stack.enter_context(Relay(test.address(), edge_address)).address
        peerzone = test.start_peerzone("peerzone", CONFIG % (*address, 1 if ip else 4, *asked, *asked, *asked), address)
        for what, name in ROUTES.items():
            for where, server in (("through CoreDNS", edge), ("from peerzone", peerzone)):
                case = "%s, %s%s%s" % (what, where, "" if ip else ", at a Service", ", with its cache" if cache else "")
                asked_name = name.replace("-0", "-%d" % (where == "from peerzone"))
                if cache:  # which drops what is said of the reason, and raises TTLs
                    ask_in_time(test, case, server, asked_name, "NXDOMAIN" if what == "local.forward" else "SERVFAIL")
                else:
                    check = check_denied if what == "local.forward" else check_cut
                    check(test, case, server, server is peerzone, asked_name)
        reply = dig.ask(edge.address, "db.corp.internal")
        test.equal(reply.data("A"), ["10.0.0.5"], "a zone of peerzone's own, through CoreDNS")
        counters = peerzone.counters()
        test.check(counters.get("loops", 0) >= 2 * (len(ROUTES) - 1), "loops counted: %s" % counters.get("loops"))
        test.check(counters.get("handed_back", 0) >= 2, "names handed back: %s" % counters.get("handed_back"))
        test.check(counters.get("loops", 0) < 150, "the circle was walked more than it takes: %s" % counters.get("loops"))
        test.check(counters.get("upstream_partitions", 0) == 0, "a circle counted as a partition")
        for server in (edge, peerzone):
            test.stop(server)


def ask_in_time(test, what, server, name, status):
    began = time.monotonic()
    reply = dig.ask(server.address, name)
    took = time.monotonic() - began
    if not test.equal(reply.status, status, what):
        test.say(reply)
    test.check(took < 1, "%s: answered after %.2f s" % (what, took))
    return reply


def check_cut(test, what, server, is_peerzone, name):
    reply = ask_in_time(test, what, server, name, "SERVFAIL")
    if is_peerzone:
        test.check(any(said.startswith("loop via ") for _, said in reply.errors), "%s: the extended error does not begin with the loop: %s" % (what, reply))


def check_denied(test, what, server, _, name):
    reply = ask_in_time(test, what, server, name, "NXDOMAIN")
    soa = reply.soa()
    test.equal((soa.name, soa.ttl <= 1) if soa else None, ("cluster.local.", True), "%s: SOA and its TTL" % what)
    test.check(any("local does not have this name" in said for _, said in reply.errors), "%s: nothing says why: %s" % (what, reply))


FALLS_THROUGH = """cluster.local:%d {
    bind %s
    errors
    %s
    hosts {
        10.1.0.30 db.default.svc.cluster.local
        fallthrough
    }
    forward . %s:%d %s:%d
}
"""
SEARCH_MISSES = ["www.example.com.default.svc.cluster.local", "www.example.com.svc.cluster.local", "db.svc.cluster.local",
                 "db.westus.svc.cluster.local.default.svc.cluster.local"]


def replicas(test, cache):
    """The stanza of many tutorials: CoreDNS asks two peerzones of its cluster for all that it does not have itself, and they ask it for
    this cluster's names. With CoreDNS's cache nothing else changes than how long it remembers."""
    what = "fallthrough%s" % (", with cache" if cache else "")
    addresses = [test.address() for _ in range(3)]
    core = addresses[2]
    corefile = FALLS_THROUGH % (core[1], core[0], "cache" if cache else "", *addresses[0], *addresses[1])
    edge = servers.coredns_with(test, "falls-through", corefile, core, "db.default.svc.cluster.local")
    config = """cluster: {name: eastus}
listen: {dns: ["%s:%d"], admin: off}
workers: 1
local: {forward: {endpoints: ["%s:%d"]}}
"""
    ours = [test.start_peerzone("replica-%d" % i, config % (*addresses[i], *core), addresses[i]) for i in range(2)]
    for server in [edge, *ours]:
        reply = dig.ask(server.address, "db.default.svc.cluster.local")
        test.equal(reply.data("A"), ["10.1.0.30"], "%s: a name that CoreDNS has, from %s" % (what, server.name))
        for i, name in enumerate(SEARCH_MISSES * 3):
            reply = ask_in_time(test, "%s: a miss from %s" % (what, server.name), server, "%s%d-%s" % (server.name, i, name), "NXDOMAIN")
            test.equal(reply.soa().name if reply.soa() else None, "cluster.local.", "%s: the SOA of the denial" % what)
    counters = [server.counters() for server in ours]
    test.equal(sum(c.get("loops", 0) for c in counters), 0, "%s: loops" % what)
    test.check(sum(c.get("handed_back", 0) for c in counters) >= 3 * len(SEARCH_MISSES), "%s: names handed back: %s" % (what, counters))
    for server in [edge, *ours]:
        test.stop(server)


def run(test):
    # On the loopback interface both ask from 127.0.0.1, so there each has the address that the other one asks.
    circle(test, "127.0.0.1")
    circle(test, None)
    circle(test, "127.0.0.1", "cache 10")
    circle(test, None, "cache 10")
    replicas(test, cache=False)
    replicas(test, cache=True)


harness.main("interop_loops", run)
