"""Stands between peerzone and a server, hands on datagrams and streams as they are, and remembers what went past. It may be told to
hand on one of them only, as a load balancer does that is not configured for the other."""

import contextlib
import selectors
import socket
import struct
import threading

import wire


class Relay:
    """`with Relay(address, server)`: listens on `address` until the block ends. Read the lists when the answers are there."""

    def __init__(self, address, server, passes=("udp", "tcp")):
        self.address, self.server = address, server
        self.passes = passes  # datagrams are lost otherwise, connections reset
        self.udp_questions, self.udp_replies, self.tcp_questions = [], [], []
        self._selector = selectors.DefaultSelector()
        self._sockets = []
        self._clients = {}  # peerzone's UDP address -> a socket connected to the server
        self._udp = self._open(socket.SOCK_DGRAM)
        self._udp.bind(address)
        self._watch(self._udp, self._udp_question)
        self._tcp = self._open(socket.SOCK_STREAM)
        self._tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._tcp.bind(address)
        self._tcp.listen(64)
        self._watch(self._tcp, self._accept)
        self._wake, self._woken = socket.socketpair()
        self._selector.register(self._woken, selectors.EVENT_READ, None)
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._wake.send(b"x")
        self._thread.join()
        for opened in self._sockets + [self._wake, self._woken]:
            opened.close()
        self._selector.close()

    def _open(self, kind):
        opened = socket.socket(socket.AF_INET, kind)
        self._sockets.append(opened)
        return opened

    def _watch(self, watched, action):
        self._selector.register(watched, selectors.EVENT_READ, action)

    def _run(self):
        while True:
            for key, _ in self._selector.select():
                if key.data is None:
                    return
                try:
                    key.data()
                except OSError:  # that connection is over; the test will see what is missing
                    with contextlib.suppress(KeyError):  # at its other end already
                        self._selector.unregister(key.fileobj)

    def _udp_question(self):
        message, client = self._udp.recvfrom(65535)
        self.udp_questions.append(message)
        if "udp" not in self.passes:
            return
        if client not in self._clients:
            behind = self._open(socket.SOCK_DGRAM)
            behind.connect(self.server)
            self._clients[client] = behind
            self._watch(behind, lambda: self._udp_reply(behind, client))
        self._clients[client].send(message)

    def _udp_reply(self, behind, client):
        message = behind.recv(65535)
        self.udp_replies.append(message)
        self._udp.sendto(message, client)

    def _accept(self):
        client, _ = self._tcp.accept()
        if "tcp" not in self.passes:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.close()
            return
        behind = self._open(socket.SOCK_STREAM)
        self._sockets.append(client)
        behind.connect(self.server)
        self._watch(client, lambda: self._pump(client, behind, bytearray()))
        self._watch(behind, lambda: self._pump(behind, client, None))

    def _pump(self, source, sink, questions):
        data = source.recv(65535)
        if not data:
            self._selector.unregister(source)
            sink.shutdown(socket.SHUT_WR)
            return
        if questions is not None:
            # peerzone writes small questions whole; what is split is not recorded but handed on all the same.
            questions += data
            while len(questions) >= 2 and len(questions) >= 2 + struct.unpack(">H", questions[:2])[0]:
                size = struct.unpack(">H", questions[:2])[0]
                self.tcp_questions.append(bytes(questions[2:2 + size]))
                del questions[:2 + size]
        sink.sendall(data)

    def udp_names(self):
        return [wire.question_name(message) for message in self.udp_questions]

    def tcp_names(self):
        return [wire.question_name(message) for message in self.tcp_questions]
