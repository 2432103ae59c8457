"""Load balancers in front of a peer that pass only UDP or only TCP: which one works is learned and shown, and clients do not pay for it.

    wires_test.py PEERZONE"""

import json
import select
import subprocess
import time

import harness
import load
import wire
import zones
from relay import Relay

NAMES = {"both": "westus.svc.cluster.local", "udp": "north.svc.cluster.local", "tcp": "east.svc.cluster.local"}
DEADLINE = 1.8
RATE = 50


class Scene:
    def __init__(self, test, relays):
        address, self.admin = test.address(), test.address("127.0.0.1")
        peers = "\n".join("  %s: {zones: [%s], endpoints: ['%s:%d']}" % (name, zone, *relays[name].address) for name, zone in NAMES.items())
        self.test = test
        self.peerzone = test.start_peerzone("peerzone", "listen: {dns: ['%s:%d'], admin: '%s:%d'}\npeers:\n%s\n" % (
            *address, *self.admin, peers), address)

    def transports(self):
        """Peer -> what `peerzone status` says of its endpoint."""
        said = subprocess.run([self.test.peerzone, "status", "--json", "--server", "%s:%d" % self.admin], capture_output=True, text=True,
                              check=True, timeout=30).stdout
        return {peer["name"]: peer["endpoints"][0]["transport"] for peer in json.loads(said)["peers"]}

    def wait_for(self, name, transport, seconds=20.0):
        begun = time.monotonic()
        while self.transports()[name] != transport:
            if time.monotonic() - begun > seconds:
                raise harness.Failed("%s is said to pass %s, not %s" % (name, self.transports()[name], transport))
            select.select([], [], [], 0.05)  # status is a snapshot: looking again is all one can do
        return time.monotonic() - begun

    def ask(self, name, what, seconds):
        """Names of that peer that are new, and none of them fails."""
        results, = load.run([load.Stream(self.peerzone.address, RATE, lambda i: "%s%d.%s" % (what, i, NAMES[name]))], seconds)
        failed = [result for result in results if not load.answered(result)]
        self.test.check(not failed, "%s, %s: %d of %d failed, such as %s" % (name, what, len(failed), len(results), failed[:1]))
        return results


def clients(messages):
    """Questions that are no probes."""
    return [message for message in messages if wire.question_type(message) == wire.A]


def run(test):
    address = test.address()
    own = "".join(zones.own_zone(zone, 2, "* 60 A 10.2.0.1\n") for zone in NAMES.values())
    server = test.start_peerzone("server", "listen: {dns: ['%s:%d']}\nzones:\n%s" % (*address, own), address)
    with Relay(test.address(), server.address) as both, Relay(test.address(), server.address, passes=("udp",)) as udp, \
            Relay(test.address(), server.address, passes=("tcp",)) as tcp:
        relays = {"both": both, "udp": udp, "tcp": tcp}
        scene = Scene(test, relays)
        first = {name: scene.ask(name, "first", 0.2) for name in NAMES}
        slowest = max(result.took for result in first["tcp"] if result.took is not None)
        test.check(slowest < DEADLINE, "the first questions where UDP is lost took up to %.2f s" % slowest)
        test.say("the first questions where UDP is lost took up to %.2f s" % slowest)
        for name, transport in (("both", "udp"), ("udp", "udp only"), ("tcp", "tcp only")):
            scene.wait_for(name, transport)
        test.check("tcp only" in subprocess.run([test.peerzone, "status", "--server", "%s:%d" % scene.admin], capture_output=True, text=True,
                                                check=True, timeout=30).stdout, "the table of `peerzone status` shows it")
        # What was learned is used: no client waits for what is lost any more.
        before = {name: (len(clients(relay.udp_questions)), len(clients(relay.tcp_questions))) for name, relay in relays.items()}
        for name in NAMES:
            results = scene.ask(name, "then", 1.0)
            test.say("%s: %s" % (name, load.text(results)))
        new = {name: (len(clients(relay.udp_questions)) - before[name][0], len(clients(relay.tcp_questions)) - before[name][1])
               for name, relay in relays.items()}
        test.check(new["tcp"][0] == 0 and new["tcp"][1] == RATE, "tcp only: %d questions over UDP, %d over TCP" % new["tcp"])
        for name in ("both", "udp"):
            test.check(new[name][0] >= RATE and new[name][1] == 0, "%s: %d questions over UDP, %d over TCP" % (name, *new[name]))
        # One that stops passing UDP while queries come in.
        both.passes = ("tcp",)
        scene.ask("both", "blocked", 2.0)
        test.say("UDP that stopped is noticed after another %.2f s" % scene.wait_for("both", "tcp only"))
        scene.ask("both", "learnt", 0.5)


harness.main("interop_wires", run)
