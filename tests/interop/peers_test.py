"""peerzone against one maker's server as the peer's: what arrives at the client is what the server says, and what went between the
two is as it should be (UDP with EDNS at 1232 octets, letter case mixed and kept, TCP for what is too big and for nothing else).

    peers_test.py PEERZONE nsd|knot|bind|unbound|coredns|dnsdist|peerzone"""

import sys

import dig
import harness
import servers
import wire
import zones
from relay import Relay

ZONE = "westus.svc.cluster.local"
CASES = [case for case in zones.CASES if case[0] != zones.BLINK]


def full(name):
    return name + "." + ZONE


def mixed(name):
    letters = [c for c in name if c.isalpha()]
    return any(c.isupper() for c in letters) and any(c.islower() for c in letters)


def compare(test, what, qtype, reply, truth):
    if not test.equal(reply.status, truth.status, what + "status"):
        test.say(reply)
        return
    test.equal(reply.answer_set(), truth.answer_set(), what + "answer")
    limit = {(r.name, r.type): r.ttl for r in truth.answer}
    test.check(all(r.ttl <= limit.get((r.name, r.type), 0) for r in reply.answer), what + "TTL raised")
    if not reply.data(qtype):
        test.check(reply.soa() is not None, what + "a negative answer without SOA")


def check_answers(test, server, peerzone):
    for name, qtype in CASES:
        truth = dig.ask(server.address, full(name), qtype)
        test.check(truth.status in ("NOERROR", "NXDOMAIN"), "the server itself: %s" % truth)
        for pass_name in ("miss", "hit"):
            reply = dig.ask(peerzone.address, full(name), qtype)
            compare(test, "%s, %s %s: " % (pass_name, name, qtype), qtype, reply, truth)
            test.equal(reply.retried_over_tcp, (name, qtype) == ("pods", "AAAA"), name + " " + qtype + ": over TCP")
    test.equal(len(dig.ask(peerzone.address, full("pods"), "AAAA").data("AAAA")), zones.PODS, "all pods over TCP")


def check_options(test, peerzone):
    """What a client says about itself stays between it and peerzone."""
    for options in (["+noedns"], ["+bufsize=512"], ["+bufsize=4096"], ["+dnssec"], ["+cdflag"], ["+adflag"], ["+cookie"],
                    ["+subnet=192.0.2.0/24"], ["+ednsopt=100"], ["+tcp"], ["+tcp", "+keepalive"]):
        reply = dig.ask(peerzone.address, full("cockroachdb-public"), "A", *options)
        what = " ".join(options) + ": "
        test.equal((reply.status, reply.data("A")), ("NOERROR", ["10.2.96.20"]), what + "answer")
        test.equal(reply.edns_size is not None, "+noedns" not in options, what + "EDNS in the reply")
        test.equal("do" in reply.edns_flags, "+dnssec" in options, what + "DO")
        test.check("aa" not in reply.flags and "ra" in reply.flags, what + "flags %s" % reply.flags)


HOP_MARK = bytes([0xff, 0x21, 0, 9])  # option 65313 with nine octets: peerzone's own
NS = 2


def is_probe(message):
    return wire.question_type(message) == NS and wire.question_name(message).lower() == ZONE


def check_traffic(test, relay):
    questions = relay.udp_questions
    asked = {wire.question_name(m).lower() for m in questions if not is_probe(m)}
    test.equal(asked, {full(name).lower() for name, _ in CASES}, "names that reached the server")
    test.check(all(wire.udp_size(message) == 1232 for message in questions), "EDNS with 1232 octets in each question")
    options = [data for message in questions for _, rtype, _, _, data in wire.records(message) if rtype == wire.OPT and data]
    options = [data for data in options if data[:4] != HOP_MARK]
    test.equal(options, [], "options of clients that were handed on")
    test.check(all(mixed(name) for name in relay.udp_names()), "letter case is mixed in each question: %s" % relay.udp_names())
    test.check(len(set(message[:2] for message in questions)) > len(questions) // 2, "IDs differ")
    replied = [wire.question_name(message) for message in relay.udp_replies]
    test.check(set(replied) <= set(relay.udp_names()) and replied, "the server keeps the letter case")
    # Only the answer that was cut went over to TCP, and what was denied in mixed letter case: that is asked once in plain case.
    cut = {wire.question_name(message).lower() for message in relay.udp_replies if wire.truncated(message)}
    test.equal(cut, {full("pods")}, "replies that were cut")
    denied = {wire.question_name(message).lower() for message in relay.udp_replies if not any(section == 1 for section, *_ in wire.records(message))}
    over_tcp = {name.lower() for name in relay.tcp_names()} - {ZONE}
    test.check(full("pods") in over_tcp and over_tcp <= {full("pods")} | denied, "questions over TCP, probes aside: %s" % over_tcp)
    test.check(len(over_tcp) <= 3, "and few of those: %s" % over_tcp)


def check_hits(test, relay):
    """A hit asks no upstream: the questions with DO and with CD are the only ones asked again (and a few, if the machine is slow)."""
    questions = [m for m in relay.udp_questions if not is_probe(m)]
    different = len({(wire.question_name(m).lower(), wire.question_type(m)) for m in questions})
    test.check(different == len(CASES) and different + 2 <= len(questions) <= different + 8,
               "%d questions for %d different ones" % (len(questions), different))


def run(test):
    which = test.arguments[0]
    server = servers.ALL[which](test, which, {ZONE: zones.text(ZONE, 2)})
    address = test.address()
    with Relay(test.address(), server.address) as relay:
        config = """cluster: {name: eastus}
listen: {dns: ["%s:%d"]}
peers:
  westus: {zones: [%s], endpoints: ["%s:%d"], negative_ttl: 1h}
cache: {negative_max_ttl: 1h}
""" % (*address, ZONE, *relay.address)
        peerzone = test.start_peerzone("peerzone", config, address)
        check_answers(test, server, peerzone)
        check_options(test, peerzone)
        check_traffic(test, relay)
        check_hits(test, relay)
        print("%s: %d questions over UDP, %d over TCP" % (which, len(relay.udp_questions), len(relay.tcp_questions)))


harness.main("interop_peers_" + sys.argv[2] if len(sys.argv) > 2 else "interop_peers", run)
