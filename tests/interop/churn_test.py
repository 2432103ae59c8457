"""Everything at once and at random: bounds that are always reached, aliases between peers, replies of all kinds and none, reloads, marks
that any client can write. Every question is answered, and afterwards every place is free again.

    churn_test.py PEERZONE [SECONDS [SEED]]"""

import collections
import json
import os
import random
import select
import signal
import socket
import struct
import subprocess
import time

import harness
import wire
from scripted_peer import ScriptedPeer, alias

ZONES = {"west": "west.svc.cluster.local", "north": "north.svc.cluster.local", "example.com": "east.example.com"}
LIMITS = [
    "in_flight_per_upstream_max: 6, waiters_per_question_max: 3, waiters_per_upstream_max: 9, in_flight_per_client_max: 7, "
    "client_misses_per_second_max: 200, client_misses_burst_max: 50",
    "in_flight_per_upstream_max: 3, waiters_per_question_max: 5, waiters_per_upstream_max: 5",
    "in_flight_per_upstream_max: 20, waiters_per_question_max: 2, waiters_per_upstream_max: 12"]
CONFIG = """cluster: {name: eastus}
listen: {dns: ["%s:%d"], admin: "%s:%d"}
workers: 2
peers:
  west: {zones: [west.svc.cluster.local], endpoints: ["%s:%d"], deadline: 700ms, stale: {max_age: %s}}
%s  north: {zones: [north.svc.cluster.local], endpoints: ["%s:%d"], deadline: 500ms, transport: udp}
forward:
  example.com: {endpoints: ["%s:%d"], deadline: 600ms}
zones:
  corp.internal: {records: [%s]}
limits: {%s}
"""
ALIASES = ["c%d 5 IN CNAME n%d.%s." % (i, i, list(ZONES.values())[i % 3]) for i in range(12)]
CLIENTS = 24
SETTLED = 40.0  # a peer that was away often is recovering for 16 s at most


