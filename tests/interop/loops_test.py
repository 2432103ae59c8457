"""A circle through a server that is not ours: CoreDNS sends a zone to peerzone, which sends it back to the same CoreDNS. The edge
that closes the circle is cut at once, whether peerzone's hop mark comes back or not, and everything else goes on."""

import time

import dig
import harness
import servers

# Without a mark the mixed letter case tells: of few letters now and then too few are capitals.
LONG = "adatabasewhosenamehasmanylettersindeedmorethanonemightwish"
CONFIG = """cluster: {name: eastus}
listen: {dns: ["%s:%d"]}
local: {forward: {endpoints: ["%s:%d"]}}
peers:
  westus: {zones: [westus.svc.cluster.local], endpoints: ["%s:%d"]}
zones:
  corp.internal: {records: [db A 10.0.0.5]}
"""
COREFILE = """cluster.local:%d {
    bind %s
    errors
    forward . %s:%d
}
corp.internal:%d {
    bind %s
    forward . %s:%d
}
"""


def run(test):
    # On the loopback interface both ask from 127.0.0.1, so there each has the address that the other one asks.
    edge_address, address = test.address("127.0.0.1"), test.address("127.0.0.1")
    corefile = COREFILE % (edge_address[1], edge_address[0], *address, edge_address[1], edge_address[0], *address)
    peerzone = test.start_peerzone("peerzone", CONFIG % (*address, *edge_address, *edge_address), address)
    edge = servers.coredns_with(test, "edge", corefile, edge_address, "db.corp.internal")

    for what, name in (("local.forward", LONG + "-0.default.svc.cluster.local"),
                       ("peer", LONG + "-0.cockroachdb.westus.svc.cluster.local")):
        for where, server in (("through CoreDNS", edge), ("from peerzone", peerzone)):
            began = time.monotonic()
            reply = dig.ask(server.address, name.replace("-0", "-%d" % (where == "from peerzone")))
            took = time.monotonic() - began
            test.equal(reply.status, "SERVFAIL", "%s, %s" % (what, where))
            test.check(took < 1, "%s, %s: answered after %.2f s" % (what, where, took))
            if server is peerzone:
                test.check(any("loop via " in said for _, said in reply.errors),
                           "%s: the extended error does not name the loop: %s" % (what, reply))
    reply = dig.ask(edge.address, "db.corp.internal")
    test.equal(reply.data("A"), ["10.0.0.5"], "a zone of peerzone's own, through CoreDNS")
    counters = peerzone.counters()
    test.check(counters.get("loops", 0) >= 4, "loops counted: %s" % counters.get("loops"))
    test.check(counters.get("loops", 0) < 100, "the circle was walked more than it takes: %s" % counters.get("loops"))


harness.main("interop_loops", run)
