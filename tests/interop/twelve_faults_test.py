"""Twelve faults, each built for real, and what plain dig says of them: one question to peerzone itself, whose answer carries the reason
(EDE) or whose explanation names it, and one through a CoreDNS with a `cache`, which drops EDEs, for `_explain`. README.md shows what
came; with --write it is put there."""

import re
import socket
import sys
import time

import dig
import harness
import servers
from certificates import Authority
from relay import Relay

README = harness.SOURCE / "README.md"
BEGIN, END = "<!-- twelve faults: begin -->\n", "<!-- twelve faults: end -->\n"
ZONE = """$ORIGIN %s.
@ 1 SOA ns hostmaster 1 7200 1800 86400 1
@ 1 NS ns
ns 1 A 10.2.0.10
db 1 A 10.2.0.5
""" + "".join("big 1 A 10.2.9.%d\n" % i for i in range(1, 120))
PATIENCE = 20.0


def zone(name):
    return {name: ZONE % name}


class Silent:
    """An address where nobody answers: a socket that is never read."""

    def __init__(self, address):
        self.address = address
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(address)


class Faults:
    def __init__(self, test):
        self.test, self.address = test, test.address()
        self.stranger = test.address()[0]
        self.shown = {"%s:%d" % self.address: "10.1.0.53:53", self.address[0]: "10.1.0.9", self.stranger: "203.0.113.7"}
        self.peers, self.silent = {}, []
        self.good = servers.authoritative(test, "good", {**zone("half.internal"), **zone("stale.internal")})
        self.edge_address = test.address()

    def peer(self, name, *addresses, more=""):
        octet = len(self.peers) + 2
        for last, address in enumerate(addresses):
            self.shown["%s:%d" % address] = "10.%d.0.%d:53" % (octet, 10 + last)
        self.peers[name] = "  %s: {zones: [%s.internal], endpoints: [%s]%s}\n" % (
            name, name, ", ".join('"%s:%d"' % a for a in addresses), more)

    def nobody(self):
        self.silent.append(Silent(self.test.address()))
        return self.silent[-1].address

    def build(self, relay):
        test = self.test
        self.peer("half", self.good.address, self.nobody())
        self.peer("dead", self.nobody(), self.nobody())
        self.peer("wrong", servers.authoritative(test, "root", {".": ZONE.replace("$ORIGIN %s.", "$ORIGIN .")}).address)
        self.peer("refused", servers.authoritative(test, "other", zone("elsewhere.test")).address)
        self.peer("tls", self.tls_server(), more=", transport: tls, tls: {ca: \"%s\", server_name: dns.tls.example}" % self.authority.certificate)
        self.peer("balancer", relay.address)
        self.peer("loop", self.edge_address)
        self.peer("stale", self.good.address)
        self.peers["unresolved"] = "  unresolved: {zones: [unresolved.internal], endpoints: [dns.unresolved.test]}\n"
        self.config = 'cluster: {name: eastus}\nlisten: {dns: ["%s:%d"], admin: "off"}\nbootstrap: ["%s:%d"]\nviews:\n' % (
            *self.address, *self.good.address)
        self.config += "  - {name: pods, clients: [127.0.0.0/8]}\n"
        self.config = self.config.replace("127.0.0.0/8", ", ".join("%s/32" % ip for ip in ("127.0.0.1", self.address[0], self.edge_address[0])))
        self.config += "peers:\n" + "".join(self.peers.values())
        self.server = test.start_peerzone("peerzone", self.config, self.address, None)
        corefile = ".:%d {\n    bind %s\n    cache 30\n    errors\n    forward . %s:%d\n}\n" % (
            self.edge_address[1], self.edge_address[0], *self.address)
        # It asks peerzone from the address that it listens on, which has a view.
        self.edge = servers.coredns_with(test, "edge", corefile, self.edge_address, "ready.invalid")

    def tls_server(self):
        self.authority = Authority(self.test, "authority")
        certificate, key = self.authority.issue("DNS:dns.other.example")
        plain, tls = self.test.address(), self.test.address()
        config = 'workers: 1\nlisten: {dns: ["%s:%d"], tls: ["%s:%d"], admin: "off"}\ntls: {certificate: "%s", key: "%s"}\nzones:\n' \
                 "  tls.internal: {records: [db A 10.2.0.5]}\n" % (*plain, *tls, certificate, key)
        self.test.start_peerzone("tls-server", config, plain)
        return tls

    # Asking

    def ask(self, name, rtype="A", *options):
        return dig.ask(self.address, name, rtype, "-b", self.address[0], *options)

    def explain(self, address, name):
        reply = dig.ask(address, name, "TXT", "-b", self.address[0], "+bufsize=1232")
        return unfolded(" ".join(reply.data("TXT"))) or str(reply)

    def until(self, look, wanted):
        """What was seen last: when `wanted` is in it, or when it never was."""
        deadline = time.monotonic() + PATIENCE
        while True:
            seen = look()
            if re.search(wanted, seen) or time.monotonic() > deadline:
                return seen
            time.sleep(0.1)

    def plain(self, text):
        for here, there in sorted(self.shown.items(), key=lambda pair: -len(pair[0])):
            text = text.replace(here, there)
        text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "2026-01-31T10:00:00Z", text)
        text = re.sub(r"\b\d+ms\b", "140ms", text)
        text = re.sub(r"\b\d+ losses in a row", "3 losses in a row", text)
        text = re.sub(r"RTT (not measured|[\d.]+ .?s)", "RTT 0.4 ms", text)
        text = text.replace(str(self.test.folder), "/etc/peerzone")
        text = re.sub(r"of use for [\dhms ]+ more", "of use for 23h 59m more", text)
        return re.sub(r"\b\d+s\b(?! more)", "42s", text)


