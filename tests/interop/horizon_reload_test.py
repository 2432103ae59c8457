"""Two views at once, over reloads that reorder, add and remove views and give them other peers: 100,000 random questions, of which none is
answered with what its view does not see. An oracle that knows the configuration says what each may be told.

    horizon_reload_test.py PEERZONE [QUESTIONS [SEED]]"""

import os
import random
import select
import signal
import socket
import struct
import sys
import time

import dig
import harness
import servers
import wire

REGIONS = {"eastus": 1, "westus": 2, "northeurope": 3}
NEXT = {"eastus": "westus", "westus": "northeurope", "northeurope": "eastus"}
NAMES = 40
OPEN_MAX = 64
ZONE = """$ORIGIN cluster.local.
@ 2 SOA ns hostmaster 1 7200 1800 86400 2
@ 2 NS ns
ns 2 A 10.%(n)d.0.10
""" + "".join("n%d.shop.svc %d A 10.%%(n)d.1.%d\nc%d.shop.svc 2 CNAME n%d.shop.svc\n"
              "o%d.shop.svc 2 CNAME n%d.shop.svc.%%(next)s.internal.\n" % (i, 1 + i % 3, i, i, i, i, i) for i in range(NAMES))
CONFIG = """cluster: {name: home}
listen: {dns: ["%s:%d"], admin: "off"}
workers: 2
peers:
%s
zones:
  generation.test: {records: ['@ 0 TXT "%d"']}
  corp.test: {records: ['www A 192.0.2.1']}
views:
%s
"""


class Plan:
    """One configuration: which client has which view, and what that one sees."""

    def __init__(self, number, clients, chance):
        self.number = number
        self.views = {}  # client -> (peers, its own corp.test or None)
        for index, client in enumerate(clients):
            peers = [region for region in REGIONS if chance.random() < 0.6]
            self.views[client] = (peers, 2 + index if chance.random() < 0.5 else None)
        if number > 0 and chance.random() < 0.3:  # a client without a view
            del self.views[chance.choice(clients)]
        self.order = list(self.views)
        chance.shuffle(self.order)

    def text(self):
        lines = []
        for client in self.order:
            peers, corp = self.views[client]
            own = ", zones: {corp.test: {records: ['www A 192.0.2.%d']}}" % corp if corp else ""
            lines.append("  - {name: v%s, clients: [%s/32], peers: [%s]%s}" % (client.replace(".", "-"), client, ", ".join(peers), own))
        return "\n".join(lines)

    def expected(self, client, kind, index, region):
        """What the client may be told: (RCODE, addresses)."""
        if client not in self.views:
            return wire.REFUSED, ()
        peers, corp = self.views[client]
        if kind == "w":
            return wire.NOERROR, ("192.0.2.%d" % (corp or 1),)
        if region not in peers:
            return wire.REFUSED, ()
        if kind == "x":
            return wire.NXDOMAIN, ()
        if kind == "o":
            owner = NEXT[region]  # whose name it is; nobody's in this view: the alias alone is told
            return wire.NOERROR, ("10.%d.1.%d" % (REGIONS[owner], index),) if owner in peers else ()
        return wire.NOERROR, ("10.%d.1.%d" % (REGIONS[region], index),)


def name_of(kind, index, region):
    return "www.corp.test" if kind == "w" else "%s%d.shop.svc.%s.internal" % (kind, index, region)


class Asker:
    """A client with its own address; keeps as many questions open as there is room for."""

    def __init__(self, ip, server):
        self.ip = ip
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((ip, 0))
        self.socket.connect(server)
        self.open = {}  # ID -> (case, plans in force since)


