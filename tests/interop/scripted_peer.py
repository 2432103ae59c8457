"""A peer's DNS server that does what it is told to, at any delay: it answers, denies, sends elsewhere, says nothing."""

import heapq
import itertools
import select
import socket
import struct
import threading
import time

import wire

NS, CNAME = 2, 5


def alias(question, target, ttl):
    """A reply that ends with an alias."""
    data = wire.name(target)
    return (question[:2] + struct.pack(">5H", 0x8400 | (question[2] & 1) << 8, 1, 1, 0, 0) + question[12:wire.question_end(question)]
            + struct.pack(">HHHIH", 0xC00C, CNAME, 1, ttl, len(data)) + data)


class ScriptedPeer:
    """UDP at `address`, in a thread of its own. `mood(question)` gives seconds to wait and the reply, or None for none; probes (NS) are
    answered at once. No client hears anything while `silent`."""

    def __init__(self, address, mood):
        self.address, self.mood, self.silent, self.ended = address, mood, False, False
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self._socket.bind(address)
        self._due = []  # (when, tie, reply, client)
        self._ties = itertools.count()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.ended = True
        self._socket.sendto(b"", self.address)
        self._thread.join()
        self._socket.close()

    def _run(self):
        while not self.ended:
            patience = max(0.0, self._due[0][0] - time.monotonic()) if self._due else None
            if select.select([self._socket], [], [], patience)[0]:
                self._receive(*self._socket.recvfrom(65535))
            while self._due and self._due[0][0] <= time.monotonic():
                _, _, reply, client = heapq.heappop(self._due)
                try:
                    self._socket.sendto(reply, client)
                except OSError:  # its socket is gone
                    pass

    def _receive(self, question, client):
        if self.silent or len(question) < 12:
            return
        delay, reply = (0, wire.reply(question)) if wire.question_type(question) == NS else self.mood(question)
        if reply is not None:
            heapq.heappush(self._due, (time.monotonic() + delay, next(self._ties), reply, client))