def unfolded(strings):
    """The lines of an explanation, of the strings of its TXT; what goes on in the next one is one line here."""
    text = strings.strip('"').replace('" "', "\n")
    lines = re.sub(r"\n {10}", " ", text).split("\n")
    return "\n".join(line for line in lines if not line.startswith(("at ", "question ")))


def ede(reply):
    return "; ".join("EDE %d: %s" % error for error in reply.errors)


# fault, name asked, how it is seen directly ("ede" or "explain"), what must be in it, what must be in _explain through CoreDNS
CASES = [
    ("one endpoint of two is dead", "db.half.internal", "explain", r"suspect|silent|down", r"suspect|silent|down"),
    ("a region is dead", "db.dead.internal", "ede", r"22: peer=dead partitioned", r"upstream +peer=dead partitioned"),
    ("the server has another zone", "db.wrong.internal", "ede", r"20: .*peer=wrong .*lame reply", r"lame reply"),
    ("the server refuses", "db.refused.internal", "ede", r"20: .*peer=refused .*REFUSED", r"REFUSED"),
    ("a certificate for another name", "db.tls.internal", "ede", r"23: peer=tls .*certificate is for", r"certificate is for"),
    ("a balancer that passes UDP only", "big.balancer.internal", "ede", r"23: peer=balancer .*tcp connection closed", r"tcp connection closed"),
    ("a loop", "db.loop.internal", "ede", r"EDE 0: loop via peer=loop", r"loop via peer=loop"),
    ("an answer past its TTL", "db.stale.internal", "ede", r"3: peer=stale 0 of 1 endpoints up .*answer is \d+s old", r"past its TTL"),
    ("endpoints that do not resolve", "db.unresolved.internal", "ede", r"22: peer=unresolved", r"unresolved.test\S* not resolved"),
    ("a client without a view", "db.half.internal", "stranger", r"18: no view for this client", None),
    ("a mistyped peer", "db.haff.internal", "ede", r"did you mean half.internal\?", r"no zone, peer"),
    ("a reload that was refused", "config.peerzone", "config", r"on disk was refused", r"on disk was refused"),
]


