"""The two ways of config/README.md to run peerzone beside CoreDNS, with the files that stand there and a real CoreDNS, asked with dig
as a pod would: what comes, and which reasons (EDE) arrive. The transcripts of that page are held against it.

`coredns_around_test.py PEERZONE stub|front`"""

import re
import time

import dig
import harness
import servers
import zones

CONFIG = harness.SOURCE / "config"
HOME = """$ORIGIN cluster.local.
@ 5 SOA ns.dns hostmaster 1 7200 1800 86400 5
@ 5 NS ns.dns
ns.dns 5 A 10.96.0.10
db.default.svc 5 A 10.1.0.30
"""
PEER = "cockroachdb-0.cockroachdb.westus.svc.cluster.local"
HOME_NAME = "db.default.svc.cluster.local"
# A pod's resolver tries its search list first, for names of fewer than five dots.
SEARCH_MISS = "cockroachdb-public.westus.svc.cluster.local.default.svc.cluster.local"
SHORT = "blink.westus.svc.cluster.local"
LOST = "cockroachdb-1.cockroachdb.westus.svc.cluster.local"
UNKNOWN = "cockroachdb-9.cockroachdb.westus.svc.cluster.local"


def fit(text, addresses, form="%s:%d"):
    """The file as it stands, with this test's addresses (which bring their ports) for those of a cluster."""
    for there, here in addresses.items():
        text = re.sub(r"(?<![\d.])%s(?![\d.])" % re.escape(there), form % here, text)
    return text


def corefile(test, kind, address, addresses):
    """Without what takes ports of its own or needs a cluster: the zone's records stand in for the API's."""
    text = (CONFIG / ("coredns-%s.Corefile" % kind)).read_text()
    zone = test.write("home.zone", HOME)
    resolv = test.write("resolv.conf", "nameserver 127.0.0.1\n")
    text = re.sub(r"(?m)^    kubernetes .*\{\n(?:        .*\n)*    \}\n", "    file %s cluster.local\n" % zone, text)
    text = re.sub(r"(?m)^    health \{\n(?:        .*\n)*    \}\n", "", text)
    text = re.sub(r"(?m)^    (ready|loop|reload|prometheus .*)\n", "", text)
    text = text.replace("/etc/resolv.conf", str(resolv))
    text = re.sub(r"(?m)(?<=\S):53(?= )", ":%d" % address[1], text)
    return fit(re.sub(r"(?m)^(\S.*\{)$", r"\1\n    bind %s" % address[0], text), addresses)


def peerzone_file(kind, address, addresses, resolv):
    text = (CONFIG / ("coredns-%s.yaml" % kind)).read_text()
    text = re.sub(r"(?m)^listen: .*\n", "", text)
    text = re.sub(r"(?m)^views:\n.*\n", "", text)  # the test's clients are on the loopback interface
    text = fit(text.replace("/etc/resolv.conf", str(resolv)), addresses, '"%s:%d"')
    return 'listen: {dns: ["%s:%d"], admin: off}\nworkers: 1\n%s' % (*address, text)


class Transcript:
    """What was asked and what came, as the page shows it: the cluster's addresses, and one time for all."""

    def __init__(self, names):
        self.names = {"%s:%d" % here: there + ":53" for there, here in names.items()}
        self.text = ""

    def add(self, address, name, reply):
        self.text += "$ dig @%s %s\n;; ->>HEADER<<- opcode: QUERY, status: %s\n" % (address, name, reply.status)
        for line in re.findall(r"(?m)^; EDE: .*$", reply.text):
            self.text += self.plain(line) + "\n"
        for record in sorted(reply.answer) + [r for r in reply.authority if r.type == "SOA"]:
            self.text += "%s %d IN %s %s\n" % record

    def plain(self, line):
        for here, there in self.names.items():
            line = line.replace(here, there)
        line = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "2026-01-31T10:00:00Z", line)
        line = re.sub(r"answer is \d+s old", "answer is 42s old", line)
        return re.sub(r"last .*\)$", "last 10.2.0.10:53 udp timeout 140ms)", line)


def ask_until(edge, name, words):
    """Asks until that reason comes, or for 15 s: how long it takes to be sure of a loss is for other tests."""
    deadline = time.monotonic() + 15
    while True:
        reply = dig.ask(edge.address, name)
        if any(words in said for _, said in reply.errors) or time.monotonic() > deadline:
            return reply