class Churn:
    def __init__(self, test, seed):
        self.test, self.random = test, random.Random(seed)
        self.address, self.admin = test.address(), test.address("127.0.0.1")
        self.peers = {name: ScriptedPeer(test.address(), self.mood) for name in ZONES}
        self.peerzone = test.start_peerzone("peerzone", self.config(0), self.address)
        self.clients = [self.client("127.0.0.%d" % self.random.choice([2, 2, 2, 3, 3, 4, 5, 6, 7])) for _ in range(CLIENTS)]
        self.sent = self.received = self.reloads = 0

    def config(self, round_):
        """Another one each time: other bounds, stale answers on or off, one peer now and then not there."""
        peers = self.peers
        return CONFIG % (*self.address, *self.admin, *peers["west"].address, "0s" if round_ % 5 == 4 else "1h", "#" if round_ % 4 == 3 else "",
                         *peers["north"].address, *peers["example.com"].address, ", ".join("'%s'" % line for line in ALIASES),
                         LIMITS[round_ % 3])

    def client(self, ip):
        opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        opened.bind((ip, 0))
        opened.connect(self.address)
        opened.setblocking(False)
        return opened

    def a_name(self):
        pick = self.random
        zone = pick.choice(list(ZONES.values()))
        name = pick.choice(["n%d.%s" % (pick.randrange(30), zone), "u%d.%s" % (pick.randrange(10**6), zone),
                            "c%d.corp.internal" % pick.randrange(len(ALIASES))])
        return "".join(pick.choice((c.upper(), c.lower())) for c in name) if pick.random() < 0.2 else name

    def a_question(self):
        pick = self.random
        if pick.random() < 0.05:  # with a hop mark
            plain = wire.query(self.a_name(), edns=None)
            return (plain[:11] + b"\1" + plain[12:] + b"\0" + struct.pack(">HHIH", 41, 1232, 0, 13)
                    + struct.pack(">HHQB", 65313, 9, pick.randrange(3), pick.randrange(6)))
        return wire.query(self.a_name(), pick.choice([1, 1, 28, 16]), edns=pick.choice([None, 1232]))

    def mood(self, question):
        """In a peer's thread."""
        pick, delay = random.random(), random.choice([0, 0, 0.001, 0.02, 0.1, 0.3, 0.65])
        if pick < 0.25:
            return delay, None
        if pick < 0.35:
            return delay, wire.reply(question, rcode=random.choice([1, 2, 3, 5]))
        if pick < 0.6:
            target = "n%d.%s" % (random.randrange(30), random.choice(list(ZONES.values())))
            return delay, alias(question, target, random.choice([0, 1, 1, 2, 5]))
        if pick < 0.65:
            return delay, wire.reply(question)
        return delay, wire.reply(question, "10.2.0.1", ttl=random.choice([0, 0, 1, 2]))

    def receive(self, patience):
        for ready in select.select(self.clients, [], [], patience)[0]:
            while True:
                try:
                    ready.recv(4096)
                except BlockingIOError:
                    break
                self.received += 1

    def reload(self, round_):
        (self.test.folder / "peerzone.yaml").write_text(self.config(round_))
        os.kill(self.peerzone.process.pid, signal.SIGHUP)
        self.reloads += 1

    def churn(self, seconds):
        pick, begun = self.random, time.monotonic()
        reload_at, silence_at = begun + 2, begun + 1
        while time.monotonic() - begun < seconds and self.peerzone.process.poll() is None:
            for _ in range(pick.choice([0, 1, 3, 20])):
                pick.choice(self.clients).send(self.a_question())
                self.sent += 1
            self.receive(0.002)
            now = time.monotonic()
            if now > reload_at:
                self.reload(self.reloads + 1)
                reload_at = now + pick.choice([0.05, 0.3, 1, 3])
            if now > silence_at:
                peer = pick.choice(list(self.peers.values()))
                peer.silent = not peer.silent
                silence_at = now + pick.choice([0.3, 1.5, 3])

    def calm_down(self):
        """Every client that waits gets an answer; then all is well for long enough."""
        for peer in self.peers.values():
            peer.silent, peer.mood = False, lambda question: (0.15, wire.reply(question, "10.2.0.1", ttl=0))
        self.reload(0)
        end = time.monotonic() + 5
        while self.received < self.sent and time.monotonic() < end:
            self.receive(0.1)
        end = time.monotonic() + SETTLED
        while not all(state == "healthy" for state in self.states().values()):
            if time.monotonic() > end:
                raise harness.Failed("not all is well again: %s" % self.states())
            select.select([], [], [], 0.1)  # status is a snapshot: looking again is all one can do

    def status(self):
        said = subprocess.run([self.test.peerzone, "status", "--json", "--server", "%s:%d" % self.admin], capture_output=True, text=True,
                              check=True, timeout=30)
        return json.loads(said.stdout)["peers"]

    def states(self):
        return {upstream["name"]: upstream["state"] for upstream in self.status() if upstream["name"] in ZONES}

    def check_places(self):
        """As many queries of one client are asked as there is room for, and one more is shed: exactly."""
        for zone in ZONES.values():
            client = self.client("127.0.0.2")
            for i in range(7):
                client.send(wire.query("z%d.%s" % (i, zone)))
            codes = collections.Counter()
            while sum(codes.values()) < 7 and select.select([client], [], [], 3)[0]:
                codes[wire.rcode(client.recv(4096))] += 1
            self.test.equal(dict(codes), {wire.NOERROR: 6, wire.SERVFAIL: 1}, "places at %s" % zone)


def run(test):
    seconds = float(test.arguments[0]) if test.arguments else 12.0
    seed = int(test.arguments[1]) if len(test.arguments) > 1 else random.SystemRandom().randrange(10**6)
    test.say("seed %d" % seed)
    churn = Churn(test, seed)
    churn.churn(seconds)
    test.check(churn.peerzone.process.poll() is None, "it has ended: %s" % churn.peerzone.log(3))
    churn.calm_down()
    counters = churn.peerzone.counters()
    lost = churn.sent - churn.received - counters.get("udp_kernel_drops", 0)
    test.check(lost <= 0, "%d of %d questions were not answered" % (lost, churn.sent))
    waiting = {upstream["name"]: upstream["in_flight"] for upstream in churn.status() if upstream["in_flight"]}
    test.equal(waiting, {}, "questions in flight when nobody asks")
    shed = {key: value for key, value in counters.items() if key.startswith("shed") and value}
    test.check(len(shed) >= 3, "the bounds were not reached: %s" % shed)
    test.say("%d questions, %d reloads, loops %d, %s" % (churn.sent, churn.reloads, counters.get("loops", 0), shed))
    churn.check_places()


harness.main("interop_churn", run)
