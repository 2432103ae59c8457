"""`order: listed`: servers that are not equal. The first of the list is asked, whatever the others could do faster; the next one only
when those before it fail; and the first again when it is back. Each server answers with an address of its own."""

import time

import dig
import harness
import servers

CONFIG = """listen: {dns: ["%s:%d"], admin: off}
workers: 1
forward:
  example.com: {order: listed, endpoints: ["%s:%d", "%s:%d", "%s:%d"]}
"""


def zone(number):
    head = "$ORIGIN example.com.\n@ 60 SOA ns hostmaster 1 7200 1800 86400 40\n@ 60 NS ns\nns 60 A 192.0.2.1\n"
    return head + "*.www 60 A 192.0.2.%d\n" % number + ("only-last 60 A 192.0.2.%d\n" % number if number == 3 else "")


def run(test):
    ours = [servers.peerzone(test, "server-%d" % n, {"example.com": zone(n)}) for n in (1, 2, 3)]
    address = test.address()
    peerzone = test.start_peerzone("peerzone", CONFIG % (*address, *ours[0].address, *ours[1].address, *ours[2].address), address)
    asked = 0

    def answers(count):
        nonlocal asked
        found = []
        for _ in range(count):
            asked += 1
            reply = dig.ask(peerzone.address, "n%d.www.example.com" % asked)
            found += reply.data("A") or [reply.status]
        return found

    test.equal(set(answers(30)), {"192.0.2.1"}, "all are there: the first one is asked")
    reply = dig.ask(peerzone.address, "only-last.example.com")
    test.equal(reply.status, "NXDOMAIN", "what the first one denies is denied, though another has it")
    ours[0].silence()
    test.equal(set(answers(30)), {"192.0.2.2"}, "the first one is silent")
    ours[1].silence()
    test.equal(set(answers(30)), {"192.0.2.3"}, "the second one, too")
    ours[0].resume()
    deadline = time.monotonic() + 15  # a probe finds it
    while answers(1) != ["192.0.2.1"] and time.monotonic() < deadline:
        pass
    test.equal(set(answers(30)), {"192.0.2.1"}, "it is back")


harness.main("interop_order", run)
