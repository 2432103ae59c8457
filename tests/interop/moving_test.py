"""A peer's DNS servers move while queries come in. Their host name is followed: an address that the name has no longer is not
asked, and no client that asks later than the record's TTL and 2 s pays for the move.

    moving_test.py PEERZONE address|rolling"""

import signal
import socket
import struct
import sys
import threading

import harness
import load
import wire

HOST = "dns-lb.westus.example.com"
ZONE = "westus.svc.cluster.local"
TTL = 2             # of the host's A record
RATE = 200
HOT = 50            # names that are asked again and again; their records live shorter than the test


class NameServer:
    """The authority for the host name, with an A record for each address that it has now. Answers from a thread of its own."""

    def __init__(self, address):
        self.address, self.addresses, self.asked = address, [], 0
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(address)
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            question, client = self.socket.recvfrom(4096)
            self.asked += 1
            self.socket.sendto(self._reply(question), client)

    def _reply(self, question):
        addresses = list(self.addresses) if wire.question_type(question) == wire.A else []
        end = wire.question_end(question)
        message = question[:2] + struct.pack(">5H", 0x8180, 1, len(addresses), 0, 0) + question[12:end]
        for address in addresses:
            message += struct.pack(">HHHIH", 0xC00C, wire.A, 1, TTL, 4) + socket.inet_aton(address)
        return message


class Scene:
    """A peer whose servers share a port, as pods do; and a peerzone that knows their host name only."""

    def __init__(self, test, count):
        self.test, self.started = test, 0
        self.port = test.address()[1]
        self.bootstrap = NameServer(test.address())
        self.servers = [self.another() for _ in range(count)]
        self.publish()
        address = test.address()
        self.peerzone = test.start_peerzone("peerzone", """
listen: {dns: ["%s:%d"]}
bootstrap: ["%s:%d"]
peers:
  westus: {zones: [%s], endpoints: ["%s:%d"]}
""" % (*address, *self.bootstrap.address, ZONE, HOST, self.port), address, "known." + ZONE)

    def another(self):
        address = (self.test.address()[0], self.port)
        self.started += 1
        return self.test.start_peerzone("westus-%d" % self.started, """
workers: 1
listen: {dns: ["%s:%d"]}
zones: {%s: {records: ["* 2 A 10.0.0.%d"]}}
""" % (*address, ZONE, self.started), address)

    def publish(self):
        self.bootstrap.addresses = [server.address[0] for server in self.servers]

    def streams(self):
        return [load.Stream(self.peerzone.address, RATE, lambda i: "new%d.%s" % (i, ZONE)),
                load.Stream(self.peerzone.address, RATE, lambda i: "hot%d.%s" % (i % HOT, ZONE))]


def ready(scene):
    """The first answers: the host name is found within moments of the start."""
    for _ in range(100):
        results, = load.run([load.Stream(scene.peerzone.address, 20, lambda i: "first%d.%s" % (i, ZONE))], 0.1)
        if all(map(load.answered, results)):
            return
    raise harness.Failed("no answer from the peer")


def address_changes(test):
    """The load balancer gets another address and its old one falls silent in the same moment."""
    scene = Scene(test, 1)
    ready(scene)
    new = scene.another()
    change = 3.0

    def move():
        scene.servers[0].silence()
        scene.servers = [new]
        scene.publish()
    new_names, hot_names = load.run(scene.streams(), change + TTL + 6.0, actions=[(change, move)])
    for what, results in (("new names", new_names), ("hot names", hot_names)):
        failed = [result for result in results if not load.answered(result)]
        before = [result for result in failed if result.sent < change - 0.2]  # what was in flight then may fail
        late = [result for result in failed if result.sent > change + TTL + 2]
        last = max((result.sent - change for result in failed), default=0.0)
        test.check(not before, "%s: %d failed though all was well" % (what, len(before)))
        test.check(not late, "%s: %d failed later than TTL + 2 s, such as %s" % (what, len(late), late[:1]))
        test.say("%s: %d of %d failed, the last was asked %.2f s after the change (TTL %d s)" % (
            what, len(failed), len(results), last, TTL))
    test.check(any(b"endpoints changed" in line for line in scene.peerzone.log_path.read_bytes().splitlines()),
               "the change is in the log")


def rolling(test):
    """All servers of the peer are replaced, one by one: no query fails."""
    scene = Scene(test, 3)
    ready(scene)
    spare = [scene.another() for _ in range(3)]
    actions = []

    def replace(i):
        gone, scene.servers[i] = scene.servers[i], spare[i]
        scene.publish()
        gone.signal(signal.SIGTERM)
    for i in range(3):
        actions.append((2.0 + 3.0 * i, lambda i=i: replace(i)))
    results = load.run(scene.streams(), 12.0, actions=actions)
    for what, all_of in zip(("new names", "hot names"), results):
        failed = [result for result in all_of if not load.answered(result)]
        test.check(not failed, "%s: %d of %d failed, such as %s" % (what, len(failed), len(all_of), failed[:1]))
        test.say("%s: %s" % (what, load.text(all_of)))
    test.say("the host name was looked up %d times" % scene.bootstrap.asked)


SCENARIOS = {"address": address_changes, "rolling": rolling}
SCENARIO = sys.argv[2] if len(sys.argv) > 2 else "address"
harness.main("interop_moving_" + SCENARIO, SCENARIOS[SCENARIO])
