"""ExternalName behind a peer: the peer's reply holds a CNAME that leads out of its zone, with or without what stands at its end.
Both must resolve for a pod that asks its CoreDNS, which asks peerzone, which asks the owner of the name."""

import dig
import harness
import servers
import zones

# Beside each region's usual records:
WESTUS = """
db      60 CNAME db.corp.example.
"""
NORTHEUROPE = """
db      60 CNAME db.example.com.
gone    60 CNAME gone.example.com.
owned   60 CNAME cache.example.net.
twice   60 CNAME twice.example.net.
across  60 CNAME cockroachdb-public.westus.svc.cluster.local.
both    60 CNAME db.westus.svc.cluster.local.
lost    60 CNAME db.nobody.example.
"""
CORP = """$ORIGIN corp.example.
@ 60 SOA ns hostmaster 1 7200 1800 86400 40
@ 60 NS ns
ns 60 A 203.0.113.2
db 60 A 203.0.113.7
"""
EXAMPLE = """$ORIGIN example.com.
@ 60 SOA ns hostmaster 1 7200 1800 86400 40
@ 60 NS ns
ns 60 A 203.0.113.3
db 60 A 203.0.113.8
db 60 A 203.0.113.9
"""


def cname(owner, target):
    return (owner + ".", "CNAME", target + ".")


def a(owner, *addresses):
    return [(owner + ".", "A", address) for address in addresses]


def name(label, region="northeurope"):
    return "%s.%s.svc.cluster.local" % (label, region)


FOUND = a("db.example.com", "203.0.113.8", "203.0.113.9")
# (question, type): (status, answer set, owner of the SOA if the answer is negative)
CASES = {
    # The whole chain is in westus's own reply.
    (name("db", "westus"), "A"):
        ("NOERROR", [cname(name("db", "westus"), "db.corp.example"), *a("db.corp.example", "203.0.113.7")], None),
    # A bare CNAME; `forward` for example.com knows the rest.
    (name("db"), "A"): ("NOERROR", [cname(name("db"), "db.example.com"), *FOUND], None),
    (name("db"), "AAAA"): ("NOERROR", [cname(name("db"), "db.example.com")], "example.com."),
    (name("gone"), "A"): ("NXDOMAIN", [cname(name("gone"), "gone.example.com")], "example.com."),
    # Its end is in a zone of peerzone's own …
    (name("owned"), "A"):
        ("NOERROR", [cname(name("owned"), "cache.example.net"), *a("cache.example.net", "203.0.113.20")], None),
    (name("owned"), "AAAA"): ("NOERROR", [cname(name("owned"), "cache.example.net")], "example.net."),
    # … which may send it on to a forwarder.
    (name("twice"), "A"):
        ("NOERROR", [cname(name("twice"), "twice.example.net"), cname("twice.example.net", "db.example.com"), *FOUND], None),
    # From one peer to another, and out of that one.
    (name("across"), "A"):
        ("NOERROR", [cname(name("across"), name("cockroachdb-public", "westus")),
                     *a(name("cockroachdb-public", "westus"), "10.2.96.20")], None),
    (name("across"), "AAAA"):
        ("NOERROR", [cname(name("across"), name("cockroachdb-public", "westus"))], "westus.svc.cluster.local."),
    (name("both"), "A"):
        ("NOERROR", [cname(name("both"), name("db", "westus")), cname(name("db", "westus"), "db.corp.example"),
                     *a("db.corp.example", "203.0.113.7")], None),
    # The chain itself can be asked for.
    (name("db"), "CNAME"): ("NOERROR", [cname(name("db"), "db.example.com")], None),
}


def check_cases(test, where, address, *options):
    for (qname, qtype), (status, answer, soa_owner) in CASES.items():
        reply = dig.ask(address, qname, qtype, *options)
        what = "%s: %s %s: " % (where, qname, qtype)
        if not test.equal(reply.status, status, what + "status"):
            test.say(reply)
            continue
        test.equal(reply.answer_set(), sorted(answer), what + "answer")
        # A client follows the chain in the order in which it stands.
        chain = [r for r in reply.answer if r.type == "CNAME"]
        test.equal([r.name for r in chain], [record[0] for record in answer if record[1] == "CNAME"], what + "order")
        test.check(all(r.ttl <= 60 for r in reply.answer), what + "TTL raised: %s" % reply.answer)
        if soa_owner:
            soa = reply.soa()
            test.equal(soa.name if soa else None, soa_owner, what + "SOA")


def check_dead_end(test, address):
    """The end of the chain has no owner: the client gets the chain."""
    reply = dig.ask(address, name("lost"))
    test.equal((reply.status, reply.answer_set()), ("NOERROR", [cname(name("lost"), "db.nobody.example")]),
               "a chain to a name that nobody is known for")
    test.check(any(code == 20 and "db.nobody.example" in said for code, said in reply.errors), "no extended error names the end that nobody knows: %s" % reply)


def check_not_found_in_reply(test, address):
    """CoreDNS says `no AAAA` of a name in another zone without a SOA: the chain alone is the answer."""
    reply = dig.ask(address, name("db", "westus"), "AAAA")
    test.equal((reply.status, reply.answer_set()), ("NOERROR", [cname(name("db", "westus"), "db.corp.example")]),
               "AAAA of an ExternalName that has only A")


def run(test):
    def region(name_, octet, extra, **more):
        zone = name_ + ".svc.cluster.local"
        return {zone: zones.text(zone, octet, extra), **more}

    westus = servers.coredns(test, "westus", {**region("westus", 2, WESTUS), "corp.example": CORP})
    # Bare: this server knows nothing but its own zone.
    northeurope = servers.authoritative(test, "northeurope", region("northeurope", 3, NORTHEUROPE))
    third = servers.peerzone(test, "third", {"example.com": EXAMPLE})
    direct = dig.ask(westus.address, name("db", "westus"))
    test.equal(direct.data("A"), ["203.0.113.7"], "westus's server gives CNAME and address in one reply")
    direct = dig.ask(northeurope.address, name("db"))
    test.equal([r.type for r in direct.answer], ["CNAME"], "northeurope's server gives the bare CNAME")

    address = test.address()
    config = """cluster: {name: eastus}
listen: {dns: ["%s:%d"]}
peers:
  westus: {zones: [westus.svc.cluster.local], endpoints: ["%s:%d"], negative_ttl: 1h}
  northeurope: {zones: [northeurope.svc.cluster.local], endpoints: ["%s:%d"], negative_ttl: 1h}
zones:
  example.net: {records: [cache A 203.0.113.20, twice 60 CNAME db.example.com.]}
forward:
  example.com: {endpoints: ["%s:%d"]}
cache: {negative_max_ttl: 1h}
""" % (*address, *westus.address, *northeurope.address, *third.address)
    peerzone = test.start_peerzone("peerzone", config, address)
    edge = servers.coredns_edge(test, address)
    edge.wait_until_answering("ready.cluster.local")

    check_cases(test, "through CoreDNS, miss", edge.address)
    check_dead_end(test, peerzone.address)
    check_not_found_in_reply(test, edge.address)
    for server in (westus, northeurope, third):
        server.silence()
    check_cases(test, "through CoreDNS, hit", edge.address)
    check_cases(test, "from peerzone over TCP, hit", peerzone.address, "+tcp")
    for server in (westus, northeurope, third):
        server.resume()

    test.stop(peerzone)
    peerzone = test.start_peerzone("peerzone", config, address)
    check_cases(test, "from peerzone, miss", peerzone.address)
    check_cases(test, "from peerzone, hit", peerzone.address)


harness.main("interop_external_name", run)
