"""The DNS servers of the peers' regions, all in one process of their own, to be made silent, slow or new from outside.

    fault_endpoints.py '{"ADDRESS PORT": {"zone": ZONE, "net": N}, ...}'      commands on stdin, one JSON line each; an answer to each on stdout

`Endpoints` starts it and speaks to it. An endpoint answers every name below its zone with 10.NET.GENERATION.1, NXDOMAIN for labels
that start with "nx", and the zone itself with SOA and NS; everything else is REFUSED. An endpoint without a zone is a server for host
names: the addresses it was told."""

import heapq
import json
import os
import pathlib
import selectors
import socket
import struct
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "interop"))
import wire  # noqa: E402

COUNTS = ("asked", "probes", "dropped", "delayed")


class Endpoint:
    def __init__(self, address, zone, net):
        self.address, self.zone, self.net = address, zone, net
        self.hosts = {}        # without a zone: name -> addresses
        self.generation = 0    # of its data
        self.ttl = 2
        self.silent = False    # alive, but nothing gets through
        self.delay = 0.0       # of each reply, seconds
        self.slow_every = 0    # each so-manieth reply takes `slow_by` longer
        self.slow_by = 0.0
        self.first_reply_at = None  # since the last reset
        self.replies = 0
        self.counts = dict.fromkeys(COUNTS, 0)
        self.udp = self.tcp = None

    def late_by(self):
        late = self.delay
        self.replies += 1
        if self.slow_every and self.replies % self.slow_every == 0:
            self.counts["delayed"] += 1
            late += self.slow_by
        return late

    def answer(self, question):
        """The reply to a whole question, or None."""
        if len(question) < 17 or question[2] & 0x80:
            return None
        try:
            name, end, qtype = wire.question_name(question).lower(), wire.question_end(question), wire.question_type(question)
        except (IndexError, struct.error):  # Unbound 1.17 sends such over TCP when it runs out of connections
            return None
        below = self.zone is not None and name.endswith("." + self.zone)
        self.counts["asked" if below and qtype == wire.A else "probes"] += 1
        answers, authority, rcode = [], [], wire.NOERROR
        if self.zone is None:
            answers = [(wire.A, 1, socket.inet_aton(ip)) for ip in self.hosts.get(name, []) if qtype == wire.A]
            rcode = wire.NOERROR if name in self.hosts else wire.NXDOMAIN
        elif below and name.startswith("nx"):
            authority, rcode = [self.soa()], wire.NXDOMAIN
        elif below and qtype == wire.A:
            answers = [(wire.A, self.ttl, bytes([10, self.net, self.generation, 1]))]
        elif name == self.zone and qtype == wire.NS:
            answers = [(wire.NS, 60, wire.name("ns." + self.zone))]
        elif name == self.zone and qtype == wire.SOA:
            answers = [self.soa()[:3]]
        elif below or name == self.zone:
            authority = [self.soa()]
        else:
            rcode = wire.REFUSED
        opt = struct.unpack_from(">H", question, 10)[0] > 0
        message = question[:2] + struct.pack(">5H", 0x8400 | (question[2] & 1) << 8 | rcode, 1, len(answers), len(authority), int(opt))
        message += question[12:end]
        for rtype, ttl, data in answers:
            message += struct.pack(">HHHIH", 0xC00C, rtype, 1, ttl, len(data)) + data
        for rtype, ttl, data in authority:
            message += wire.name(self.zone) + struct.pack(">HHIH", rtype, 1, ttl, len(data)) + data
        return message + (b"\0" + struct.pack(">HHIH", wire.OPT, 1232, 0, 0) if opt else b"")

    def soa(self):
        names = wire.name("ns." + self.zone) + wire.name("host." + self.zone)
        return wire.SOA, self.ttl, names + struct.pack(">5I", 1, 3600, 600, 86400, self.ttl)


