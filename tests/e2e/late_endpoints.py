"""Endpoints whose every reply comes D after its question, like fault_endpoints.py, with three ways to treat a question that equals one
which still waits for its reply (the same name and type, whatever its ID, letter case, port and transport):

    each      it is answered as well, D after it came
    first     it is dropped: only the first of them is answered
    together  all of them are answered D after the first one came

A question that comes later than that is a first one again. `names` counts questions for addresses, by name."""

import heapq
import json
import sys
import time

import fault_endpoints  # it says where the modules of interop/ are
import wire

MODES = ("each", "first", "together")


class LateEndpoint(fault_endpoints.Endpoint):
    def __init__(self, address, zone, net):
        super().__init__(address, zone, net)
        self.mode = "each"
        self.due = {}    # (name, type) -> when the reply to the first of equal questions leaves
        self.names = {}  # name -> [questions for its address, the most that a reply to one of them left too late]

    def schedule(self, question, now):
        """When the reply to this question is due; None when it gets none."""
        key = wire.question_name(question).lower(), wire.question_type(question)
        if key[1] == wire.A:
            self.names.setdefault(key[0], [0, 0.0])[0] += 1
        due = self.due.get(key, 0.0)
        if self.mode == "each" or due <= now:
            self.due[key] = now + self.delay
            return now + self.delay
        return due if self.mode == "together" else None

    def note_sent(self, question, due):
        counted = self.names.get(wire.question_name(question).lower())
        if counted is not None and wire.question_type(question) == wire.A:
            counted[1] = max(counted[1], time.monotonic() - due)


class LateServer(fault_endpoints.Server):
    def reply(self, endpoint, question, send):
        message = endpoint.answer(question)
        if message is None:
            return
        due = endpoint.schedule(question, time.monotonic())
        if due is None:
            endpoint.counts["dropped"] += 1
            return

        def leave():
            send(message)
            endpoint.note_sent(question, due)
        self.number += 1
        heapq.heappush(self.later, (due, self.number, leave))

    def command(self, line):
        """Also {"names": NAME}: what one endpoint was asked for."""
        order = json.loads(line)
        return self.endpoints[order["names"]].names if "names" in order else super().command(line)


class LateEndpoints(fault_endpoints.Endpoints):
    program = __file__

    def names(self, endpoint):
        """{name: (questions for its address, the most that a reply left too late)}."""
        return self._tell(names="%s %d" % tuple(endpoint))


def main():
    endpoints = {}
    for name, how in json.loads(sys.argv[1]).items():
        host, port = name.split()
        endpoints[name] = LateEndpoint((host, int(port)), how["zone"], how["net"])
    LateServer(endpoints).run()


if __name__ == "__main__":
    main()
