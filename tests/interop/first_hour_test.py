"""The first hour with peerzone: each of the complete examples in config/ as it stands there, but for the test's addresses, asked with dig
through a real CoreDNS in front, which has one block for it; and each name explains itself that way.

aliases.yaml: three clusters that are all cluster.local. sidecar.yaml: CockroachDB's layout, namespaces named after regions.
office.yaml: two views."""

import re

import dig
import harness
import servers

CONFIG = harness.SOURCE / "config"
REGIONS = {"eastus": 1, "westus": 2, "northeurope": 3}
SAME = """$ORIGIN cluster.local.
@ 5 SOA ns.dns hostmaster 1 7200 1800 86400 5
@ 5 NS ns.dns
ns.dns 5 A 10.%(n)d.0.10
db-0.db.shop.svc 5 A 10.%(n)d.1.1
_sql._tcp.db.shop.svc 5 SRV 0 50 26257 db-0.db.shop.svc
"""
REVERSE = "$ORIGIN %(n)d.10.in-addr.arpa.\n@ 5 SOA a b 1 2 3 4 5\n@ 5 NS a\n1.1 5 PTR db-0.db.shop.svc.cluster.local.\n"
REGION = """$ORIGIN %(region)s.svc.cluster.local.
@ 5 SOA ns hostmaster 1 7200 1800 86400 5
@ 5 NS ns
ns 5 A 10.%(n)d.0.10
cockroachdb-0.cockroachdb 5 A 10.%(n)d.1.1
_cockroachdb._tcp.cockroachdb 5 SRV 0 100 26257 cockroachdb-0.cockroachdb
"""
ELSEWHERE = "$ORIGIN .\n@ 5 SOA a b 1 2 3 4 5\n@ 5 NS a\nwww.example.com 5 A %s\n"


def fit(text, addresses, form="%s:%d"):
    for there, here in addresses.items():
        text = re.sub(r"(?<![\d.])%s(?::53)?(?![\d./])" % re.escape(there), form % here, text)
    return text


class Stage:
    """One example with what it needs around it."""

    def __init__(self, test, example, addresses, *listen):
        self.test, self.example = test, example
        text = (CONFIG / (example + ".yaml")).read_text().replace("192.168.0.0/16", "127.0.0.0/8")
        # Quotes that a file has around an address stay one pair.
        text = fit(text, {there: here for there, here in addresses.items()}, '"%s:%d"').replace('""', '"')
        if "listen:" not in text:
            text += 'listen: {dns: ["%s:%d"], admin: "off"}\n' % listen[0]
        else:
            text = text.replace("listen:\n", 'listen:\n  admin: "off"\n', 1)
        self.server = test.start_peerzone(example, text, listen[0])

    def front(self, address, zones):
        """A CoreDNS with one block that sends these zones to peerzone, and those of explanations."""
        own = self.test.address()
        names = " ".join("%s:%d" % (zone, own[1]) for zone in (*zones, "peerzone.internal"))
        corefile = "%s {\n    bind %s\n    errors\n    forward . %s:%d\n}\n" % (names, own[0], *address)
        return servers.coredns_with(self.test, "front-" + self.example, corefile, own, "ready.peerzone.internal").address


def explained(test, edge, name, *lines):
    reply = dig.ask(edge, name, "TXT", "+bufsize=1232")
    text = " ".join(reply.data("TXT")).strip('"').replace('" "', "\n")
    for line in lines:
        test.check(line in text, "%s: no line %r in:\n%s" % (name, line, text or reply))