def seen_directly(faults, name, how, wanted):
    if how == "explain":
        return faults.until(lambda: faults.explain(faults.address, "_explain." + name), wanted)
    if how == "stranger":
        return ede(dig.ask(faults.address, name, "A", "-b", faults.stranger))
    if how == "config":
        def said():
            text = dig.ask(faults.address, name, "TXT", "-c", "CH", "-b", faults.address[0], "+bufsize=1232").text
            return unfolded(" ".join(re.findall(r"(?m)^\S+\s+\d+\s+CH\s+TXT\s+(.*)$", text)))
        return faults.until(said, wanted)
    return faults.until(lambda: ede(faults.ask(name)), wanted)


def line_of(text, wanted):
    """The line of an explanation that names the fault."""
    return " ".join(next((line for line in text.split("\n") if re.search(wanted, line)), "").split())


def check_all(test, faults):
    direct = through = 0
    rows = []
    for fault, name, how, wanted, explained in CASES:
        seen = seen_directly(faults, name, how, wanted)
        named = bool(re.search(wanted, seen))
        direct += named
        if not named:
            test.say("not named directly: %s: %s" % (fault, seen))
        shown = line_of(seen, wanted) if how in ("explain", "config") else seen
        behind = ""
        if explained is not None:
            asked = "db.half.internal" if how == "config" else name
            behind = faults.until(lambda asked=asked: faults.explain(faults.edge_address, "_explain." + asked), explained)
            if re.search(explained, behind):
                through += 1
            else:
                test.say("not named through CoreDNS: %s: %s" % (fault, behind))
        rows.append((fault, name, shown, line_of(behind, explained) if explained else "(its own server refuses it)"))
    test.check(direct >= 11, "%d of 12 faults are named by one answer" % direct)
    test.check(through >= 11, "%d of 12 faults are named by _explain through CoreDNS" % through)
    test.say("%d of 12 named directly, %d through CoreDNS with a cache" % (direct, through))
    return rows


def page_of(faults, rows):
    text = "| fault | asked | peerzone says | `_explain` through a CoreDNS with `cache` |\n|---|---|---|---|\n"
    for row in rows:
        text += "| %s | `%s` | %s | %s |\n" % (row[0], row[1], *(faults.plain(part).replace("|", "\\|") for part in row[2:]))
    return text


def run(test):
    faults = Faults(test)
    balanced = servers.authoritative(test, "balanced", zone("balancer.internal"))
    with Relay(test.address(), balanced.address, passes=("udp",)) as relay:
        faults.build(relay)
        faults.until(lambda: str(faults.ask("db.stale.internal").data("A")), r"10\.2\.0\.5")
        # The server of `stale` and of half of `half` falls silent only once its name is known; `half` must keep it.
        faults.good_half = servers.authoritative(test, "good-half", zone("half.internal"))
        rows = []
        path = test.folder / "peerzone.yaml"
        half = "%s:%d" % faults.good_half.address
        faults.shown[half] = "10.2.0.10:53"
        moved = faults.config.replace('half.internal], endpoints: ["%s:%d"' % faults.good.address, 'half.internal], endpoints: ["%s"' % half)
        path.write_text(moved)
        faults.until(lambda: str(faults.ask("db.half.internal").data("A")), r"10\.2\.0\.5")
        faults.good.silence()
        path.write_text(moved.replace("endpoints:", "endpionts:", 1))
        rows = check_all(test, faults)
    page = page_of(faults, rows)
    text = README.read_text()
    if "--write" in test.arguments:
        begin, end = text.index(BEGIN) + len(BEGIN), text.index(END)
        README.write_text(text[:begin] + page + text[end:])
    else:
        shown = text[text.index(BEGIN) + len(BEGIN):text.index(END)] if BEGIN in text else ""
        test.check([line.split("|")[1:4] for line in shown.splitlines()] == [line.split("|")[1:4] for line in page.splitlines()],
                   "README.md does not show what came (--write puts it there):\n%s" % page)


if __name__ == "__main__":
    sys.exit(harness.main("interop_twelve_faults", run))