class Server:
    """All endpoints in one event loop."""

    def __init__(self, endpoints):
        self.endpoints = endpoints
        self.selector = selectors.DefaultSelector()
        self.later = []  # (when, number, function)
        self.number = 0
        for endpoint in endpoints.values():
            self.open(endpoint)

    def open(self, endpoint):
        endpoint.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        endpoint.udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        endpoint.tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        endpoint.tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        for opened in (endpoint.udp, endpoint.tcp):
            opened.setblocking(False)
            opened.bind(endpoint.address)
        endpoint.tcp.listen(512)
        self.watch(endpoint.udp, lambda: self.read_udp(endpoint))
        self.watch(endpoint.tcp, lambda: self.accept(endpoint))

    def watch(self, opened, action):
        self.selector.register(opened, selectors.EVENT_READ, action)

    def close(self, endpoint):
        """Its pod has gone: from now on "port unreachable"."""
        for opened in (endpoint.udp, endpoint.tcp):
            self.selector.unregister(opened)
            opened.close()
        endpoint.udp = endpoint.tcp = None

    def reply(self, endpoint, question, send):
        if endpoint.silent:
            endpoint.counts["dropped"] += 1
            return
        message = endpoint.answer(question)
        if message is None:
            return
        if endpoint.first_reply_at is None:
            endpoint.first_reply_at = time.monotonic()
        late = endpoint.late_by()
        if late == 0.0:
            send(message)
        else:
            self.number += 1
            heapq.heappush(self.later, (time.monotonic() + late, self.number, lambda: send(message)))

    def read_udp(self, endpoint):
        for _ in range(64):
            udp = endpoint.udp
            try:
                question, client = udp.recvfrom(4096)
            except OSError:
                return
            self.reply(endpoint, question, lambda message, udp=udp, client=client: self.send_udp(udp, message, client))

    @staticmethod
    def send_udp(udp, message, client):
        try:
            udp.sendto(message, client)
        except OSError:  # the client has gone, or the endpoint has
            pass

    def accept(self, endpoint):
        try:
            connection, _ = endpoint.tcp.accept()
        except OSError:
            return
        connection.setblocking(False)
        unread = bytearray()
        self.watch(connection, lambda: self.read_tcp(endpoint, connection, unread))

    def read_tcp(self, endpoint, connection, unread):
        try:
            octets = connection.recv(65535)
        except BlockingIOError:
            return
        except OSError:
            octets = b""
        if not octets:
            self.selector.unregister(connection)
            connection.close()
            return
        unread += octets
        while len(unread) >= 2 and len(unread) >= 2 + (size := struct.unpack_from(">H", unread)[0]):
            self.reply(endpoint, bytes(unread[2:2 + size]), lambda message: self.send_tcp(connection, message))
            del unread[:2 + size]

    @staticmethod
    def send_tcp(connection, message):
        try:
            connection.send(struct.pack(">H", len(message)) + message)
        except OSError:
            pass

    def command(self, line):
        """{"at": [NAMES], "set": {…}} changes, {"down"/"up": [NAMES]}, {"counts": [NAMES]} answers; every name is "ADDRESS PORT"."""
        order = json.loads(line)
        for name in order.get("at", []):
            for key, value in order["set"].items():
                setattr(self.endpoints[name], key, value)
        for name in order.get("down", []):
            self.close(self.endpoints[name])
        for name in order.get("up", []):
            self.open(self.endpoints[name])
        return [{**self.endpoints[name].counts, "first_reply_at": self.endpoints[name].first_reply_at} for name in order.get("counts", [])]

    def run(self):
        os.set_blocking(0, False)
        commands, unread = sys.stdin.buffer.raw, b""
        self.selector.register(0, selectors.EVENT_READ, None)
        print("ready", flush=True)
        while True:
            wait = max(0.0, self.later[0][0] - time.monotonic()) if self.later else None
            for key, _ in self.selector.select(wait):
                if key.data is not None:
                    if key.fileobj.fileno() >= 0:
                        key.data()
                    continue
                octets = commands.read(65536)
                if not octets:
                    return
                *lines, unread = (unread + octets).split(b"\n")
                for line in lines:
                    print(json.dumps(self.command(line)), flush=True)
            while self.later and self.later[0][0] <= time.monotonic():
                heapq.heappop(self.later)[2]()


class Endpoints:
    """The process, from a test's side. Endpoints are addresses as tuples; what is told has happened when the call returns."""

    program = __file__

    def __init__(self, test, zones):
        """`zones`: {address: (zone, net)}."""
        told = {_name(address): {"zone": zone, "net": net} for address, (zone, net) in zones.items()}
        self.log_path = test.folder / ("endpoints.%d.log" % len(test.servers))
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen([sys.executable, "-B", self.program, json.dumps(told)], stdin=subprocess.PIPE,
                                            stdout=subprocess.PIPE, stderr=log)
        if self.process.stdout.readline() != b"ready\n":
            raise RuntimeError("%s: %s" % (self.program, self.log_path.read_text()))

    def _tell(self, **order):
        try:
            self.process.stdin.write(json.dumps(order).encode() + b"\n")
            self.process.stdin.flush()
            return json.loads(self.process.stdout.readline())
        except (BrokenPipeError, json.JSONDecodeError) as ended:
            raise RuntimeError("%s: %s" % (self.program, self.log_path.read_text())) from ended

    def set(self, endpoints, **values):
        self._tell(at=[_name(address) for address in endpoints], set=values)

    def down(self, *endpoints):
        self._tell(down=[_name(address) for address in endpoints])

    def up(self, *endpoints):
        self._tell(up=[_name(address) for address in endpoints])

    def counts(self, *endpoints):
        return self._tell(counts=[_name(address) for address in endpoints])

    def asked(self, *endpoints):
        return sum(count["asked"] for count in self.counts(*endpoints))

    def close(self):
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def _name(address):
    return "%s %d" % tuple(address)


def main():
    endpoints = {}
    for name, how in json.loads(sys.argv[1]).items():
        host, port = name.split()
        endpoints[name] = Endpoint((host, int(port)), how["zone"], how["net"])
    Server(endpoints).run()


if __name__ == "__main__":
    main()
