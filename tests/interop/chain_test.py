"""A real chain: dig -> CoreDNS with one stub block -> peerzone -> the peers' own servers, westus by NSD (or Knot), northeurope by
another CoreDNS. Whatever is asked through it must be what the peer's own server says, with TTLs never raised."""

import concurrent.futures
import re
import time

import dig
import harness
import servers
import zones

REGIONS = {"westus": 2, "northeurope": 3}
CASES = [(name, rtype, region) for region in REGIONS for name, rtype in zones.CASES]


def full(name, region):
    return "%s.%s.svc.cluster.local" % (name, region)


def ask_all(address, cases, *options):
    """Replies by case. Some at a time: dig spends most of its life starting."""
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        replies = pool.map(lambda case: dig.ask(address, full(case[0], case[2]), case[1], *options), cases)
        return dict(zip(cases, replies))


class Chain:
    def __init__(self, test):
        self.test = test
        self.address = test.address()
        self.peers = {
            "westus": servers.authoritative(test, "westus", self._zone("westus")),
            "northeurope": servers.coredns(test, "northeurope", self._zone("northeurope")),
        }
        self.edge = servers.coredns_edge(test, self.address)
        self.peerzone = None
        # What each peer's own server says when it is asked directly.
        self.truth = {}
        for region, server in self.peers.items():
            self.truth.update(ask_all(server.address, [case for case in CASES if case[2] == region]))

    @staticmethod
    def _zone(region):
        zone = region + ".svc.cluster.local"
        return {zone: zones.text(zone, REGIONS[region])}

    def ways(self):
        return (("through CoreDNS", self.edge.address), ("from peerzone", self.address))

    def restart_peerzone(self):
        """A peerzone that knows nothing yet."""
        if self.peerzone is not None:
            self.test.stop(self.peerzone)
        # Negative answers are kept as long as their SOA allows, so that a slow machine still finds them in the cache.
        config = 'cluster: {name: eastus}\nlisten: {dns: ["%s:%d"]}\npeers:\n' % self.address
        for region, server in self.peers.items():
            config += '  %s: {zones: [%s.svc.cluster.local], endpoints: ["%s:%d"], negative_ttl: 1h}\n' % (
                region, region, *server.address)
        self.peerzone = self.test.start_peerzone("peerzone", config + "cache: {negative_max_ttl: 1h}\n", self.address)
        self.edge.wait_until_answering("ready.cluster.local")


def compare(test, where, case, reply, truth):
    what = "%s: %s %s: " % (where, full(case[0], case[2]), case[1])
    if not test.equal(reply.status, truth.status, what + "status"):
        test.say(reply)
        return
    test.equal(reply.answer_set(), truth.answer_set(), what + "answer")
    # TTLs are capped, never raised.
    limit = {(r.name, r.type): r.ttl for r in truth.answer}
    for record in reply.answer:
        at_most = limit.get((record.name, record.type), 0)
        test.check(record.ttl <= at_most, "%s TTL %d, but its server says %d" % (what, record.ttl, at_most))
    if case[1] not in {r.type for r in reply.answer}:
        soa = reply.soa()
        if test.check(soa is not None, what + "a negative answer without SOA"):
            at_most = truth.soa().ttl if truth.soa() else 60
            test.check(soa.ttl <= at_most, "%s SOA TTL %d > %d" % (what, soa.ttl, at_most))


def check_truth(test, chain):
    """The servers themselves say what the zones hold: the comparisons below are not between empty things."""
    for region in REGIONS:
        def told(name, rtype, of=region):
            return chain.truth[name, rtype, of]
        test.equal(len(told("pods", "A").answer), zones.PODS, region + ": addresses of the headless Service")
        test.equal(len(told("_grpc._tcp.cockroachdb", "SRV").data("SRV")), 3, region + ": SRV records")
        test.equal(told("cockroachdb-7.cockroachdb", "A").status, "NXDOMAIN", region + ": a pod that does not exist")
        test.equal(told("cockroachdb-public", "AAAA").status, "NOERROR", region + ": a type that does not exist")
        test.equal([r.ttl for r in told("blink", "A").answer], [1], region + ": the TTL of a short record")


def check_path(test, chain, where, address, *options):
    """Every case as a miss, and again as a hit, while only peerzone could know the answer."""
    chain.restart_peerzone()
    for case, reply in ask_all(address, CASES, *options).items():
        compare(test, where + ", miss", case, reply, chain.truth[case])
    lasting = [case for case in CASES if case[0] != zones.BLINK]
    for peer in chain.peers.values():
        peer.silence()
    hits = ask_all(address, lasting, *options)
    for peer in chain.peers.values():
        peer.resume()
    for case, reply in hits.items():
        compare(test, where + ", hit", case, reply, chain.truth[case])


def check_short_ttl(test, chain):
    """A record of TTL 1, asked again and again for as long as it takes to expire: there always, and never older than 1."""
    for where, address in chain.ways():
        until = time.monotonic() + 1.3
        while time.monotonic() < until:
            for region in REGIONS:
                reply = dig.ask(address, full("blink", region))
                test.check([r.ttl for r in reply.answer] in ([1], [0]), "TTL 1 %s: %s" % (where, reply))


def check_sizes(test, chain):
    """60 addresses: what fits into the client's size comes over UDP, else TC and then everything over TCP."""
    sizes = [("A", 512, "+noedns"), ("A", 512, "+bufsize=512"), ("A", 1232, "+bufsize=1232"), ("AAAA", 512, "+noedns"),
             ("AAAA", 512, "+bufsize=512"), ("AAAA", 1232, "+bufsize=1232"), ("AAAA", 1232, "+bufsize=4096")]
    for where, address in chain.ways():
        chain.restart_peerzone()
        for region in REGIONS:
            for rtype, limit, option in sizes:
                what = "pods.%s %s %s %s: " % (region, rtype, option, where)
                cut = dig.ask(address, full("pods", region), rtype, option, "+ignore")
                fits = rtype == "A" and limit == 1232  # 60 × 16 octets and a few
                size = int((re.findall(r"MSG SIZE  rcvd: (\d+)", cut.text) or [0])[0])
                test.check(12 < size <= limit, "%s%d octets over UDP" % (what, size))
                test.equal("tc" in cut.flags, not fits, what + "TC")
                test.equal(cut.edns_size is None, option == "+noedns", what + "no EDNS in the reply")
                whole = dig.ask(address, full("pods", region), rtype, option)
                test.equal(whole.retried_over_tcp, not fits, what + "dig went on over TCP")
                compare(test, what, ("pods", rtype, region), whole, chain.truth["pods", rtype, region])


def check_as_asked(test, chain):
    """The client finds its question as it wrote it, and the records' own names as the peer wrote them."""
    chain.restart_peerzone()
    for region in REGIONS:
        expected = chain.truth["_grpc._tcp.cockroachdb", "SRV", region]
        for pass_name in ("miss", "hit"):
            mixed = full("_gRPC._tCp.CockroachDB", region)
            reply = dig.ask(chain.peerzone.address, mixed, "SRV")
            test.equal(reply.question, mixed + ".", pass_name + ": the question's letter case")
            test.equal(reply.data("SRV"), expected.data("SRV"), pass_name + ": names inside of records")


def run(test):
    chain = Chain(test)
    chain.restart_peerzone()
    check_truth(test, chain)
    for where, address in chain.ways():
        check_path(test, chain, where, address)
        check_path(test, chain, where + " over TCP", address, "+tcp")
    check_as_asked(test, chain)
    check_sizes(test, chain)
    check_short_ttl(test, chain)


harness.main("interop_chain", run)
