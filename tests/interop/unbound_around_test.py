"""Unbound in front of peerzone: `forward-zone` works, `stub-zone` does not, since it asks without RD as one asks the server that owns a
zone, and peerzone asks no upstream for such a query (RFC 1034 4.3.1). What it knows already comes all the same."""

import dig
import harness
import servers
import zones

ZONE = "westus.svc.cluster.local"
CONFIG = """%s-zone:
    name: "%s"
    %s-addr: %s@%d
"""


def unbound(test, kind, peerzone):
    address = test.address()
    config = servers.unbound_base(test, address, "do-not-query-localhost: no", 'domain-insecure: "cluster.local"')
    config += CONFIG % (kind, ZONE, kind, *peerzone.address)
    path = test.write("unbound-%s.conf" % kind, config)
    return test.start("unbound-" + kind, [harness.need("unbound"), "-d", "-p", "-c", path], address, "localhost")


def run(test):
    harness.need("unbound")
    westus = servers.peerzone(test, "westus", {ZONE: zones.text(ZONE, 2)})
    address = test.address()
    config = """listen: {dns: ["%s:%d"], admin: off}
workers: 1
peers: {westus: {zones: [%s], endpoints: ["%s:%d"]}}
""" % (*address, ZONE, *westus.address)
    peerzone = test.start_peerzone("peerzone", config, address)
    forwards, stubs = unbound(test, "forward", peerzone), unbound(test, "stub", peerzone)

    name = "cockroachdb-1.cockroachdb." + ZONE
    reply = dig.ask(stubs.address, name)
    test.equal(reply.status, "SERVFAIL", "stub-zone, a name that nobody has asked for")
    plain = dig.ask(peerzone.address, name, "A", "+norecurse")
    test.equal(plain.status, "REFUSED", "without RD")
    reply = dig.ask(forwards.address, name)
    test.equal(reply.data("A"), ["10.2.0.11"], "forward-zone")
    reply = dig.ask(forwards.address, "no-such-pod." + ZONE)
    test.equal(reply.status, "NXDOMAIN", "forward-zone, a name that the peer does not have")
    dig.ask(peerzone.address, name)
    plain = dig.ask(peerzone.address, name, "A", "+norecurse")
    test.equal(plain.data("A"), ["10.2.0.11"], "without RD, a name that is known")


harness.main("interop_unbound_around", run)
