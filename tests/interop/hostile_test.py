"""Hostile and broken clients over TCP and TLS, all kinds of hostile.py at once: the others get their answers over UDP, TCP and TLS as
fast as without them, newcomers are let in, memory stays bounded, counters say what happened and the log says it once a minute.

    hostile_test.py PEERZONE [KIND...]      only these kinds, to see which one it is"""

import collections
import datetime
import json
import os
import re
import socket
import ssl
import statistics
import subprocess
import sys
import threading
import time

import harness
import load
import wire
import zones
from certificates import Authority

OWN, WEST = "eastus.svc.cluster.local", "westus.svc.cluster.local"
HOST = "dns.peerzone.test"
RATE = 200
SECONDS = 2.5
ROUNDS = 3
PATIENCE = 10.0
# 50 KiB in one answer, so that a client that never reads fills what there is with few queries: it is to cost memory, not our processors.
LARGE = "".join('large 60 TXT "%s"\n' % ('" "'.join(["%02d" % i + 200 * "x"] * 8)) for i in range(32))
# What the limits allow: 8 connections that never read with a write queue of 1 MiB each, 1,000 of at most 32 KiB, and as much again for
# what allocators and sanitizers keep.
GROWTH_MAX_KIB = 2 * (8 + 32) * 1024
LEAK_MAX_KIB = 16 * 1024  # from the first round's fault to the last one's


class Scene:
    def __init__(self, test):
        # Sanitizers keep freed memory in a quarantine; a small one lets a leak show in the resident size.
        os.environ["ASAN_OPTIONS"] = "quarantine_size_mb=8"
        self.test = test
        authority = Authority(test, "authority")
        certificate, key = authority.issue("DNS:" + HOST)
        self.tls_context = ssl.create_default_context(cafile=authority.certificate)
        peer = test.address()
        test.start_peerzone("peer", 'workers: 1\nlisten: {dns: ["%s:%d"]}\nzones:\n  %s: {records: ["* 60 A 10.0.0.1"]}\n' % (
            *peer, WEST), peer)
        self.dns = test.address()
        self.tls = test.address(self.dns[0])
        config = 'workers: 2\nlisten: {dns: ["%s:%d"], tls: ["%s:%d"]}\ntls: {certificate: %s, key: %s}\n' % (
            *self.dns, *self.tls, certificate, key)
        config += "limits: {tcp_write_stall: 1s}\n"  # more of them are cut off while we measure
        config += 'peers:\n  westus: {zones: [%s], endpoints: ["%s:%d"]}\n' % (WEST, *peer)
        config += "zones:\n" + zones.own_zone(OWN, 1, LARGE)
        self.server = test.start_peerzone("peerzone", config, self.dns)
        echo = test.address()
        script = harness.SOURCE / "tests" / "interop" / "echo.py"
        test.start("echo", [sys.executable, script, *echo], echo, "echo")
        self.echo = echo
        self.network = self.dns[0].rsplit(".", 2)[0] + ".251."  # the harness gives out .0 to .250
        self.generation = 0
        self.sanitized = b"__asan_init" in open(test.peerzone, "rb").read() or b"__tsan_init" in open(test.peerzone, "rb").read()

    def connect(self, secure):
        opened = socket.create_connection(self.tls if secure else self.dns, PATIENCE)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self.tls_context.wrap_socket(opened, server_hostname=HOST) if secure else opened

    def name(self, i):
        """By turns one of our own zone and a new one that is forwarded."""
        return "cockroachdb-public." + OWN if i % 2 else "n%d-%d.%s" % (self.generation, i, WEST)

    def resident_kib(self):
        status = open("/proc/%d/status" % self.server.process.pid).read()
        return int(re.search(r"VmRSS:\s+(\d+)", status).group(1))

    def measure(self):
        """(results by transport with the echo's, what newcomers met, the largest resident size)."""
        self.generation += 1
        streams = {
            "udp": load.Stream(self.dns, RATE, lambda i: self.name(3 * i)),
            "tcp": load.Connections([self.connect(False) for _ in range(8)], RATE, lambda i: self.name(3 * i + 1)),
            "tls": load.Connections([self.connect(True) for _ in range(8)], RATE, lambda i: self.name(3 * i + 2)),
            "echo": load.Stream(self.echo, RATE, lambda i: "echo", sockets=1),
        }
        sizes = []
        newcomers = Newcomers(self)
        newcomers.start()
        looks = [(SECONDS * part / 10, lambda: sizes.append(self.resident_kib())) for part in range(1, 11)]
        results = load.run(list(streams.values()), SECONDS, actions=looks)
        newcomers.finish()
        return dict(zip(streams, results)), newcomers, max(sizes)


class Newcomers(threading.Thread):
    """A new connection for every query, by turns over TCP and TLS: limits must not be used up by others."""

    def __init__(self, scene):
        super().__init__(daemon=True)
        self.scene, self.ended = scene, threading.Event()
        self.took, self.failures = [], []

    def run(self):
        count = 0
        while not self.ended.wait(0.05):
            begin = time.monotonic()
            try:
                with self.scene.connect(count % 2 == 1) as opened:
                    question = wire.query("cockroachdb-public." + OWN)
                    opened.sendall(len(question).to_bytes(2, "big") + question)
                    reply = opened.recv(65535)
                    if len(reply) < 14:
                        self.failures.append("closed after %d octets" % len(reply))
            except OSError as error:
                self.failures.append(str(error))
            self.took.append(time.monotonic() - begin)
            count += 1

    def finish(self):
        self.ended.set()
        self.join()


