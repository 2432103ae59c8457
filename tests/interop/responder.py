"""A peer's endpoint in the test's own hands: it counts what it is asked and answers when it is told to."""

import socket
import threading

import wire

NS = 2


class Responder:
    """UDP at `address`. Probes (NS) are answered; all else waits for release(), as at an endpoint that has gone silent."""

    def __init__(self, address):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(address)
        self.address = address
        self.held = []  # (question, client)
        self.arrived = threading.Condition()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.sendto(b"", self.address)  # ends the thread
        self.thread.join()
        self.socket.close()

    def _run(self):
        while True:
            question, client = self.socket.recvfrom(65535)
            if not question:
                return
            if wire.question_type(question) == NS:
                self.socket.sendto(wire.reply(question), client)
                continue
            with self.arrived:
                self.held.append((question, client))
                self.arrived.notify_all()

    def read(self, seconds=0.2):
        """The names asked for so far; waits up to `seconds` for the first question."""
        with self.arrived:
            self.arrived.wait_for(lambda: self.held, seconds)
        return self.names()

    def names(self):
        return [wire.question_name(question).lower() for question, _ in self.held]

    def release(self, address):
        """Answers every question held with one A record."""
        for question, client in self.held:
            self.socket.sendto(wire.reply(question, address), client)
