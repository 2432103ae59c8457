"""Three clusters that all call themselves cluster.local, by NSD, Knot and CoreDNS, behind one peerzone with two views: what each view
is told of each name, in eight types, as a miss, a hit, past its TTL, as a denial and over an alias, is what that cluster's own server
says, and what a view does not see is never told there. Views by client address and by the address that is asked."""

import time

import dig
import harness
import servers

CLUSTER = "cluster.local"
REGIONS = {"eastus": 1, "westus": 2, "northeurope": 3}
ALIAS = {region: region + ".internal" for region in REGIONS}
ZONE = """$ORIGIN cluster.local.
$TTL 2
@ IN SOA ns.dns hostmaster 1 7200 1800 86400 2
@ IN NS ns.dns
ns.dns IN A 10.%(n)d.0.10
db.shop.svc IN A 10.%(n)d.0.5
db.shop.svc IN AAAA fd00::%(n)d:5
db.shop.svc IN TXT "the one of region %(n)d"
_sql._tcp.db.shop.svc IN SRV 0 50 26257 db-0.db.shop.svc
db-0.db.shop.svc IN A 10.%(n)d.1.1
mail.svc IN MX 10 db.shop.svc
web.svc IN HTTPS 0 db.shop.svc
www.svc IN CNAME db.shop.svc
over.svc IN CNAME db.shop.svc.%(next)s.internal.
"""
REVERSE = """$ORIGIN %(n)d.10.in-addr.arpa.
$TTL 2
@ IN SOA ns.dns.cluster.local. hostmaster 1 7200 1800 86400 2
@ IN NS ns.dns.cluster.local.
5.0 IN PTR db.shop.svc.cluster.local.
"""
CASES = [("db.shop.svc", "A"), ("db.shop.svc", "AAAA"), ("db.shop.svc", "TXT"), ("_sql._tcp.db.shop.svc", "SRV"), ("mail.svc", "MX"),
         ("web.svc", "HTTPS"), ("www.svc", "A"), ("www.svc", "CNAME"), ("no.svc", "A"), ("db.shop.svc", "NAPTR")]
STARTS = {"eastus": servers.nsd, "westus": servers.knot, "northeurope": servers.coredns}


def zones_of(region, of_coredns):
    numbers = {"n": REGIONS[region], "next": {"eastus": "westus", "westus": "northeurope", "northeurope": "eastus"}[region]}
    zone = ZONE % numbers
    if of_coredns:  # whose file plugin does not read it
        zone = "\n".join(line for line in zone.split("\n") if " HTTPS " not in line)
    return {CLUSTER: zone, "%d.10.in-addr.arpa" % REGIONS[region]: REVERSE % numbers}


def renamed(region, text):
    suffix = CLUSTER + "."
    return " ".join(word[:-len(suffix)] + ALIAS[region] + "." if word.lower().endswith(suffix) else word for word in text.split(" "))


def said(reply, rename=lambda text: text):
    return reply.status, sorted((rename(r.name).lower(), r.type, rename(r.data)) for r in reply.answer), sorted(
        (rename(r.name).lower(), rename(r.data)) for r in reply.authority if r.type == "SOA")


class Horizon:
    def __init__(self, test):
        self.test = test
        self.peers = {region: start(test, region, zones_of(region, start is servers.coredns)) for region, start in STARTS.items()}
        self.elsewhere = servers.nsd(test, "elsewhere", {"internal": "$ORIGIN internal.\n$TTL 2\n@ IN SOA a b 1 2 3 4 2\n@ IN NS a\na IN A "
                                                         "192.0.2.1\n*.northeurope IN A 192.0.2.66\n"})
        self.address = test.address()
        self.office_address = test.address()[0], self.address[1]
        self.client, self.office_client = test.address()[0], test.address()[0]
        ip = self.address[0].rsplit(".", 1)[0]
        self.config = """cluster: {name: eastus, alias: eastus.internal}
listen: {dns: ["0.0.0.0:%(port)d"], admin: "off"}
local: {forward: {endpoints: ["%(eastus)s"], pods: [10.1.0.0/16], services: [10.43.0.0/16]}}
peers:
  westus: {alias: westus.internal, endpoints: ["%(westus)s"], pods: [10.2.0.0/16], services: [10.43.0.0/16]}
  northeurope: {alias: {here: northeurope.internal, there: cluster.local}, endpoints: ["%(northeurope)s"], pods: [10.3.0.0/16]}
zones:
  corp.test: {records: ["www IN A 192.0.2.1"]}
views:
  - {name: pods, clients: [%(net)s.0/24]}
  - name: office
    clients: [%(office)s/32]
    peers: [westus]
    zones: {corp.test: {records: ["www IN A 192.0.2.2"]}}
    forward: {internal: {endpoints: ["%(elsewhere)s"]}}
  - {name: asked, listen: ["%(asked)s:%(port)d"], clients: [127.0.0.0/8], peers: [], forward: {}}
""" % {"port": self.address[1], "net": ip, "office": self.office_client, "asked": self.office_address[0],
       "elsewhere": "%s:%d" % self.elsewhere.address, **{region: "%s:%d" % peer.address for region, peer in self.peers.items()}}
        self.server = test.start_peerzone("peerzone", self.config, self.address)

    def ask(self, view, name, rtype, *options):
        if view == "asked":
            return dig.ask(self.office_address, name, rtype, "-b", self.client, *options)
        return dig.ask(self.address, name, rtype, "-b", self.office_client if view == "office" else self.client, *options)

    def truth(self, region):
        cases = [case for case in CASES if case[1] != "HTTPS" or STARTS[region] is not servers.coredns]
        return {case: said(dig.ask(self.peers[region].address, "%s.%s" % (case[0], CLUSTER), case[1]), lambda t: renamed(region, t))
                for case in cases}

    def check(self, view, region, truth, when):
        for (name, rtype), expected in truth.items():
            got = self.ask(view, "%s.%s" % (name, ALIAS[region]), rtype)
            self.test.equal(said(got), expected, "%s is told of %s %s in %s, %s" % (view, name, rtype, region, when))


