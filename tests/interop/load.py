"""Questions at a steady rate, whether or not the answers come, and how long each answer took."""

import collections
import math
import selectors
import socket
import ssl
import time

import wire

# sent: seconds after the start; took: seconds, None without an answer; reply: the message
Result = collections.namedtuple("Result", "name sent took reply")


class Stream:
    """One sequence of questions: `name(i)` is the i-th; from several sockets, so that every worker gets some, and from the address
    `source` if one is given."""

    def __init__(self, address, rate, name, qtype=wire.A, sockets=8, source=None):
        self.address, self.rate, self.name, self.qtype = address, rate, name, qtype
        self.sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(sockets)]
        for opened in self.sockets:
            opened.setblocking(False)
            if source is not None:
                opened.bind((source, 0))
            opened.connect(address)
        self.count = 0
        self.waiting = {}  # (socket, ID) -> (name, sent)
        self.results = []

    def due(self):
        return self.count / self.rate

    def send(self, start):
        index, self.count = self.count, self.count + 1
        opened, ident = self.sockets[index % len(self.sockets)], index & 0xFFFF
        name = self.name(index)
        self.waiting[opened, ident] = (name, time.monotonic() - start)
        self.transmit(opened, wire.query(name, self.qtype, ident))

    def transmit(self, opened, question):
        opened.send(question)

    def messages(self, opened):
        """Those that have arrived."""
        while True:
            try:
                yield opened.recv(65535)
            except (BlockingIOError, ConnectionRefusedError):
                return

    def receive(self, opened, start):
        for reply in self.messages(opened):
            now = time.monotonic() - start
            asked = self.waiting.pop((opened, int.from_bytes(reply[:2], "big")), None)
            if asked is not None:
                self.results.append(Result(*asked, now - asked[1], reply))

    def finish(self):
        self.results += [Result(*asked, None, None) for asked in self.waiting.values()]
        self.results.sort(key=lambda result: result.sent)
        for opened in self.sockets:
            opened.close()


class Connections(Stream):
    """The same over connections that stand, with TLS or without, and that no server may close."""

    def __init__(self, sockets, rate, name):
        super().__init__(None, rate, name, sockets=0)
        self.sockets = sockets
        self.unread = {opened: b"" for opened in sockets}
        for opened in sockets:
            opened.setblocking(False)

    def transmit(self, opened, question):
        opened.send(len(question).to_bytes(2, "big") + question)

    def messages(self, opened):
        try:
            while octets := opened.recv(65535):
                self.unread[opened] += octets
        except (BlockingIOError, ssl.SSLWantReadError):
            pass
        else:
            raise ConnectionResetError("the server closed a connection that is in use")
        unread = self.unread[opened]
        while len(unread) >= 2 and len(unread) >= 2 + int.from_bytes(unread[:2], "big"):
            end = 2 + int.from_bytes(unread[:2], "big")
            yield unread[2:end]
            unread = unread[end:]
        self.unread[opened] = unread


def run(streams, seconds, patience=3.0, actions=()):
    """Runs all streams for `seconds`, then waits up to `patience` for what is still missing. `actions` are (seconds, function)."""
    actions = sorted(actions, key=lambda action: action[0])
    with selectors.DefaultSelector() as selector:
        for stream in streams:
            for opened in stream.sockets:
                selector.register(opened, selectors.EVENT_READ, stream)
        start = time.monotonic()
        while True:
            now = time.monotonic() - start
            while actions and actions[0][0] <= now:
                actions.pop(0)[1]()
            for stream in streams:
                # Open loop: what is late is sent at once, and its time counts from now.
                while stream.due() <= now and stream.due() < seconds:
                    stream.send(start)
            upcoming = [stream.due() for stream in streams if stream.due() < seconds] + [at for at, _ in actions]
            if not upcoming and (not any(stream.waiting for stream in streams) or now > seconds + patience):
                break
            wait = min(upcoming) - now if upcoming else 0.1
            for key, _ in selector.select(max(0.0, wait)):
                key.data.receive(key.fileobj, start)
    for stream in streams:
        stream.finish()
    return [stream.results for stream in streams]


def percentile(results, share):
    """The time within which `share` of the answers came; a question without an answer took for ever."""
    times = sorted(math.inf if result.took is None else result.took for result in results)
    return times[min(len(times) - 1, math.ceil(share * len(times)) - 1)]


def p99(results):
    return percentile(results, 0.99)


def text(results):
    times = [percentile(results, share) * 1000 for share in (0.5, 0.99, 1.0)]
    return "%d questions, p50 %.1f ms, p99 %.1f ms, worst %.1f ms" % (len(results), *times)


def answered(result):
    return result.reply is not None and wire.rcode(result.reply) == wire.NOERROR and any(
        rtype == wire.A for section, rtype, _, _, _ in wire.records(result.reply) if section == 1)


def stalled(result, echoes):
    """How long the machine itself held up an echo while this question was under way, seconds."""
    end = result.sent + result.took
    return max((echo.took if echo.took is not None else end for echo in echoes
                if echo.sent <= end and echo.sent + (echo.took or end) >= result.sent), default=0.0)


def ms(seconds):
    return "%.1f ms" % (seconds * 1000)


def judge_unmoved(test, what, with_fault, without, echo):
    """All p99. A fault may not move a client that has no part in it; but where an echo takes a quarter of the bar, the machine decides."""
    bar = 1.5 * without + 0.001
    test.say("%s: p99 %s without, %s with the fault (at most %s); echo %s" % (what, *map(ms, (without, with_fault, bar, echo))))
    if with_fault > bar and echo >= bar / 4:
        test.say("%s: not judged, the machine is too busy" % what)
        return True
    return with_fault <= bar
