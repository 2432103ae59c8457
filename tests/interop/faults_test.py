"""Peers that fall silent. Correctness is judged always: which client gets an answer, which gets SERVFAIL, what the extended error says. A
latency is judged only when the machine lets it: an echo without any DNS runs beside every measurement, and what moves the echo as
well is the machine's doing and is told, not judged.

    faults_test.py PEERZONE one_silent|peer_dead|sharing|shedding"""

import socket
import statistics
import sys
import time

import harness
import load
import wire
from responder import Responder

RATE = 200                # different names a second
LATE = 0.1                # one endpoint silent: nothing takes longer, from the second second on
DEAD = 2.0                # all endpoints silent: the answer says so within this
NORTH = "northeurope.svc.cluster.local"
WEST = "westus.svc.cluster.local"


class Scene:
    """Two peers with two endpoints each, all peerzones that answer every name in their zone, and an echo."""

    def __init__(self, test):
        self.test = test
        self.west = [self._endpoint("westus-%d" % i, WEST) for i in range(2)]
        self.north = [self._endpoint("northeurope-%d" % i, NORTH) for i in range(2)]
        address = test.address()
        script = harness.SOURCE / "tests" / "interop" / "echo.py"
        self.echo = test.start("echo", [sys.executable, script, *address], address, "echo")
        self.peerzone = None
        self.generation = 0  # names are new in every run

    def _endpoint(self, name, zone):
        address = self.test.address()
        config = 'workers: 1\nlisten: {dns: ["%s:%d"]}\nzones:\n  %s: {records: ["* 60 A 10.0.0.1"]}\n' % (*address, zone)
        return self.test.start_peerzone(name, config, address)

    def fresh_peerzone(self, more=""):
        """A peerzone that has not met its peers yet."""
        if self.peerzone is not None:
            self.test.stop(self.peerzone)
        self.generation += 1
        address = self.test.address()
        self.peerzone = self.test.start_peerzone("peerzone", peers_config(address, {
            "westus": [server.address for server in self.west],
            "northeurope": [server.address for server in self.north]}) + more, address)

    def stream(self, zone, rate=RATE):
        run = self.generation
        return load.Stream(self.peerzone.address, rate, lambda i: "n%d-%d.%s" % (run, i, zone))

    def echo_stream(self):
        return load.Stream(self.echo.address, RATE, lambda i: "echo", sockets=1)


def peers_config(address, peers):
    text = 'cluster: {name: eastus}\nlisten: {dns: ["%s:%d"]}\npeers:\n' % address
    for name, endpoints in peers.items():
        listed = ", ".join('"%s:%d"' % endpoint for endpoint in endpoints)
        text += "  %s: {zones: [%s.svc.cluster.local], endpoints: [%s]}\n" % (name, name, listed)
    return text


def check_failure(test, results, peer, echoes, what):
    """Each answer is SERVFAIL in time, and its extended error names the peer."""
    for result in results:
        if not test.check(result.reply is not None, "%s: %s got no answer at all" % (what, result.name)):
            continue
        errors = wire.extended_errors(result.reply)
        test.check(wire.rcode(result.reply) == wire.SERVFAIL, "%s: rcode %d" % (what, wire.rcode(result.reply)))
        test.check(any("peer=" + peer in text for _, text in errors), "%s: extended errors %s" % (what, errors))
        test.check(result.took - load.stalled(result, echoes) < DEAD, "%s: after %s" % (what, load.ms(result.took)))


# One endpoint silent


def silent_run(test, scene, what, silent_at):
    """4 s with one endpoint silent, from before the first question or from `silent_at` on. Returns what was too late, all questions
    after the first second, and the echoes."""
    scene.fresh_peerzone()
    victim = scene.west[0]
    since = silent_at or 0.0
    if silent_at is None:
        victim.silence()
    actions = [] if silent_at is None else [(silent_at, victim.silence)]
    results, echoes = load.run([scene.stream(WEST), scene.echo_stream()], since + 4.0, actions=actions)
    victim.resume()
    failed = [result for result in results if not load.answered(result)]
    test.check(not failed, "%s: %d of %d questions failed, such as %s" % (what, len(failed), len(results), failed[:1]))
    after = [result for result in results if result.sent >= since + 1.0 and result.took is not None]
    test.check(len(after) >= 2.9 * RATE, "%s: %d questions after the first second" % (what, len(after)))
    early = [result for result in results if since <= result.sent < since + 1.0]
    test.say("%s: first second %s; then %s; echo %s" % (what, load.text(early), load.text(after), load.text(echoes)))
    late = [result for result in after if result.took - load.stalled(result, echoes) > LATE]
    return late, after, echoes