def ask_all(test, kind, edge, lose, transcript):
    shown = {"stub": "10.96.0.10", "front": "169.254.20.53"}[kind]

    def take(what, name, reply, status, data=None):
        good = test.equal(reply.status, status, "%s: %s" % (kind, what))
        if data is not None:
            good = test.equal(reply.data("A"), data, "%s: %s" % (kind, what)) and good
        if not good:
            test.say(reply)
        transcript.add(shown, name, reply)
        return reply

    def ask(what, name, status, data=None):
        return take(what, name, dig.ask(edge.address, name), status, data)

    ask("a peer's name", PEER, "NOERROR", ["10.2.0.10"])
    ask("a name of this cluster", HOME_NAME, "NOERROR", ["10.1.0.30"])
    miss = ask("a miss of the search list", SEARCH_MISS, "NXDOMAIN")
    test.equal(miss.soa().name if miss.soa() else None, "cluster.local.", "whose SOA denies it")
    unknown = ask("a name that the peer does not have", UNKNOWN, "NXDOMAIN")
    test.equal(unknown.soa().name if unknown.soa() else None, "westus.svc.cluster.local.", "whose SOA denies it")
    test.check(unknown.soa() and unknown.soa().ttl <= 1, "the denial is believed for longer than 1 s: %s" % unknown)

    test.equal(dig.ask(edge.address, SHORT).data("A"), ["10.2.0.99"], "%s: a name with TTL 1" % kind)
    lose()
    old = take("a known name of a lost peer", SHORT, ask_until(edge, SHORT, "endpoints up since"), "NOERROR", ["10.2.0.99"])
    test.check(any(code == 3 and "peer=westus" in said for code, said in old.errors), "nothing tells that it is old: %s" % old)
    lost = take("a name of a lost peer that nobody asked for", LOST, ask_until(edge, LOST, "partitioned"), "SERVFAIL")
    test.check(any(code == 22 and "peer=westus" in said for code, said in lost.errors), "no reason arrives: %s" % lost)


def explained(test, edge, name):
    """The lines of an explanation in class IN, as it comes through whatever is in front."""
    reply = dig.ask(edge.address, name, "TXT", "+bufsize=1232")
    data = " ".join(reply.data("TXT"))
    test.check(data, "no explanation of %s: %s" % (name, reply))
    return data.replace('" "', "\n")


def check_explanations(test, kind, edge):
    lines = explained(test, edge, "_explain." + PEER)
    test.check("\nroute     westus.svc.cluster.local: peer=westus\n" in lines, "%s: whose name it is: %s" % (kind, lines))
    lines = explained(test, edge, "_aaaa._explain." + PEER)
    test.check("\nquestion  AAAA of %s\n" % PEER in lines, "%s: another type: %s" % (kind, lines))
    lines = explained(test, edge, HOME_NAME + "._explain.peerzone.internal")
    test.check("\nquestion  A of %s\n" % HOME_NAME in lines, "%s: a name of this cluster: %s" % (kind, lines))


def check_page(test, kind, transcript):
    page = (CONFIG / "README.md").read_text()
    if not test.check(transcript in page, "config/README.md does not show what %s says" % kind):
        print(transcript)


def run(test):
    kind = test.arguments[0] if test.arguments else "stub"
    harness.coredns()  # or skip, before anything is started
    def peer(name, octet, *more):
        zone = name + ".svc.cluster.local"
        return servers.coredns(test, name + "".join(more), {zone: zones.text(zone, octet)})

    westus, second, north = peer("westus", 2), peer("westus", 2, "-2"), peer("northeurope", 3)
    core, front = test.address(), test.address()
    addresses = {"10.2.0.10": westus.address, "10.2.0.11": second.address, "10.3.0.10": north.address,
                 "10.96.0.10": core, "10.96.0.11": core, "10.96.0.53": front}
    resolv = test.write("nobody.conf", "nameserver 127.0.0.1\n")
    coredns = servers.coredns_with(test, "coredns", corefile(test, kind, core, addresses), core, "ready.cluster.local")
    peerzone = test.start_peerzone("peerzone", peerzone_file(kind, front, addresses, resolv), front)

    def lose():
        westus.silence()
        second.silence()

    check_explanations(test, kind, coredns if kind == "stub" else peerzone)
    transcript = Transcript(addresses)
    ask_all(test, kind, coredns if kind == "stub" else peerzone, lose, transcript)
    check_page(test, kind, transcript.text)
    counters = peerzone.counters()
    test.equal((counters.get("loops", 0), counters.get("handed_back", 0)), (0, 0), "%s: nothing goes in a circle" % kind)


harness.main("interop_coredns_around", run)
