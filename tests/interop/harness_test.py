"""The helpers of this folder, by themselves: a test that cannot fail shows nothing.   harness_test.py PEERZONE"""

import contextlib
import io
import os
import signal
import subprocess
import sys
import time

import dig
import harness
import load
import wire
from responder import Responder

DIG_OUTPUT = """;; Truncated, retrying in TCP mode.
;; Got answer:
;; WARNING: .local is reserved for Multicast DNS
;; ->>HEADER<<- opcode: QUERY, status: NXDOMAIN, id: 4711
;; flags: qr rd ra; QUERY: 1, ANSWER: 2, AUTHORITY: 1, ADDITIONAL: 1

;; OPT PSEUDOSECTION:
; EDNS: version: 0, flags: do; udp: 1232
; EDE: 22 (No Reachable Authority): (peer=westus no endpoint answered (0/2), last 10.2.0.10:53 udp timeout 200ms)
;; QUESTION SECTION:
;NAME.westus.svc.cluster.local.\tIN\tTXT

;; ANSWER SECTION:
name.westus.svc.cluster.local. 5 IN\tCNAME\tother.westus.svc.cluster.local.
other.westus.svc.cluster.local. 1 IN TXT\t"two words" "and; more"

;; AUTHORITY SECTION:
westus.svc.cluster.local. 30\tIN\tSOA\tns. hostmaster. 1 7200 1800 86400 30

;; Query time: 1 msec
;; SERVER: 127.0.0.1#53(127.0.0.1) (TCP)
"""


def check_dig_output(test):
    reply = dig.Reply(DIG_OUTPUT)
    test.equal((reply.status, reply.flags, reply.retried_over_tcp), ("NXDOMAIN", {"qr", "rd", "ra"}, True), "head")
    test.equal((reply.edns_size, reply.edns_flags, reply.question), (1232, {"do"}, "NAME.westus.svc.cluster.local."), "EDNS")
    test.equal(reply.errors, [(22, "peer=westus no endpoint answered (0/2), last 10.2.0.10:53 udp timeout 200ms")], "EDE")
    test.equal(reply.data("TXT"), ['"two words" "and; more"'], "TXT data")
    test.equal([r.ttl for r in reply.answer], [5, 1], "TTLs")
    test.equal(reply.soa().name, "westus.svc.cluster.local.", "SOA")
    nothing = dig.Reply(";; communications error to 127.0.0.1#53: timed out\n;; no servers could be reached\n")
    test.equal((nothing.status, nothing.answer, nothing.soa()), (None, [], None), "no reply")


def check_wire(test):
    question = wire.query("a.Bc.example", wire.SRV, ident=7, edns=4096)
    test.equal((wire.question_name(question), wire.question_type(question), wire.udp_size(question)),
               ("a.Bc.example", wire.SRV, 4096), "a question")
    test.equal(wire.udp_size(wire.query("example", edns=None)), None, "a question without EDNS")
    reply = wire.reply(question, "10.0.0.1")
    test.equal([(section, rtype, ttl, data) for section, rtype, _, ttl, data in wire.records(reply)],
               [(1, wire.A, 30, b"\x0a\0\0\1")], "records of a reply")
    text = b"peer=westus"
    option = wire.struct.pack(">HHH", wire.EDE, 2 + len(text), 22) + text
    failed = bytearray(wire.reply(question, rcode=wire.SERVFAIL))
    failed[11] = 1
    failed += b"\0" + wire.struct.pack(">HHIH", wire.OPT, 1232, 0, len(option)) + option
    test.equal((wire.rcode(failed), wire.extended_errors(failed)), (wire.SERVFAIL, [(22, "peer=westus")]), "an extended error")


def check_load(test):
    """A silent server: every query is sent, none is answered, and no figure pretends otherwise."""
    with Responder(test.address()) as silent:
        results, = load.run([load.Stream(silent.address, 200, lambda i: "n%d" % i)], 0.25, patience=0.05)
        test.equal(len(silent.read()), 50, "questions in a quarter of a second")
    test.equal([r.took for r in results], [None] * 50, "answers of a silent server")
    test.equal((load.p99(results), any(map(load.answered, results))), (float("inf"), False), "its figures")
    times = [load.Result("", 0, i / 100, b"") for i in range(1, 101)]
    test.equal((load.percentile(times, 0.5), load.p99(times), load.percentile(times, 1)), (0.5, 0.99, 1.0), "percentiles")
    echoes = [load.Result("", 0.0, 0.001, b""), load.Result("", 1.0, 0.3, b""), load.Result("", 2.0, 0.9, b"")]
    test.equal(load.stalled(load.Result("", 1.1, 0.4, b""), echoes), 0.3, "the stall beside a question")


def outcome(run):
    """What a test that does `run` would end with, and print."""
    inner, output = harness.Test("inner", "/nonexistent"), io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
        code = harness._run(inner, run)
    os.rmdir(inner.folder)
    return code, output.getvalue()


def check_outcomes(test):
    def skip(_):
        raise harness.Skip("no server")

    def skip_after_failure(inner):
        inner.check(False, "broken")
        raise harness.Skip("no server")

    test.equal(outcome(lambda inner: inner.check(True, ""))[0], 0, "a check that holds")
    test.equal(outcome(lambda inner: None)[0], 1, "a test without checks")
    test.equal(outcome(lambda inner: inner.equal(1, 2, "numbers"))[0], 1, "a check that does not hold")
    test.equal(outcome(lambda inner: 1 // 0)[0], 1, "a mistake in the test")
    test.equal(outcome(skip), (77, "SKIPPED: inner: no server\n"), "a test that cannot run")
    test.equal(outcome(skip_after_failure)[0], 1, "a failure before the skip")


def check_servers(test):
    address = test.address()
    echo = test.start("echo", [sys.executable, os.path.join(os.path.dirname(__file__), "echo.py"), *address], address, "echo")
    # A process that the server started itself goes with it.
    forks = test.start("forks", ["/bin/sh", "-c", "sleep 1000 & echo $!; exec sleep 1000"], test.address(), None)
    while not forks.log() and forks.process.poll() is None:
        time.sleep(0.01)  # until its first line is there
    child = int(forks.log())
    test.equal(forks.stop(), -signal.SIGTERM, "how it ended")
    gone = not os.path.exists("/proc/%d" % child) or " Z " in open("/proc/%d/stat" % child).read()
    test.check(gone, "a process that a server forked outlives it")
    echo.silence()
    test.equal(echo.stop(), -signal.SIGTERM, "a silent server ends as well")
    broken = [sys.executable, "-c", "import sys; sys.exit('no such option')"]
    try:
        test.start("broken", broken, test.address(), "anything")
        test.check(False, "a server that ends at once was taken for ready")
    except harness.Failed as failed:
        test.check("no such option" in str(failed), "why it ended: %s" % failed)


def check_command_line(test):
    script = os.path.join(os.path.dirname(__file__), "chain_test.py")
    done = subprocess.run([sys.executable, script], capture_output=True, check=False)
    test.check(done.returncode not in (0, harness.SKIP_CODE), "without the program under test nothing passes")


def run(test):
    for check in (check_dig_output, check_wire, check_load, check_outcomes, check_servers, check_command_line):
        check(test)


harness.main("interop_harness", run)
