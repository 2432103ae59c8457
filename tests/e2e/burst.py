"""Many clients that ask for names not asked for before, all at once; each has an address of its own and waits for its answers.

    burst.py ADDRESS PORT ZONE COUNT RUN SOURCE…      prints JSON: what was said, and how long the answers took"""

import collections
import json
import os
import pathlib
import select
import socket
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "interop"))
import wire  # noqa: E402

PATIENCE = 5.0


def main():
    address, zone, count, run, sources = (sys.argv[1], int(sys.argv[2])), sys.argv[3], int(sys.argv[4]), sys.argv[5], sys.argv[6:]
    os.nice(10)  # elsewhere they run on machines of their own
    clients = []
    for source in sources:
        client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        client.bind((source, 0))
        client.connect(address)
        client.setblocking(False)
        clients.append(client)
    questions = [wire.query("b%s-%d.%s" % (run, i, zone), ident=i // len(clients)) for i in range(count)]
    sent, took, said = [], [None] * count, collections.Counter()
    poll = select.poll()
    numbers = {client.fileno(): number for number, client in enumerate(clients)}
    for client in clients:
        poll.register(client, select.POLLIN)

    def receive(wait):
        for fd, _ in poll.poll(wait):
            number = numbers[fd]
            while True:
                try:
                    reply = clients[number].recv(4096)
                except OSError:
                    break
                index = int.from_bytes(reply[:2], "big") * len(clients) + number
                if took[index] is None:
                    took[index] = time.monotonic() - sent[index]
                    errors = wire.extended_errors(reply)
                    said["%d EDE %s" % (wire.rcode(reply), errors[0][0] if errors else "none")] += 1
    begin = time.monotonic()
    for index, question in enumerate(questions):
        sent.append(time.monotonic())
        clients[index % len(clients)].send(question)
        if index % 64 == 0:
            receive(0)
    sending = time.monotonic() - begin
    while None in took and time.monotonic() < begin + sending + PATIENCE:
        receive(100)
    answered = sorted(value for value in took if value is not None)
    print(json.dumps({"sent": count, "answered": len(answered), "sending": sending, "said": said,
                      "p50": answered[len(answered) // 2] if answered else None, "worst": answered[-1] if answered else None}))


main()