def one_silent(test):
    scene = Scene(test)
    for what, silent_at in (("silent from the start", None), ("falls silent after 1 s", 1.0)):
        verdicts = []
        # One clean run is enough; after one that is not, two must be.
        while len(verdicts) < 3 and (not verdicts or not verdicts[0]):
            scene.fresh_peerzone()
            control, control_echoes = load.run([scene.stream(WEST), scene.echo_stream()], 2.0)
            test.check(all(map(load.answered, control)), what + ": a question failed though all is well")
            test.say("%s: control %s; echo %s" % (what, load.text(control), load.text(control_echoes)))
            late, after, echoes = silent_run(test, scene, what, silent_at)
            if max(load.p99(control), load.p99(echoes)) < LATE / 4:
                verdicts.append(not late)
                if late:
                    test.say("late: " + ", ".join("%s at %.2f s" % (load.ms(r.took), r.sent) for r in late[:10]))
            else:
                test.say("%s: too busy a machine to judge %s" % (what, load.ms(LATE)))
                verdicts.append(load.judge_unmoved(test, what, load.p99(after), load.p99(control), load.p99(echoes)))
        test.check(verdicts[0] or all(verdicts[1:]), "%s: questions took over %s" % (what, load.ms(LATE)))


# All endpoints of one peer silent


def peer_dead(test):
    scene = Scene(test)
    series = {"without": [], "with": [], "echo": []}
    for round_number in range(3):
        for fault in ("without", "with"):
            scene.fresh_peerzone()
            if fault == "with":
                for server in scene.west:
                    server.silence()
            west, north, echoes = load.run([scene.stream(WEST), scene.stream(NORTH), scene.echo_stream()], 2.5)
            for server in scene.west:
                server.resume()
            what = "round %d, %s fault: " % (round_number + 1, fault)
            test.check(all(map(load.answered, north)), what + "a question for the other peer failed")
            if fault == "with":
                check_failure(test, west, "westus", echoes, what + "a name of the dead peer")
            else:
                test.check(all(map(load.answered, west)), what + "a question failed though all is well")
            test.say("%swestus %s; northeurope %s; echo %s" % (what, *map(load.text, (west, north, echoes))))
            series[fault].append(load.p99(north))
            series["echo"].append(load.p99(echoes))
    without, with_fault, echo = (statistics.median(series[name]) for name in ("without", "with", "echo"))
    test.check(load.judge_unmoved(test, "the other peer, median of three", with_fault, without, echo),
               "the dead peer moved the other one: p99 %s -> %s" % (load.ms(without), load.ms(with_fault)))


# Identical queries


def ask_together(address, names):
    """All at once, each from a socket of its own. Returns the sockets, in order."""
    sockets = []
    for ident, name in enumerate(names):
        opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        opened.connect(address)
        opened.settimeout(4.0)
        opened.send(wire.query(name, ident=ident))
        sockets.append(opened)
    return sockets


def replies_of(sockets):
    replies = []
    for opened in sockets:
        with opened:
            try:
                replies.append(opened.recv(65535))
            except TimeoutError:
                replies.append(None)
    return replies


