"""One region: a namespace with its cluster's own DNS server, a peerzone and an etcd member."""

import os
import signal

import etcd
import harness

HOT = 50          # names that are asked all the time
SOON, LATER = 1, 5  # TTL of every second of them: gone from the cache at once, and what Kubernetes gives
ETCD_DOMAIN = "etcd.internal"

# What the cluster itself answers. `{generation}` tells data of before from data of after.
ZONE = """$ORIGIN {zone}.
@ 5 SOA ns hostmaster {serial} 7200 1800 86400 5
@ 5 NS ns
ns 5 A 10.{octet}.0.10
etcd-0.etcd 5 A 10.{octet}.0.20
*.new 5 A 10.{octet}.{generation}.200
"""

CLUSTER_ZONE = """$ORIGIN cluster.local.
@ 5 SOA ns hostmaster 1 7200 1800 86400 5
@ 5 NS ns
ns 5 A 10.{octet}.0.10
etcd-0.etcd.db.svc 5 A 10.{octet}.0.20
"""

NSD = """server:
    ip-address: {first}
    ip-address: {second}
    server-count: 1
    username: ""
    zonesdir: "{folder}"
    database: ""
    pidfile: "{folder}/{name}.pid"
    xfrdfile: "{folder}/{name}.xfrd"
    zonelistfile: "{folder}/{name}.list"
    xfrdir: "{folder}"
    rrl-ratelimit: 0
remote-control:
    control-enable: no
"""


class Region:
    def __init__(self, test, run, name, octet, device, aliases=False):
        self.test, self.name, self.octet, self.device = test, name, octet, device
        self.zone = name + ".svc.cluster.local"
        self.prefix = "10.%d.0.0/16" % octet
        self.dns = [self.ip(10), self.ip(11)]
        self.resolver = (self.ip(53), 53)
        # Either the namespace is named after the region, or every cluster has the same names under an alias of its own.
        self.alias = name + ".internal" if aliases else None
        self.member = "etcd-0.etcd.db.svc." + self.alias if aliases else "etcd-0.etcd." + self.zone
        self.client_url = (self.ip(20), 2379)
        self.namespace = run.namespace(name)
        self.namespace.resolve_through(self.resolver[0], "%s svc.cluster.local cluster.local" % self.zone)
        self.zone_file = self.generation = None
        self.server = self.peerzone = self.etcd = None

    def ip(self, last):
        return "10.%d.0.%d" % (self.octet, last)

    def connect(self):
        """Gives the device of the WAN its addresses."""
        self.namespace.ip("addr", "add", self.resolver[0] + "/32", "dev", self.device)
        for address in (*self.dns, self.ip(20), self.ip(54)):
            self.namespace.ip("addr", "add", address + "/32", "dev", self.device)
        self.namespace.ip("link", "set", self.device, "up")
        self.namespace.ip("route", "add", "10.0.0.0/8", "dev", self.device, "src", self.resolver[0])

    # The cluster's own DNS

    def hot_name(self, index):
        return "hot%d.%s" % (index % HOT, self.zone)

    def hot_address(self, name, generation):
        return "10.%d.%d.%d" % (self.octet, generation, int(name[3:name.index(".")]))

    def write_zone(self, generation):
        """From now on the cluster says so: its pods have other addresses in each generation."""
        self.generation = generation
        text = ZONE.format(zone=self.zone, octet=self.octet, generation=generation, serial=generation)
        text += "".join("hot%d %d A %s\n" % (i, (SOON, LATER)[i % 2], self.hot_address("hot%d." % i, generation))
                        for i in range(HOT))
        fresh = self.test.write("%s.fresh" % self.zone, text)
        self.zone_file = self.test.folder / ("%s.zone" % self.zone)
        os.replace(fresh, self.zone_file)
        if self.server is not None and "nsd" in str(self.server.argv[0]):
            self.server.signal(signal.SIGHUP)

    def start_dns(self):
        self.write_zone(1)
        parent = self.test.write("%s.cluster.local.zone" % self.name, CLUSTER_ZONE.format(octet=self.octet))
        zones = {self.zone: self.zone_file, "cluster.local": parent}
        with self.namespace.inside():
            try:
                self._start_coredns(zones)
            except harness.Skip:
                self._start_nsd(zones)

    def _start_coredns(self, zones):
        corefile = "".join("%s:53 {\n    bind %s\n    file %s {\n        reload 500ms\n    }\n    errors\n}\n" % (
            zone, " ".join(self.dns), path) for zone, path in zones.items())
        path = self.test.write(self.name + ".Corefile", corefile)
        self.server = self.test.start(self.name + "-coredns", [harness.coredns(), "-conf", path], (self.dns[0], 53),
                                      self.zone, dict(os.environ, GOMAXPROCS="1"))

    def _start_nsd(self, zones):
        config = NSD.format(first=self.dns[0], second=self.dns[1], folder=self.test.folder, name=self.name)
        for zone, path in zones.items():
            config += 'zone:\n    name: "%s"\n    zonefile: "%s"\n' % (zone, path)
        path = self.test.write(self.name + ".nsd.conf", config)
        self.server = self.test.start(self.name + "-nsd", [harness.need("nsd"), "-d", "-c", path], (self.dns[0], 53), self.zone)

    # peerzone

    def start_peerzone(self, regions, more=""):
        def alias_of(region):
            return ", alias: " + region.alias if region.alias else ""
        config = "cluster: {name: %s%s}\nlisten: {dns: [%s]}\n" % (self.name, alias_of(self), self.resolver[0])
        config += "local: {forward: {endpoints: [%s]}}\npeers:\n" % ", ".join(self.dns)
        for other in regions:
            if other is not self:
                config += "  %s: {zones: [%s]%s, endpoints: [%s]}\n" % (
                    other.name, other.zone, alias_of(other), ", ".join(other.dns))
        config += "zones:\n  %s:\n    records:\n" % ETCD_DOMAIN
        config += "".join("      - _etcd-server-ssl._tcp 30 IN SRV 0 0 %d %s.\n" % (etcd.PEER_PORT, region.member)
                          for region in regions)
        with self.namespace.inside():
            self.peerzone = self.test.start_peerzone(self.name + "-peerzone", config + more, self.resolver)

    # etcd

    def start_etcd(self):
        argv = etcd.command(self.name, self.member, self.ip(20), self.test.folder / (self.name + ".etcd"), ETCD_DOMAIN)
        self.etcd = self.test.start(self.name + "-etcd", self.namespace.command(*argv), self.client_url, None)

    def call_etcd(self, path, body):
        with self.namespace.inside():
            return etcd.call(self.client_url, path, body)
