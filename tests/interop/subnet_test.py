"""Forwarders that say for which client they ask (EDNS Client Subnet): CoreDNS, dnsdist with a cache and Unbound with one, in front of a
peerzone with two views. Each client gets what its own view has, by way of each of them, asked in any order; what a cache keeps by the
scope of a reply serves the other clients of that scope and no others; a client cannot write an option of its own to see another view."""

import dig
import harness
import servers

PODS, OFFICE = "192.0.2.1", "192.0.2.2"  # what corp.test is in each
CLIENTS = [("127.1.2.3", PODS), ("127.1.7.1", OFFICE), ("127.1.3.9", PODS), ("127.1.7.254", OFFICE), ("127.1.8.1", PODS)]
STRANGER = "127.2.0.1"


def peerzone(test):
    address = test.address()
    config = """listen: {dns: ["%s:%d"], admin: "off"}
trusted_forwarders: [127.0.0.1]
views:
  - {name: pods, clients: [127.1.0.0/16], zones: {corp.test: {records: ["www 60 A %s", "* 60 A %s"]}}}
  - {name: office, clients: [127.1.7.0/24], zones: {corp.test: {records: ["www 60 A %s", "* 60 A %s"]}}}
""" % (*address, PODS, PODS, OFFICE, OFFICE)
    return test.start_peerzone("peerzone", config, address)


def coredns(test, behind):
    address = test.address()
    corefile = """corp.test:%d {
    bind %s
    errors
    rewrite edns0 subnet set 32 128
    forward . %s:%d
}
""" % (address[1], address[0], *behind)
    return servers.coredns_with(test, "coredns", corefile, address, "ready.corp.test")


def dnsdist(test, behind):
    address = test.address()
    config = """setLocal("%s:%d")
setACL({"127.0.0.0/8"})
setSecurityPollSuffix("")
setECSSourcePrefixV4(32)
addAction(EDNSOptionRule(EDNSOptionCode.ECS), RCodeAction(DNSRCode.REFUSED))
getPool(""):setCache(newPacketCache(1000, {parseECS=true}))
newServer({address="%s:%d", useClientSubnet=true, healthCheckMode="up"})
""" % (*address, *behind)
    argv = [harness.need("dnsdist"), "--supervised", "--disable-syslog", "-C", test.write("dnsdist.conf", config)]
    return test.start("dnsdist", argv, address, "ready.corp.test")


def unbound(test, behind):
    address = test.address()
    config = servers.unbound_base(test, address, 'module-config: "subnetcache iterator"', "do-not-query-localhost: no", 'local-zone: "test." nodefault',
                                  "send-client-subnet: %s" % behind[0], "max-client-subnet-ipv4: 32")
    config += 'forward-zone:\n    name: "corp.test"\n    forward-addr: %s@%d\n' % behind
    return test.start("unbound", [harness.need("unbound"), "-d", "-p", "-c", test.write("unbound.conf", config)], address, "ready.corp.test")


def ask(forwarder, client, name="www.corp.test", *options):
    return dig.ask(forwarder.address, name, "A", "-b", client, *options)


def check_views(test, forwarder):
    for when in ("first", "again"):
        for client, expected in CLIENTS:
            test.equal(ask(forwarder, client).data("A"), [expected], "%s by %s, %s" % (client, forwarder.name, when))
    for name in ("a", "b"):  # the office first, then the pods
        for client, expected in reversed(CLIENTS):
            test.equal(ask(forwarder, client, name + ".corp.test").data("A"), [expected], "%s.corp.test for %s" % (name, client))
    stranger = ask(forwarder, STRANGER)
    test.check(stranger.status in ("REFUSED", "SERVFAIL") and not stranger.answer, "a client without a view: %s" % stranger)


def check_forged(test, forwarder):
    """The option that a client writes is replaced (CoreDNS), refused (dnsdist, by a rule) or not used (Unbound)."""
    for subnet in ("127.1.7.0/24", "127.1.7.1", "0.0.0.0/0"):
        got = ask(forwarder, "127.1.2.3", "www.corp.test", "+subnet=" + subnet)
        test.check(got.status and got.data("A") in ([PODS], []), "with +subnet=%s by %s: %s" % (subnet, forwarder.name, got))


def check_scope(test, server, forwarder):
    """127.1.2.3 is told that 127.1.0.0/22 is alike: 127.1.3.9 is answered from the forwarder's cache, 127.1.7.1 is not."""
    test.equal(ask(forwarder, "127.1.2.3", "scope.corp.test").data("A"), [PODS], "a first one")
    before = server.counters().get("client_subnet_used", 0)
    test.equal(ask(forwarder, "127.1.3.9", "scope.corp.test").data("A"), [PODS], "its neighbour")
    test.equal(server.counters().get("client_subnet_used", 0), before, "questions for the neighbour of a client that was answered")
    test.equal(ask(forwarder, "127.1.7.1", "scope.corp.test").data("A"), [OFFICE], "one of another view")
    test.equal(server.counters().get("client_subnet_used", 0), before + 1, "questions for one of another view")


def run(test):
    server = peerzone(test)
    direct = ask(server, "127.1.2.3", "www.corp.test", "+subnet=127.1.7.0/24")
    test.equal((direct.data("A"), "CLIENT-SUBNET" in direct.text), ([PODS], False), "who is not trusted: %s" % direct)
    trusted = ask(server, "127.0.0.1", "www.corp.test", "+subnet=127.1.7.0/24")
    test.equal((trusted.data("A"), "CLIENT-SUBNET: 127.1.7.0/24/24" in trusted.text), ([OFFICE], True), "who is: %s" % trusted)
    test.equal(ask(server, "127.0.0.1", "www.corp.test", "+subnet=0").status, "REFUSED", "its own view is none")
    for start in (coredns, dnsdist, unbound):
        forwarder = start(test, server.address)
        check_views(test, forwarder)
        check_forged(test, forwarder)
        if start is unbound:
            check_scope(test, server, forwarder)
    test.equal(server.counters().get("client_subnet_malformed", 0), 0, "options that peerzone did not take")


harness.main("interop_subnet", run)