def check_names(horizon):
    """Everything that a view sees, and that the others' names are none there."""
    truth = {region: horizon.truth(region) for region in REGIONS}
    for when in ("miss", "hit"):
        for region in REGIONS:
            horizon.check("pods", region, truth[region], when)
        for region in ("eastus", "westus"):
            horizon.check("office", region, truth[region], when)
        for name, rtype in CASES:  # of a peer that it does not see: the office's own server has a wildcard there
            got = horizon.ask("office", "%s.northeurope.internal" % name, rtype)
            horizon.test.check(got.data("A") == (["192.0.2.66"] if rtype == "A" else []), "the office sees northeurope: %s" % got)
            got = horizon.ask("asked", "%s.westus.internal" % name, rtype)
            horizon.test.equal((got.status, got.answer), ("REFUSED", []), "by the address that is asked, nobody sees westus")
    return truth


def check_owned(horizon):
    for view, expected in (("pods", "192.0.2.1"), ("office", "192.0.2.2"), ("asked", "192.0.2.1"), ("pods", "192.0.2.1")):
        for options in ((), ("+tcp",)):
            horizon.test.equal(horizon.ask(view, "www.corp.test", "A", *options).data("A"), [expected], "corp.test of %s" % view)


def check_chains(horizon):
    """An alias of one cluster to a name of the next goes there in the view that sees it, and nowhere in one that does not."""
    test = horizon.test
    test.equal(horizon.ask("pods", "over.svc.eastus.internal", "A").data("A"), ["10.2.0.5"], "eastus to westus")
    test.equal(horizon.ask("pods", "over.svc.westus.internal", "A").data("A"), ["10.3.0.5"], "westus to northeurope")
    got = horizon.ask("office", "over.svc.westus.internal", "A")
    test.equal(got.data("A"), ["192.0.2.66"], "in the office that name is its own server's: %s" % got)
    test.equal(horizon.ask("pods", "over.svc.westus.internal", "A").data("A"), ["10.3.0.5"], "and still northeurope's for pods")


def check_reverse(horizon):
    test = horizon.test
    for region, number in REGIONS.items():
        got = horizon.ask("pods", "5.0.%d.10.in-addr.arpa" % number, "PTR")
        # Our own names are cluster.local for the pods: the alias is another name for them.
        expected = "db.shop.svc.%s." % (CLUSTER if region == "eastus" else ALIAS[region])
        test.equal(got.data("PTR"), [expected], "the PTR of a pod of %s" % region)
        if region != "eastus":
            test.check(dig.ask(horizon.address, expected, "A", "-b", horizon.client).data("A") == ["10.%d.0.5" % number],
                       "and the name leads back")
    test.equal(horizon.ask("office", "5.0.3.10.in-addr.arpa", "PTR").status, "NXDOMAIN", "whose pods the office does not see")
    test.equal(horizon.ask("pods", "5.0.43.10.in-addr.arpa", "PTR").status, "NXDOMAIN", "ClusterIPs that two clusters have")


def check_stale(horizon, truth):
    """All peers are silent: what was known is told, to those who see it."""
    for peer in horizon.peers.values():
        peer.silence()
    time.sleep(2.1)  # past every TTL
    positive = {region: {case: value for case, value in cases.items() if value[1]} for region, cases in truth.items()}
    for region in REGIONS:
        horizon.check("pods", region, positive[region], "stale")
    horizon.check("office", "westus", positive["westus"], "stale")
    got = horizon.ask("office", "db.shop.svc.northeurope.internal", "A")
    horizon.test.equal(got.data("A"), ["192.0.2.66"], "the office, past the TTL")
    for peer in horizon.peers.values():
        peer.resume()


def run(test):
    horizon = Horizon(test)
    check_owned(horizon)
    truth = check_names(horizon)
    check_chains(horizon)
    check_reverse(horizon)
    check_stale(horizon, truth)


harness.main("interop_horizon", run)
