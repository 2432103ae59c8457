"""A Service with two DNS pods behind one address, as kube-proxy builds it (nft DNAT, a backend for each flow), one of which has just
ended: half of the source ports lead to no server. No question is lost, and the peer does not flap.

    one_flow_test.py PEERZONE [ROUNDS]

How the dead half behaves: "port unreachable" (the pod ended), silence (its node did), a reset (over TCP)."""

import json
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "interop"))

# pylint: disable=wrong-import-position
import harness
import load
import namespaces
import zones

SERVICE = "10.96.0.10"
ZONE = "westus.svc.cluster.local"
NAMES = 720
RATE = 180

RULES = """
table ip pods {
    chain service {
        type nat hook output priority -100
        ip daddr %(service)s udp dport 53 dnat to numgen inc mod 2 map { 0: %(first)s, 1: %(second)s } : 53
        ip daddr %(service)s tcp dport 53 dnat to numgen inc mod 2 map { 0: %(first)s, 1: %(second)s } : 53
    }
    chain node {
        type filter hook input priority 0
        %(node)s
    }
}
"""


class Scene:
    def __init__(self, test, place, transport):
        self.test, self.place = test, place
        self.pods = ["10.244.0.%d" % (i + 1) for i in range(2)]
        for address in [SERVICE, *self.pods]:
            place.ip("address", "add", address + "/32", "dev", "lo")
        self.rules()
        self.servers = [self.pod(i) for i in range(2)]
        address, self.admin = ("127.0.0.1", 10053), ("127.0.0.1", 10953)
        self.peerzone = test.start_peerzone(
            "peerzone", "listen: {dns: ['%s:%d'], admin: '%s:%d'}\npeers:\n  westus: {zones: [%s], endpoints: [%s], transport: %s}\n" % (
                *address, *self.admin, ZONE, SERVICE, transport), address)

    def pod(self, index):
        own = zones.own_zone(ZONE, 2, "* 60 A 10.2.0.1\n")
        return self.test.start_peerzone("pod%d" % index, "workers: 1\nlisten: {dns: ['%s:53'], admin: off}\nzones:\n%s" % (
            self.pods[index], own), (self.pods[index], 53))

    def rules(self, node=""):
        """Flows that stand keep their pod: conntrack remembers it."""
        text = RULES % {"service": SERVICE, "first": self.pods[0], "second": self.pods[1], "node": node}
        done = subprocess.run([harness.need("nft", "nftables"), "-f", "-"], input="table ip pods\ndelete table ip pods\n" + text,
                              capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise harness.Skip("nft cannot do DNAT here: " + done.stderr.strip().splitlines()[0])

    def partitions(self):
        said = subprocess.run([self.test.peerzone, "status", "--json", "--server", "%s:%d" % self.admin], capture_output=True, text=True,
                              check=True, timeout=30).stdout
        return json.loads(said)["peers"][0]["state"], self.peerzone.counters()["upstream_partitions"] \
            if "upstream_partitions" in self.peerzone.counters() else 0

    def ask(self, what, count=NAMES):
        results, = load.run([load.Stream(self.peerzone.address, RATE, lambda i: "%s-%d.%s" % (what, i, ZONE))], count / RATE)
        lost = [result for result in results if not load.answered(result)]
        self.test.say("%s: %s" % (what, load.text(results)))
        self.test.check(not lost, "%s: %d of %d new names lost, such as %s" % (what, len(lost), len(results), lost[:1]))
        state, partitions = self.partitions()
        self.test.check(state == "healthy" and partitions == 0, "%s: the peer is %s, %d partitions" % (what, state, partitions))


def scenario(test, run, name, transport, end, rounds):
    place = run.namespace(name)
    with place.inside():
        scene = Scene(test, place, transport)
        scene.ask(name + "-before", 90)
        end(scene)
        for i in range(rounds):
            scene.ask("%s-%d" % (name, i))
        for server in [scene.peerzone, *scene.servers]:
            test.stop(server)


def run(test):
    rounds = int(test.arguments[0]) if test.arguments else 1
    harness.need("nft", "nftables")
    with namespaces.Run(test) as networks:
        scenario(test, networks, "gone", "auto", lambda scene: test.stop(scene.servers[1]), rounds)
        scenario(test, networks, "silent", "auto", lambda scene: scene.rules("ip daddr %s drop" % scene.pods[1]), 1)
        scenario(test, networks, "reset", "tcp", lambda scene: test.stop(scene.servers[1]), 1)


harness.main("e2e_one_flow", run)
