"""Clients of servers whose upstreams are late: each asks for one new name after the other, all of them at the same time, in one loop."""

import collections
import selectors
import socket
import time

import wire

PATIENCE = 5.0  # a client library's
TURN = 0.02     # the loop looks at least that often, so what is longer is a machine that was busy

# `took` is None when nothing came in time; `stalled`: how long this loop did not run meanwhile.
Result = collections.namedtuple("Result", "name took rcode answered stalled")


class Client:
    def __init__(self, server, zone, count):
        self.server, self.zone, self.left = server, zone, count
        self.results, self.socket, self.name = [], None, ""
        self.sent_at = self.stalled = 0.0

    def ask(self):
        """From a port of its own, so that what comes for the last name is not taken for this one."""
        self.name = "n%d.%s" % (len(self.results), self.zone)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self.socket.connect(self.server)
        self.sent_at, self.stalled = time.monotonic(), 0.0
        self.socket.send(wire.query(self.name))

    def note(self, now, reply):
        took = None if reply is None else now - self.sent_at
        rcode = None if reply is None else wire.rcode(reply)
        answered = reply is not None and rcode == wire.NOERROR and any(
            section == 1 and rtype == wire.A for section, rtype, _, _, _ in wire.records(reply))
        self.results.append(Result(self.name, took, rcode, answered, self.stalled))
        self.left -= 1


def run(clients):
    """Until each has asked for its names."""
    with selectors.DefaultSelector() as selector:
        for client in clients:
            client.ask()
            selector.register(client.socket, selectors.EVENT_READ, client)
        looked_at = time.monotonic()
        while selector.get_map():
            ready = {key.data for key, _ in selector.select(TURN / 2)}
            now = time.monotonic()
            stalled = max(0.0, now - looked_at - TURN)
            looked_at = now
            for client in [key.data for key in selector.get_map().values()]:
                client.stalled += stalled
                reply = _receive(client.socket) if client in ready else None
                if reply is None and now - client.sent_at < PATIENCE:
                    continue
                client.note(now, reply)
                selector.unregister(client.socket)
                client.socket.close()
                if client.left > 0:
                    client.ask()
                    selector.register(client.socket, selectors.EVENT_READ, client)


def _receive(opened):
    try:
        return opened.recv(65535)
    except OSError:
        return None


def sent_for(results, names):
    """How many questions each of them became at the endpoint."""
    return [names.get(result.name, (0, 0.0))[0] for result in results]


def excess(result, delay, names):
    """How much later than D it was answered, without what the endpoint and these clients were late by themselves."""
    return result.took - delay - result.stalled - names.get(result.name, (0, 0.0))[1]