def check_aliases(test):
    peers = {region: servers.authoritative(test, region, {"cluster.local": SAME % {"n": n}, "%d.10.in-addr.arpa" % n: REVERSE % {"n": n}})
             for region, n in REGIONS.items()}
    address = test.address()
    stage = Stage(test, "aliases", {"10.96.0.10": peers["eastus"].address, "10.2.0.10": peers["westus"].address,
                                    "10.2.0.11": test.address(), "10.3.0.10": peers["northeurope"].address}, address)
    edge = stage.front(address, ["internal", *("%d.10.in-addr.arpa" % n for n in REGIONS.values())])
    for region, n in REGIONS.items():
        name = "db-0.db.shop.svc.%s.internal" % region
        test.equal(dig.ask(edge, name).data("A"), ["10.%d.1.1" % n], "aliases: " + name)
        srv = dig.ask(edge, "_sql._tcp.db.shop.svc.%s.internal" % region, "SRV")
        test.equal(srv.data("SRV"), ["0 50 26257 %s." % name], "aliases: the SRV of " + region)
        ptr = dig.ask(edge, "1.1.%d.10.in-addr.arpa" % n, "PTR").data("PTR")
        expected = "db-0.db.shop.svc.cluster.local." if region == "eastus" else name + "."
        test.equal(ptr, [expected], "aliases: the PTR of " + region)
        explained(test, edge, "_explain." + name, "route     %s.internal: " % region, "db-0.db.shop.svc.cluster.local")


def check_cockroachdb(test):
    home = servers.authoritative(test, "home", {"cluster.local": SAME % {"n": 1}})
    peers = {region: servers.authoritative(test, region + "-crdb", {region + ".svc.cluster.local": REGION % {"n": n, "region": region}})
             for region, n in REGIONS.items() if region != "eastus"}
    address = test.address()
    stage = Stage(test, "sidecar", {"10.96.0.10": home.address, "10.2.0.10": peers["westus"].address, "10.2.0.11": test.address(),
                                    "10.3.0.10": peers["northeurope"].address}, address)
    edge = stage.front(address, ["cluster.local"])
    for region in peers:
        n, name = REGIONS[region], "cockroachdb-0.cockroachdb.%s.svc.cluster.local" % region
        test.equal(dig.ask(edge, name).data("A"), ["10.%d.1.1" % n], "sidecar: " + name)
        srv = dig.ask(edge, "_cockroachdb._tcp.cockroachdb.%s.svc.cluster.local" % region, "SRV")
        test.equal(srv.data("SRV"), ["0 100 26257 %s." % name], "sidecar: the SRV of " + region)
        explained(test, edge, "_explain." + name, "route     %s.svc.cluster.local: peer=%s" % (region, region))
    test.equal(dig.ask(edge, "db-0.db.shop.svc.cluster.local").data("A"), ["10.1.1.1"], "sidecar: the own cluster's")


def check_office(test):
    home = servers.authoritative(test, "home-office", {"cluster.local": SAME % {"n": 1}})
    peers = {region: servers.authoritative(test, region + "-office", {region + ".svc.cluster.local": REGION % {"n": n, "region": region}})
             for region, n in REGIONS.items() if region != "eastus"}
    outside = {who: servers.authoritative(test, who, {".": ELSEWHERE % address})
               for who, address in (("resolver", "203.0.113.1"), ("office", "203.0.113.2"))}
    pods, office = test.address(), test.address()
    stage = Stage(test, "office", {"10.96.0.53": pods, "192.168.0.53": office, "10.96.0.10": home.address,
                                   "10.2.0.10": peers["westus"].address, "10.3.0.10": peers["northeurope"].address,
                                   "10.96.0.54": outside["resolver"].address, "192.168.0.1": outside["office"].address}, pods)
    ways = {"pods": stage.front(pods, ["."]), "office": stage.front(office, ["."])}
    expected = {"www.corp.example": {"pods": ["203.0.113.80"], "office": ["192.168.0.80"]},
                "www.example.com": {"pods": ["203.0.113.1"], "office": ["203.0.113.2"]},
                "cockroachdb-0.cockroachdb.westus.svc.cluster.local": {"pods": ["10.2.1.1"], "office": ["10.2.1.1"]},
                "cockroachdb-0.cockroachdb.northeurope.svc.cluster.local": {"pods": ["10.3.1.1"], "office": []}}
    for name, views in expected.items():
        for view, addresses in views.items():
            test.equal(dig.ask(ways[view], name).data("A"), addresses, "office: %s for %s" % (name, view))
            explained(test, ways[view], "_explain." + name, "view      %s: " % view)
    explained(test, ways["pods"], "_view.office._explain.www.corp.example", "view      office")


def run(test):
    check_aliases(test)
    check_cockroachdb(test)
    check_office(test)


harness.main("interop_first_hour", run)
