"""A peer's endpoint in the test's own hands: it counts what it is asked and answers when it is told to."""

import select
import socket

import wire


class Responder:
    """UDP at `address`. Nothing is answered by itself; without any call it is a silent endpoint whose port is open."""

    def __init__(self, address):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(address)
        self.address = address
        self.held = []  # (question, from whom)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def read(self, seconds=0.0):
        """Takes in what has arrived; waits up to `seconds` for the first question."""
        while select.select([self.socket], [], [], seconds)[0]:
            self.held.append(self.socket.recvfrom(65535))
            seconds = 0.0
        return self.names()

    def names(self):
        return [wire.question_name(question).lower() for question, _ in self.held]

    def release(self, address):
        """Answers every question held with one A record."""
        for question, client in self.held:
            self.socket.sendto(wire.reply(question, address), client)