class Hostile:
    """hostile.py, from when all its clients stand until the end of the block."""

    def __init__(self, scene, kinds):
        script = harness.SOURCE / "tests" / "interop" / "hostile.py"
        self.argv = [sys.executable, script, scene.network, scene.dns[0], scene.dns[1], scene.tls[1], "large." + OWN, *kinds]
        self.opened = collections.Counter()

    def __enter__(self):
        self.process = subprocess.Popen([str(a) for a in self.argv], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if self.process.stdout.readline() != "ready\n":
            raise harness.Failed("hostile.py did not get ready")
        return self

    def __exit__(self, *_):
        said, _ = self.process.communicate(timeout=60)
        self.opened = collections.Counter(json.loads(said))


def run(test):
    scene = Scene(test)
    p99 = {"without": collections.defaultdict(list), "with": collections.defaultdict(list)}
    sizes = {"without": [], "with": []}
    opened = collections.Counter()
    for number in range(ROUNDS):
        what = "round %d, " % (number + 1)
        check_round(test, what + "without", scene.measure(), p99["without"], sizes["without"])
        with Hostile(scene, test.arguments) as hostile:
            check_round(test, what + "with", scene.measure(), p99["with"], sizes["with"])
        opened += hostile.opened
    test.say("opened by hostile clients: %s" % dict(opened))
    echo = statistics.median(p99["with"]["echo"])
    for transport in ("udp", "tcp", "tls"):
        without, with_fault = (statistics.median(p99[fault][transport]) for fault in ("without", "with"))
        unmoved = load.judge_unmoved(test, transport + ", median of three", with_fault, without, echo)
        # A sanitizer makes each hostile octet ten times as dear, and the processors are the clients' too.
        test.check(unmoved or scene.sanitized and with_fault <= 4 * without + 0.005,
                   "hostile clients moved the others over %s: p99 %s -> %s" % (transport, load.ms(without), load.ms(with_fault)))
    test.say("resident, KiB: %s" % sizes)
    test.check(max(sizes["with"]) - sizes["without"][0] < GROWTH_MAX_KIB, "the resident size grew beyond what limits allow")
    test.check(sizes["with"][-1] - sizes["with"][0] < LEAK_MAX_KIB, "the resident size grows from round to round")
    if not test.arguments:
        check_counters(test, scene, opened)
    check_log(test, scene.server)


def check_round(test, what, measured, p99, sizes):
    results, newcomers, size = measured
    sizes.append(size)
    for transport, asked in results.items():
        p99[transport].append(load.p99(asked))
        if transport != "echo":
            failed = [result for result in asked if not load.answered(result)]
            test.check(not failed, "%s: %d of %d questions over %s failed" % (what, len(failed), len(asked), transport))
    test.equal(newcomers.failures, [], "%s: newcomers who got no answer, of %d" % (what, len(newcomers.took)))
    test.say("%s: %s; newcomers worst %s" % (
        what, "; ".join("%s p99 %s" % (name, load.ms(load.p99(asked))) for name, asked in results.items()),
        load.ms(max(newcomers.took))))


def check_counters(test, scene, opened):
    sums = scene.server.counters()
    test.say("counters: %s" % {name: sums.get(name, 0) for name in EXPECTED})
    for name, (kinds, share) in EXPECTED.items():
        wanted = int(share * sum(opened[kind] for kind in kinds))
        test.check(0 < wanted <= sums.get(name, 0), "%s is %d, expected at least %d" % (name, sums.get(name, 0), wanted))


# counter: the kinds that end by it, and which part of what they open certainly does
EXPECTED = {
    "tcp_refused_limit": (["greedy"], 0.5),         # beyond limits.tcp_connections_per_client_max
    "tcp_bad_frame": (["no_length"], 0.9),
    "tls_handshake_failed": (["garbage"], 0.25),    # half of it is for the port without TLS
    "tcp_closed_slow": (["never_reads"], 0.25),
    "tcp_closed_idle": (["half_length", "length_only"], 0.5),
}


def check_log(test, server):
    """Every kind of warning at most once a minute."""
    seen = collections.defaultdict(list)
    for line in server.log_path.read_text(errors="replace").splitlines():
        found = re.match(r'(\S+)Z warning ("[^"]*"|\S+)(?:.*( limit=\S+))?', line)
        if found:
            seen[found.group(2) + (found.group(3) or "")].append(datetime.datetime.fromisoformat(found.group(1)))
    for kind, times in seen.items():
        gaps = [(later - earlier).total_seconds() for earlier, later in zip(times, times[1:])]
        test.check(all(gap > 59.9 for gap in gaps), "%s is logged %d times, after %s s" % (kind, len(times), gaps))
    test.say("logged: %s" % {kind: len(times) for kind, times in seen.items()})
    if test.arguments:
        return
    for part in ("tcp_connections_per_client_max", "tcp connections are scarce", "does not read", "tls handshake failed"):
        test.check(any(part in kind for kind in seen), "no line says: " + part)


harness.main("interop_hostile", run)
