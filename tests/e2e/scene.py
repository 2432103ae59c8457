"""Three regions, the network between them, and the etcd cluster that spans them."""

import json
import os
import pathlib
import select
import subprocess
import sys
import time

import etcd
import harness
from region import Region
from wan import Wan

FORM_SECONDS = 60.0
ROUND_TRIPS = {("eastus", "westus"): 60, ("eastus", "northeurope"): 120, ("westus", "northeurope"): 180}
WEATHER = "jitter 2ms loss 0.1%"
HERE = pathlib.Path(__file__).resolve().parent


class Scene:
    def __init__(self, test, run, wan_program, aliases=False):
        self.test = test
        self.regions = [Region(test, run, name, octet, Wan.DEVICE, aliases)
                        for octet, name in enumerate(("eastus", "westus", "northeurope"), 1)]
        self.east, self.west, self.north = self.regions
        self.wan = Wan(wan_program, {region.name: (region.prefix, region.namespace) for region in self.regions})
        self.background = []
        self.echo = None

    def start(self):
        for region in self.regions:
            region.connect()
        for (a, b), round_trip in ROUND_TRIPS.items():
            self.wan.link(a, b, "delay %dus %s" % (round_trip * 500, WEATHER))
        for region in self.regions:
            region.start_dns()
        for region in self.regions:
            region.start_peerzone(self.regions)
        address = (self.east.ip(54), 53)
        with self.east.namespace.inside():
            script = harness.SOURCE / "tests" / "interop" / "echo.py"
            self.echo = self.test.start("echo", [sys.executable, script, *address], address, "echo")

    def close(self):
        for process, _ in self.background:
            process.kill()
            process.wait()
        self.test.close()
        return self.wan.close()

    # etcd

    def form_etcd(self):
        """All members at once, as three clusters would start them. Returns how long it took until each served."""
        begin = time.monotonic()
        for region in self.regions:
            region.start_etcd()
        waiting = list(self.regions)
        while waiting:
            region = waiting[0]
            if region.etcd.process.poll() is not None:
                raise harness.Failed("%s's etcd ended: %s" % (region.name, region.etcd.log(5)))
            if time.monotonic() - begin > FORM_SECONDS:
                raise harness.Failed("etcd does not form: %s" % region.etcd.log(5))
            if self._serves(region):
                waiting.pop(0)
            else:
                select.select([], [], [], 0.05)  # nothing tells when it does: asking again is all one can do
        return time.monotonic() - begin

    @staticmethod
    def _serves(region):
        try:
            region.call_etcd("/v3/kv/range", {"key": etcd.text("none")})  # goes through the quorum
            return True
        except OSError:
            return False

    def members(self):
        """{member's name: its peer URLs}"""
        found = self.east.call_etcd("/v3/cluster/member/list", {})["members"]
        return {member["name"]: member["peerURLs"] for member in found}

    def lead_from(self, region):
        """Makes this region's member the leader."""
        statuses = {other.name: other.call_etcd("/v3/maintenance/status", {}) for other in self.regions}
        target = statuses[region.name]["header"]["member_id"]
        leader = next(other for other in self.regions
                      if statuses[other.name]["header"]["member_id"] == statuses[other.name]["leader"])
        if leader is not region:
            leader.call_etcd("/v3/maintenance/transfer-leadership", {"targetID": target})

    # Processes that talk of their own accord

    def client(self, region, *arguments):
        """etcd.py in a region. Its lines are read with lines_of() when it has ended."""
        path = self.test.folder / ("%s-%s.lines" % (region.name, arguments[0]))
        with open(path, "w") as out, region.namespace.inside():
            process = subprocess.Popen([sys.executable, "-B", HERE / "etcd.py", *map(str, arguments)], stdout=out,
                                       stdin=subprocess.DEVNULL)
        self.background.append((process, path))
        return path

    def dig(self, region, label, qname):
        """Starts a dig; its output stands under the returned path soon."""
        path = self.test.folder / (label + ".dig")
        argv = [harness.need("dig", "bind9-dnsutils"), "@" + region.resolver[0], qname, "A", "+nocmd", "+nocookie", "+tries=1",
                "+time=5"]
        with open(path, "w") as out, region.namespace.inside():
            process = subprocess.Popen(argv, stdout=out, stdin=subprocess.DEVNULL)
        self.background.append((process, path))
        return path

    def end_clients(self):
        for process, _ in self.background:
            process.terminate()
            process.wait()
        self.background.clear()


def lines_of(path):
    """What a client of etcd said; its last line may have been cut off."""
    lines = path.read_text().split(os.linesep)
    return [json.loads(line) for line in lines[:-1]]