def sharing(test):
    """50 clients with one query cost a peer one question; each gets its own ID and letter case back."""
    name = "db." + WEST
    names = [name if i % 2 else name.replace("db", "dB").replace("westus", "WestUS") for i in range(50)]
    with Responder(test.address()) as west, Responder(test.address()) as north:
        address = test.address()
        peerzone = test.start_peerzone("peerzone", "workers: 1\n" + peers_config(address, {
            "westus": [west.address], "northeurope": [north.address]}), address)
        clients = ask_together(address, names)
        # One worker takes queries in turn: when this one has come out, all 50 have been seen.
        fence = ask_together(address, ["fence." + NORTH])
        test.equal(north.read(5.0), ["fence." + NORTH], "the question that follows")
        west.read()
        west.release("10.2.0.1")
        north.release("10.3.0.1")
        test.check(set(west.names()) == {name} and len(west.names()) <= 3,
                   "50 identical questions became %d: %s" % (len(west.names()), west.names()))
        test.check(load.answered(load.Result("", 0, 0, replies_of(fence)[0])), "the other peer's answer")
        for i, reply in enumerate(replies_of(clients)):
            if test.check(reply is not None, "client %d got no answer" % i):
                test.equal((wire.rcode(reply), int.from_bytes(reply[:2], "big"), wire.question_name(reply)),
                           (wire.NOERROR, i, names[i]), "client %d's own ID and letter case" % i)

        # The same when no endpoint answers: few queries, and every client is told.
        west.held.clear()
        begin = time.monotonic()
        replies = replies_of(ask_together(address, ["gone." + WEST] * 50))
        took = time.monotonic() - begin
        check_failure(test, [load.Result("gone", 0, took, reply) for reply in replies], "westus", [], "nobody answers")
        test.check(1 <= len(west.read()) <= 6, "50 identical questions to a dead peer became %d" % len(west.names()))
        # The failure is remembered: a client that asks again gets it without waiting, and the peer is left alone.
        west.held.clear()
        reply = replies_of(ask_together(address, ["gone." + WEST]))[0]
        check_failure(test, [load.Result("gone", 0, 0, reply)], "westus", [], "asked again")
        test.equal(west.read(), [], "questions for a failure that is remembered")
        test.stop(peerzone)


# A flood for a dead peer


def shedding(test):
    """A dead peer's flood fills its own share only; names that are known are answered all the while."""
    scene = Scene(test)
    scene.fresh_peerzone("limits: {in_flight_per_upstream_max: 50, waiters_per_question_max: 20, waiters_per_upstream_max: 100}\n"
                         "workers: 1\n")
    known = replies_of(ask_together(scene.peerzone.address, ["known." + WEST]))
    test.check(load.answered(load.Result("", 0, 0, known[0])), "a name that is asked while all is well")
    for server in scene.west:
        server.silence()
    address, run = scene.peerzone.address, scene.generation
    flood, same, cached, north, echoes = load.run([
        load.Stream(address, 1000, lambda i: "flood%d-%d.%s" % (run, i, WEST)),
        load.Stream(address, 400, lambda i: "same.%s" % WEST),
        load.Stream(address, 50, lambda i: "known." + WEST),
        scene.stream(NORTH),
        scene.echo_stream()], 2.5)
    for server in scene.west:
        server.resume()
    test.check(all(map(load.answered, north)), "a question for the other peer failed in the flood")
    test.check(all(map(load.answered, cached)), "a name in the cache was not answered in the flood")
    check_failure(test, flood, "westus", echoes, "the flood")
    check_failure(test, same, "westus", echoes, "one name asked by many")

    def shed(results, why):
        return [r for r in results if r.reply and any(why in text for _, text in wire.extended_errors(r.reply))]
    # Within some 0.3 s the peer is known to be gone, and then no client waits for it.
    test.check(len(shed(flood, "too many questions in flight")) > 20, "the flood reached the limit of questions in flight")
    test.check(len(shed(same, "too many questions waiting for this name")) > 5, "one name reached the limit of clients that wait")
    test.say("flood %s, %d of them shed; cached %s; northeurope %s; echo %s" % (
        load.text(flood), len(shed(flood, "too many")), load.text(cached), load.text(north), load.text(echoes)))


SCENARIOS = {"one_silent": one_silent, "peer_dead": peer_dead, "sharing": sharing, "shedding": shedding}
SCENARIO = sys.argv[2] if len(sys.argv) > 2 else "sharing"
harness.main("interop_faults_" + SCENARIO, SCENARIOS[SCENARIO])
