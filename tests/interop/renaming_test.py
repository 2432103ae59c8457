"""A peer's names under others: what peerzone says of HERE must be what the peer's own server says of THERE, name for name, in
every type that holds names; asked twice, the second time with the peer's server stopped. Against NSD, Knot and CoreDNS."""

import dig
import harness
import servers

HERE, THERE = "westus.internal", "cluster.local"
ZONE = """$ORIGIN cluster.local.
$TTL 60
@ IN SOA ns.dns hostmaster 1 7200 1800 86400 30
@ IN NS ns.dns
ns.dns IN A 10.2.0.10
db.shop.svc IN A 10.2.0.5
db.shop.svc IN AAAA fd00::5
Web.Shop.svc IN CNAME db.shop.svc
out.shop.svc IN CNAME db.example.com.
_sql._tcp.db.shop.svc IN SRV 0 50 26257 cockroach-0.db.shop.svc
_sql._tcp.db.shop.svc IN SRV 0 50 26257 cockroach-1.db.shop.svc
_none._tcp.shop.svc IN SRV 0 0 0 .
cockroach-0.db.shop.svc IN A 10.2.1.1
cockroach-1.db.shop.svc IN A 10.2.1.2
5.0.2.10.reverse IN PTR db.shop.svc
mail.svc IN MX 10 mx.mail.svc
mail.svc IN MX 20 mx.example.com.
tel.svc IN NAPTR 10 20 "s" "SIP+D2U" "" _sip._udp.tel.svc
web.svc IN SVCB 1 db.shop.svc alpn=h2
web.svc IN HTTPS 0 db.shop.svc
old IN DNAME new
db.new IN A 10.2.0.9
sub IN NS ns.sub
ns.sub IN A 10.2.0.11
text.svc IN TXT "db.shop.svc.cluster.local is only text"
*.wild.svc IN A 10.2.0.12
"""
CASES = [("db.shop.svc", "A"), ("DB.Shop.SVC", "AAAA"), ("web.shop.svc", "A"), ("out.shop.svc", "CNAME"),
         ("_sql._tcp.db.shop.svc", "SRV"), ("_none._tcp.shop.svc", "SRV"), ("cockroach-0.db.shop.svc", "A"),
         ("5.0.2.10.reverse", "PTR"), ("mail.svc", "MX"), ("tel.svc", "NAPTR"), ("web.svc", "SVCB"), ("web.svc", "HTTPS"),
         ("db.old", "A"), ("", "SOA"), ("", "NS"), ("text.svc", "TXT"), ("a.b.wild.svc", "A"), ("no.svc", "A"), ("no.svc", "TXT"),
         ("db.shop.svc", "TXT")]
# CoreDNS 1.15's file plugin answers a DNAME's descendants; what it does not read at all is left to the others.
NOT_COREDNS = {"SVCB", "HTTPS"}


def full(name, suffix):
    return (name + "." if name else "") + suffix


def renamed(text):
    """A record's data or owner as clients know it; what is only text stays."""
    return " ".join(word[:-len(THERE) - 1] + HERE + "." if word.lower().endswith(THERE + ".") and '"' not in word else word
                    for word in text.split(" "))


def records(reply, rename=lambda text: text):
    """What it says, letter case of owners aside: servers write them as asked or as in their zone."""
    return reply.status, sorted((rename(r.name).lower(), r.type, rename(r.data)) for r in reply.answer), sorted(
        (rename(r.name).lower(), r.type, rename(r.data)) for r in reply.authority if r.type == "SOA")


def check(test, server, peer, cases, when):
    for name, rtype in cases:
        there = dig.ask(peer.address, full(name, THERE), rtype)
        here = dig.ask(server, full(name, HERE), rtype)
        test.equal(records(here), records(there, renamed), "%s: %s %s %s" % (peer, name or "apex", rtype, when))
        if rtype == "SRV" and here.answer and here.answer[0].data.split()[3] != ".":
            target = here.answer[0].data.split()[3]
            test.check(dig.ask(server, target, "A").data("A"), "%s: the target %s resolves" % (peer, target))


def run(test):
    for start in (servers.nsd, servers.knot, servers.coredns):
        try:
            peer = start(test, start.__name__, {THERE: zone_for(start)})
        except harness.Skip as skipped:
            test.say("skipped %s: %s" % (start.__name__, skipped))
            continue
        cases = [c for c in CASES if start is not servers.coredns or c[1] not in NOT_COREDNS]
        address = test.address()
        server = test.start_peerzone(
            "peerzone_" + start.__name__,
            'listen: {dns: ["%s:%d"]}\npeers: {westus: {alias: {here: %s, there: %s}, endpoints: ["%s:%d"], negative_ttl: 1h}}\n'
            "cache: {negative_max_ttl: 1h}\n" % (*address, HERE, THERE, *peer.address), address)
        check(test, address, peer, cases, "miss")
        truth = {case: records(dig.ask(peer.address, full(case[0], THERE), case[1]), renamed) for case in cases}
        peer.silence()
        for (name, rtype), expected in truth.items():
            if expected[1] or expected[2]:  # kept
                test.equal(records(dig.ask(address, full(name, HERE), rtype)), expected,
                           "%s: %s %s hit" % (peer, name or "apex", rtype))
        peer.resume()
        test.stop(server)
        test.stop(peer)


def zone_for(start):
    if start is not servers.coredns:
        return ZONE
    return "\n".join(line for line in ZONE.split("\n") if not any(" IN %s " % t in line for t in NOT_COREDNS))


harness.main("interop_renaming", run)
