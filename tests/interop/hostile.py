"""Clients that mean harm or are broken, over TCP and TLS: each kind keeps its connections open and opens those again that the server
has closed. Prints "ready" when all have connected once; ends when its input does, and then prints what it has opened.

    hostile.py NETWORK ADDRESS TCP_PORT TLS_PORT NAME [KIND...]      NETWORK as 127.9.9., where they come from;
                                                                 the TXT records of NAME are many
"""

import collections
import json
import os
import resource
import select
import socket
import ssl
import sys
import time

import wire

STEPS = 50  # a second's
PATIENCE = 5.0
IDLE, IDLE_PER_ADDRESS = 1000, 50
GREEDY = 300
FEW = 20
GARBAGE = b"GET / HTTP/1.1\r\n\r\n"


def context():
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    return made


def hello(tls):
    """The ClientHello that a real client would send first."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    try:
        tls.wrap_bio(incoming, outgoing).do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


class Kind:
    """`at_once` is sent when a connection stands, then one octet of `slowly` a second; `flood` is sent for as long as it is taken,
    and nothing is read. `tls`: its context when the handshake is done properly."""

    def __init__(self, name, port, tls=None, at_once=b"", slowly=b"", flood=b""):
        self.name, self.port, self.tls = name, port, tls
        self.at_once, self.slowly, self.flood = at_once, slowly, flood


class Client:
    def __init__(self, number, kind, source, server):
        self.number, self.kind, self.source, self.server = number, kind, source, server
        self.socket, self.sent = None, 0

    def open(self):
        self.sent = 0
        opened = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            if self.kind.flood:
                opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            opened.settimeout(PATIENCE)
            opened.bind((self.source, 0))
            opened.connect((self.server, self.kind.port))
            if self.kind.tls is not None:
                opened = self.kind.tls.wrap_socket(opened)
            opened.sendall(self.kind.at_once)
            opened.setblocking(False)
            self.socket = opened
        except OSError:  # refused: what it came for
            opened.close()

    def returns(self, second):
        """Those that come in masses do so every fourth second: idle connections are to be held, not made."""
        return self.kind.name not in ("idle", "greedy") or second % 4 == self.number % 4

    def go_on(self):
        """What it does each second."""
        try:
            if self.kind.flood:
                while self.socket.send(self.kind.flood):
                    pass
            elif self.sent < len(self.kind.slowly):
                self.socket.send(self.kind.slowly[self.sent:self.sent + 1])
                self.sent += 1
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            pass
        except OSError:
            self.close()

    def has_ended(self, poll_events):
        if poll_events & (select.POLLERR | select.POLLHUP | select.POLLRDHUP):
            return True
        if not poll_events & select.POLLIN:
            return False
        try:
            return self.socket.recv(4096) == b""
        except (BlockingIOError, ssl.SSLWantReadError):
            return False
        except OSError:
            return True

    def close(self):
        self.socket.close()
        self.socket = None


def clients(network, server, tcp, tls, name, wanted):
    """Those that `wanted` names, or all."""
    secure = context()
    question = wire.query(name, ident=1)
    framed = len(question).to_bytes(2, "big") + question
    question = wire.query(name, wire.TXT, ident=1)
    large = len(question).to_bytes(2, "big") + question
    kinds = [(Kind("idle", tcp), IDLE // 2), (Kind("idle", tls), IDLE * 4 // 10), (Kind("idle", tls, secure), IDLE // 10),
             (Kind("greedy", tcp), GREEDY), (Kind("dribble", tls, slowly=hello(secure)), FEW),
             (Kind("garbage", tcp, at_once=GARBAGE), FEW), (Kind("garbage", tls, at_once=GARBAGE), FEW)]
    for port, over in ((tcp, None), (tls, secure)):
        kinds += [(Kind("dribble", port, over, slowly=framed), FEW),
                  (Kind("half_length", port, over, at_once=b"\0"), FEW),
                  (Kind("no_length", port, over, at_once=b"\0\0"), FEW),
                  (Kind("length_only", port, over, at_once=b"\xff\xff"), FEW),
                  (Kind("never_reads", port, over, flood=10 * large), 4)]
    made = []
    for number, (kind, count) in enumerate(kinds):
        if wanted and kind.name not in wanted:
            continue
        first = 1 if kind.name == "idle" else 100 + number
        for i in range(count):
            earlier = sum(client.kind.name == "idle" for client in made) if kind.name == "idle" else 0
            made.append(Client(len(made), kind, network + str(first + earlier // IDLE_PER_ADDRESS), server))
    return made


def main():
    network, server, tcp, tls, name, *wanted = sys.argv[1:]
    os.nice(15)  # elsewhere they run on machines of their own
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    everybody = clients(network, server, int(tcp), int(tls), name, wanted)
    opened = collections.Counter()
    poll, by_fd = select.poll(), {}
    poll.register(0, select.POLLIN)
    due, step = time.monotonic(), -1
    while True:
        # First all of them, then each once a second, spread over it: bursts of our own would be measured, not the server.
        for client in everybody if step < 0 else everybody[step % STEPS::STEPS]:
            if client.socket is None and (step < 0 or client.returns(step // STEPS)):
                client.open()
                opened[client.kind.name] += 1
                if client.socket is not None:
                    by_fd[client.socket.fileno()] = client
                    poll.register(client.socket, select.POLLRDHUP | (0 if client.kind.flood else select.POLLIN))
            if client.socket is not None:
                descriptor = client.socket.fileno()
                client.go_on()
                if client.socket is None:
                    forget(poll, by_fd, descriptor)
        if step < 0:
            print("ready", flush=True)
        step += 1
        due = max(due + 1.0 / STEPS, time.monotonic())
        while (left := due - time.monotonic()) > 0:
            for descriptor, events in poll.poll(left * 1000):
                if descriptor == 0 and os.read(0, 1) == b"":
                    print(json.dumps(opened))
                    return
                client = by_fd.get(descriptor)
                if client is not None and client.has_ended(events):
                    forget(poll, by_fd, descriptor)
                    client.close()


def forget(poll, by_fd, descriptor):
    poll.unregister(descriptor)
    del by_fd[descriptor]


main()
