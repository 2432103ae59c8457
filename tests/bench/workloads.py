"""The workloads: which questions, how they are put, and what is measured."""


class Workload:
    def __init__(self, name, kind, mode, questions, text, tags=(), options=(), variants=()):
        self.name, self.kind, self.mode, self.questions, self.text = name, kind, mode, questions, text
        self.tags, self.options = list(tags), list(options)
        self.variants = list(variants)  # (name, tags, options): peerzone against itself, beside no other server

    @property
    def tls(self):
        return "tls" in self.tags

    @property
    def warm(self):
        """Is everything in the cache before the first round?"""
        return not self.questions.startswith("miss")

    @property
    def at_once(self):
        """One server after the other, each measured once."""
        return self.kind in ("memory", "flood")

    @property
    def udp(self):
        return self.mode in ("udp", "pace")


STREAMS = ["--sockets", "16"]


def ports(sockets):
    """64 questions in flight, whatever the number of source ports."""
    return ["--sockets", str(sockets), "--window", str(64 // sockets)]


ALL = [
    Workload("hit", "cpu", "udp", "hit", "1,000 names, all cached, without EDNS"),
    Workload("hit_edns", "cpu", "udp", "hit", "the same with OPT (1232 octets, no options)", options=["--edns", "1"]),
    Workload("zipf", "cpu", "udp", "zipf", "10,000 names, all cached, asked with popularity 1/rank"),
    Workload("miss", "cpu", "udp", "miss", "each name new: forwarded to a responder on the load's core"),
    Workload("miss_sizes", "cpu", "udp", "miss_sizes", "the same with names of 16 sizes in turn: no two neighbours are of equal size"),
    Workload("search_list", "cpu", "udp", "search_list", "ndots:5: four names that do not exist (TTL 30), then the one that does; 200 names"),
    Workload("srv", "cpu", "udp", "srv", "three SRV records and, where the server sends them, their addresses; 200 names", tags=["srv"],
             options=["--edns", "1"]),
    Workload("big", "cpu", "udp", "big", "60 addresses; 20 names", options=["--edns", "1"]),
    Workload("tcp_pipelined", "cpu", "stream", "hit", "TCP, 16 connections, 32 questions in flight on each", options=STREAMS),
    Workload("tcp_connect", "cpu", "connect", "hit", "TCP, a connection for each question, 16 at a time", options=STREAMS),
    Workload("tls_pipelined", "cpu", "tls_stream", "hit", "TLS, 16 connections, 32 questions in flight on each", tags=["tls"],
             options=STREAMS),
    Workload("tls_resume", "cpu", "tls_connect", "hit", "TLS, a connection for each question, session resumed, 16 at a time",
             tags=["tls"], options=STREAMS),
    Workload("latency", "latency", "pace", "hit", "10,000 questions a second, open loop, latency from the time each was due"),
    Workload("memory", "memory", "udp", "miss", "names of 41 octets, each asked once: growth of the resident size per name"),
    Workload("flood", "flood", "udp", "zipf", "a cache for some 130,000 names; 10,000 hot ones asked with popularity 1/rank: before, while nine "
             "new names come with each of their questions, and after that", tags=["bounded"]),
    Workload("workers", "spread", "udp", "hit", "peerzone with one worker on one core, and with two on both, where the load runs too",
             variants=[("1 worker", [], []), ("2 workers", ["two"], [])]),
    Workload("source_port", "spread", "udp", "hit", "peerzone with two workers: 64 questions in flight from so many source ports",
             variants=[("%d port%s" % (n, "s" * (n > 1)), ["two"], ports(n)) for n in (1, 2, 8)]),
    Workload("start", "start", "start", "miss", "from exec to the first forwarded answer"),
]