class Run:
    def __init__(self, test, count, seed):
        self.test, self.count, self.chance = test, count, random.Random(seed)
        peers = {region: servers.authoritative(test, region, {"cluster.local": ZONE % {"n": n, "next": NEXT[region]}})
                 for region, n in REGIONS.items()}
        self.address = test.address()
        self.clients = [test.address()[0] for _ in range(3)]
        self.watcher = test.address()[0]
        self.peers = "\n".join('  %s: {alias: {here: %s.internal, there: cluster.local}, endpoints: ["%s:%d"]}' % (
            region, region, *peer.address) for region, peer in peers.items())
        self.plan, self.former, self.reloads = Plan(0, self.clients, self.chance), None, 0
        self.server = test.start_peerzone("peerzone", self.config(), self.address, None)
        self.path = test.folder / "peerzone.yaml"
        self.until_in_force()
        self.askers = [Asker(ip, self.address) for ip in self.clients]
        self.sent = self.answered = self.wrong = 0
        self.kinds = {}

    def config(self):
        views = self.plan.text() + "\n  - {name: watch, clients: [%s/32], peers: []}" % self.watcher
        return CONFIG % (*self.address, self.peers, self.plan.number, views)

    def in_force(self):
        return dig.ask(self.address, "generation.test", "TXT", "-b", self.watcher).data("TXT") == ['"%d"' % self.plan.number]

    def until_in_force(self):
        deadline = time.monotonic() + 20
        while not self.in_force():
            if time.monotonic() > deadline:
                raise harness.Failed("configuration %d is never in force" % self.plan.number)
            self.turn(0.02)

    def reload(self):
        self.former, self.plan = self.plan, Plan(self.plan.number + 1, self.clients, self.chance)
        fresh = self.path.with_suffix(".fresh")
        fresh.write_text(self.config())
        os.replace(fresh, self.path)
        self.server.signal(signal.SIGHUP)
        self.until_in_force()
        while any(asker.open for asker in self.askers):  # asked before: what they are told is of either
            if not self.turn(1.0):
                break
        self.former = None
        self.reloads += 1

    def ask(self, asker):
        case = (self.chance.choice("nnncoxw"), self.chance.randrange(NAMES), self.chance.choice(list(REGIONS)))
        ident = self.chance.getrandbits(16)
        if ident in asker.open:
            return
        asker.open[ident] = case, [self.plan] + ([self.former] if self.former else [])
        asker.socket.send(wire.query(name_of(*case), ident=ident))
        self.sent += 1

    def turn(self, seconds):
        """Takes what has come. False when nothing came in time."""
        if not hasattr(self, "askers"):
            time.sleep(seconds)
            return False
        readable, _, _ = select.select([asker.socket for asker in self.askers], [], [], seconds)
        for asker in self.askers:
            if asker.socket in readable:
                self.take(asker)
        return bool(readable)

    def take(self, asker):
        while True:
            try:
                message = asker.socket.recv(4096, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            ident = struct.unpack_from(">H", message)[0]
            if ident in asker.open:
                self.judge(asker, message, *asker.open.pop(ident))

    def judge(self, asker, message, case, plans):
        self.answered += 1
        # In force when it was answered: any since it was asked.
        plans = {id(plan): plan for plan in plans + [self.plan] + ([self.former] if self.former else [])}.values()
        got = wire.rcode(message), tuple(sorted(socket.inet_ntoa(data) for section, rtype, _, _, data in wire.records(message)
                                                if section == 1 and rtype == wire.A))
        may = [plan.expected(asker.ip, *case) for plan in plans]
        self.kinds[case[0], got[0]] = self.kinds.get((case[0], got[0]), 0) + 1
        if got not in may:
            self.wrong += 1
            if self.wrong <= 10:
                self.test.check(False, "%s of %s: got %s, may be %s" % (name_of(*case), asker.ip, got, may))

    def go(self):
        each = max(1, self.count // 40)
        next_reload = each
        while self.sent < self.count:
            for asker in self.askers:
                while len(asker.open) < OPEN_MAX and self.sent < self.count:
                    self.ask(asker)
            if not self.turn(5.0):
                break
            if self.sent >= next_reload:
                next_reload += each
                self.reload()
        while any(asker.open for asker in self.askers) and self.turn(3.0):
            pass


def run(test):
    count = int(test.arguments[0]) if test.arguments else 100000
    seed = int(test.arguments[1]) if len(test.arguments) > 1 else random.randrange(1 << 32)
    test.say("seed %d" % seed)
    it = Run(test, count, seed)
    it.go()
    test.check(it.wrong == 0, "%d answers are not what the view sees" % it.wrong)
    test.check(it.answered >= it.sent - it.sent // 1000, "%d of %d questions were answered" % (it.answered, it.sent))
    test.check(it.reloads >= 20, "%d reloads" % it.reloads)
    test.say("%d questions, %d answers, %d reloads; by kind and RCODE: %s" % (it.sent, it.answered, it.reloads, sorted(it.kinds.items())))


if __name__ == "__main__":
    sys.exit(harness.main("interop_horizon_reload", run))
