"""A circle through a server that is not ours: CoreDNS sends a zone to peerzone, which sends it back to the same CoreDNS. The edge
that closes the circle is cut at once, whether peerzone's hop mark comes back or not, and everything else goes on."""

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
    forward . %s:%d
}
corp.internal:%d {
    bind %s
    forward . %s:%d
}
"""
ROUTES = {"local.forward": NAME + "-0.default.svc.cluster.local", "peer": NAME + "-0.cockroachdb.westus.svc.cluster.local",
          "forward": NAME + "-0.example.com"}


def circle(test, ip):
    """CoreDNS at its own address, and peerzone, which asks it there; or, without an `ip`, at the address of a Service: then what
    comes back does not come from the address that was asked, and any of four workers may get it."""
    edge_address, address = test.address(ip), test.address(ip)
    port = edge_address[1]
    corefile = COREFILE % (port, port, edge_address[0], *address, port, edge_address[0], *address)
    with contextlib.ExitStack() as stack:
        edge = servers.coredns_with(test, "edge", corefile, edge_address, "db.corp.internal")  # SERVFAIL for now
        asked = edge_address if ip else stack.enter_context(Relay(test.address(), edge_address)).address
        peerzone = test.start_peerzone("peerzone", CONFIG % (*address, 1 if ip else 4, *asked, *asked, *asked), address)
        for what, name in ROUTES.items():
            for where, server in (("through CoreDNS", edge), ("from peerzone", peerzone)):
                check_cut(test, "%s, %s%s" % (what, where, "" if ip else ", at a Service"), server, server is peerzone,
                          name.replace("-0", "-%d" % (where == "from peerzone")))
        reply = dig.ask(edge.address, "db.corp.internal")
        test.equal(reply.data("A"), ["10.0.0.5"], "a zone of peerzone's own, through CoreDNS")
        counters = peerzone.counters()
        test.check(counters.get("loops", 0) >= 2 * len(ROUTES), "loops counted: %s" % counters.get("loops"))
        test.check(counters.get("loops", 0) < 150, "the circle was walked more than it takes: %s" % counters.get("loops"))
        test.check(counters.get("upstream_partitions", 0) == 0, "a circle counted as a partition")
        for server in (edge, peerzone):
            test.stop(server)


def check_cut(test, what, server, is_peerzone, name):
    began = time.monotonic()
    reply = dig.ask(server.address, name)
    took = time.monotonic() - began
    test.equal(reply.status, "SERVFAIL", what)
    test.check(took < 1, "%s: answered after %.2f s" % (what, took))
    if is_peerzone:
        test.check(any("loop via " in said for _, said in reply.errors), "%s: the extended error does not name the loop: %s" % (what, reply))


def run(test):
    # On the loopback interface both ask from 127.0.0.1, so there each has the address that the other one asks.
    circle(test, "127.0.0.1")
    circle(test, None)


harness.main("interop_loops", run)
