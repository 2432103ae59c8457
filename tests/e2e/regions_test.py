"""Three regions, 60, 120 and 180 ms apart, whose etcd cluster finds itself through peerzone alone. One region is cut off and comes
back with other data. The questions of clients in eastus, 200 a second, and the writes of etcd show what they feel of it.

    regions_test.py PEERZONE WAN [--cut SECONDS] [--binary PEERZONE] [--leader eastus|westus] [--aliases]

--leader westus: the lost region takes the leader of etcd with it, so that the others must first elect one.
--aliases: all three clusters have the same names in cluster.local, and one list of members for all of them, by their aliases.

Bars of a few milliseconds are judged with a build without sanitizers only, and only where an echo beside it lets them be."""

import argparse
import gc
import pathlib
import select
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "interop"))

# pylint: disable=wrong-import-position
import harness
import load
import namespaces
import scene as scenes
import timeline
import wire
from region import LATER
from timeline import Stream, addresses, between, codes, errors

BEFORE, AFTER = 6, 8      # seconds before the cut, and after it is mended
DEADLINE = 1.8            # of a question, with all its attempts
KNOWN_BAR = 0.002         # p99 of known names of the lost region, from the second second on
UNKNOWN_BAR = 0.005       # p99 of its other names, once it is known to be lost
PARTITION_BAR = 3.0       # seconds until it is
FRESH_BAR = 0.5           # after the first good reply
RETURN_BAR = 2.5          # until there is one
ELECTION_BAR = 6.0        # until writes go on when the leader is lost: its client gives up the one that waits for it after 5 s
CATCH_UP_BAR = 30.0       # members dial each other again after seconds, not at once
STALE_TTL = 30


class Spread(load.Stream):
    """Streams that do not all send in the same instant: that would measure the client."""

    made = 0

    def __init__(self, *arguments, **named):
        super().__init__(*arguments, **named)
        Spread.made += 1
        self.phase = Spread.made * 0.382 % 1.0

    def due(self):
        return (self.count + self.phase) / self.rate


class Run:
    """The questions of one run and when things happened in it; times are seconds after its start."""

    def __init__(self, scene, cut_seconds):
        self.scene = scene
        self.cut, self.mended = BEFORE, BEFORE + cut_seconds
        self.end = self.mended + AFTER
        self.origin = None
        self.events = []
        self.digs = {}
        self.streams = {}
        self.writes = self.follows = ()

    def measure(self):
        scene, east, west, north = self.scene, self.scene.east, self.scene.west, self.scene.north
        with east.namespace.inside():
            asked = {"west known": self.known(east, west, 50), "west new": self.new(east, west, 30),
                     "north known": self.known(east, north, 50), "north new": self.new(east, north, 30),
                     "east known": self.known(east, east, 20), "east new": self.new(east, east, 20),
                     "echo": Spread(scene.echo.address, 100, lambda i: "echo", sockets=1)}
        with west.namespace.inside():
            asked["inside: own"] = self.known(west, west, 10)
            asked["inside: east"] = self.known(west, east, 10)
        writes = scene.client(east, "write", *east.client_url)
        follows = scene.client(west, "follow", *west.client_url)
        gc.disable()
        self.origin = time.monotonic()
        results = load.run(list(asked.values()), self.end, actions=self.actions())
        gc.enable()
        self.streams = {title: Stream(title, found) for title, found in zip(asked, results)}
        while True:
            self.writes, self.follows = (self.since_start(path) for path in (writes, follows))
            if self.catch_up() is not None or time.monotonic() - self.origin > self.mended + CATCH_UP_BAR:
                break
            select.select([], [], [], 0.2)  # its clients write files: looking again is all one can do
        scene.end_clients()

    def since_start(self, path):
        return [dict(line, at=line["at"] - self.origin) for line in scenes.lines_of(path)]

    @staticmethod
    def known(client, region, rate):
        return Spread(client.resolver, rate, region.hot_name)

    @staticmethod
    def new(client, region, rate):
        return Spread(client.resolver, rate, lambda i: "n%d.new.%s" % (i, region.zone))

    def actions(self):
        length = self.mended - self.cut
        return [(self.cut, lambda: self.act("cut off", lambda: self.scene.wan.link("westus", "*", "cut"))),
                (self.cut + length / 2, lambda: self.act("its pods get other addresses", lambda: self.scene.west.write_zone(2))),
                (self.cut + length * 0.75, self.ask_by_hand),
                (self.mended, lambda: self.act("mended", lambda: self.scene.wan.link("westus", "*", "open")))]

    def act(self, what, action):
        action()
        self.events.append((time.monotonic() - self.origin, what))

    def ask_by_hand(self):
        west = self.scene.west
        for label, name in (("known", west.hot_name(0)), ("new", "by-hand.new." + west.zone)):
            self.digs[label] = self.scene.dig(self.scene.east, label, name)

    def results(self, title, begin, end):
        return between(self.streams[title].results, begin, end)

    # What the run shows

    def partitioned(self):
        """From when on new names of the lost region fail at once."""
        lost = self.results("west new", self.cut, self.mended)
        return next((r.sent for r in lost if r.took is not None and r.took < 0.03 and 22 in codes(r)), None)

    def first_good(self):
        """When the first answer arrived that only the returned region can have given."""
        found = self.results("west new", self.mended - DEADLINE, self.end) + self.results("west known", self.mended, self.end)
        good = [r.sent + r.took for r in found if r.took is not None and self.fresh(r)]
        return min((at for at in good if at >= self.mended), default=None)

    def fresh(self, result):
        """As the region says it since its pods moved."""
        return [address for address, _ in addresses(result)] == [self.address(result.name, 2)]

    def address(self, name, generation):
        region = next(region for region in self.scene.regions if name.endswith(region.zone))
        return "10.%d.%d.200" % (region.octet, generation) if ".new." in name else region.hot_address(name, generation)

    def catch_up(self):
        """When the lost member had all that was written until then, but for the last second."""
        for line in self.follows:
            written = [w["value"] for w in self.writes if "value" in w and w["at"] + w["took"] < line["at"] - 1.0]
            if line["at"] > self.mended and written and line.get("value", 0) >= written[-1]:
                return line["at"]
        return None

    def table(self):
        streams = [s for title, s in self.streams.items() if title != "echo"]
        head = ["s"] + [s.title for s in streams] + ["writes", "behind", "echo p99"]
        lines = []
        for row in timeline.rows(streams, 0, self.end, self.cut):
            second = len(lines)
            lines.append(row + [self.write_cell(second), self.behind_cell(second), "%.1f" % (1000 * load.p99(
                self.results("echo", second, second + 1)))])
        return timeline.table(head, lines)

    def write_cell(self, second):
        found = [w for w in self.writes if second <= w["at"] < second + 1]
        failed = sum("error" in w for w in found)
        return "%d%s %.0f" % (len(found) - failed, "+%df" % failed if failed else "",
                              1000 * max((w["took"] for w in found), default=0))

    def behind_cell(self, second):
        """How many writes the lost member does not have at the end of this second."""
        known = [line["value"] for line in self.follows if line["at"] < second + 1 and "value" in line]
        written = [w["value"] for w in self.writes if w["at"] + w["took"] < second + 1 and "value" in w]
        return str(max(0, written[-1] - known[-1])) if known and written else "-"


class Judge:
    def __init__(self, test, run, lenient, leader):
        self.test, self.run, self.lenient, self.leader = test, run, lenient, leader

    def latency(self, what, results, bar, begin, end):
        """p99 within the bar, if the machine and the build let it be judged."""
        echo = load.p99(self.run.results("echo", begin, end))
        self.test.say("%s: %s (p99 at most %s); echo p99 %s" % (what, load.text(results), load.ms(bar), load.ms(echo)))
        if self.lenient:
            self.test.say("%s: not judged, this build has sanitizers" % what)
        elif echo >= bar / 4:
            self.test.say("%s: not judged, the machine is too busy" % what)
        else:
            self.test.check(load.p99(results) <= bar, "%s: p99 %s" % (what, load.ms(load.p99(results))))

    def others(self):
        """A region that has no part in it feels nothing of it."""
        run, test = self.run, self.test
        for title in ("north known", "north new", "east known", "east new", "inside: own"):
            found = run.streams[title].results
            self.none(title + ", failed", [r for r in found if self.told(r) not in (
                [run.address(r.name, 1)], [run.address(r.name, 2)])])
        for title in ("north known", "north new", "east known", "east new"):
            without, with_fault = (run.results(title, *span) for span in ((2, run.cut), (run.cut, run.mended)))
            echo = load.p99(run.results("echo", run.cut, run.mended))
            unmoved = load.judge_unmoved(test, title, load.p99(with_fault), load.p99(without), echo)
            if not self.lenient:
                test.check(unmoved, "%s: slower while another region is lost" % title)

    def none(self, what, results):
        """`what` is wrong with these results, so there should be none."""
        self.test.check(not results, "%s: %d, such as %s" % (what, len(results), [
            "%s at %+.2f s after %s: %s %s" % (r.name, r.sent - self.run.cut, "nothing" if r.took is None else load.ms(r.took),
                                              addresses(r), errors(r)) for r in results[:2]]))

    def known(self):
        run = self.run
        lost = run.results("west known", run.cut, run.mended)
        self.none("west known, not with their last address", [r for r in lost if self.told(r) != [run.address(r.name, 1)]])
        self.none("west known, neither within their TTL nor marked as stale", [r for r in lost if not self.known_answer(r)])
        self.test.say("west known, first second: " + load.text([r for r in lost if r.sent < run.cut + 1]))
        self.latency("west known, from the second second on", [r for r in lost if r.sent >= run.cut + 1], KNOWN_BAR,
                     run.cut + 1, run.mended)

    @staticmethod
    def told(result):
        return [address for address, _ in addresses(result)]

    def known_answer(self, result):
        """Within its TTL as ever; then stale, and it says so."""
        ttls, since = [ttl for _, ttl in addresses(result)], result.sent - self.run.cut
        if not codes(result) and ttls and max(ttls) <= LATER and since < LATER + 1:
            return True
        return ttls == [STALE_TTL] and any(code == timeline.STALE and "westus" in text for code, text in errors(result))

    def unknown(self):
        run, test = self.run, self.test
        since = run.partitioned()
        if not test.check(since is not None, "west new: the peer never counted as partitioned"):
            return
        test.say("partitioned after %.2f s" % (since - run.cut))
        test.check(since - run.cut <= PARTITION_BAR, "partitioned only after %.2f s" % (since - run.cut))
        lost = run.results("west new", run.cut, run.mended - DEADLINE)
        self.none("west new, no SERVFAIL", [r for r in lost if r.reply is None or wire.rcode(r.reply) != wire.SERVFAIL])
        limit, echoes = DEADLINE + (0.2 if self.lenient else 0.05), run.streams["echo"].results
        self.none("west new, past the deadline", [
            r for r in lost if r.took is not None and r.took - load.stalled(r, echoes) > limit])
        later = run.results("west new", since + 0.01, run.mended - 0.01)
        self.none("west new, once partitioned without EDE 22 and the peer's name", [
            r for r in later if not any(code == 22 and "westus" in text for code, text in errors(r))])
        self.latency("west new, once partitioned", later, UNKNOWN_BAR, since, run.mended)

    def back(self):
        run, test = self.run, self.test
        good = run.first_good()
        if not test.check(good is not None, "no fresh answer after the region came back"):
            return
        test.say("first good reply %.2f s after it was mended" % (good - run.mended))
        test.check(good - run.mended <= RETURN_BAR, "first good reply only after %.2f s" % (good - run.mended))
        for title in ("west known", "west new"):
            old = [r for r in run.results(title, good, run.end) if not run.fresh(r)]
            test.say("%s: the last that was not fresh was asked %.2f s after the first good reply" % (
                title, max((r.sent - good for r in old), default=0)))
            self.none("%s, not fresh %.1f s after the first good reply" % (title, FRESH_BAR), [
                r for r in old if r.sent >= good + FRESH_BAR])

    def etcd(self):
        run, test = self.run, self.test
        pause = ELECTION_BAR if self.leader == "westus" else 0.0
        failed = [w for w in run.writes if "error" in w and not run.cut - 1.0 < w["at"] < run.cut + pause]
        if pause:
            lost = [w for w in run.writes if "error" in w and w not in failed]
            first = min((w["at"] + w["took"] for w in run.writes if "error" not in w and w["at"] > run.cut), default=run.end)
            test.say("etcd: %d writes failed while a leader was elected; the first that came later was done %.1f s after the cut" % (
                len(lost), first - run.cut))
            test.check(first - run.cut <= ELECTION_BAR, "etcd: no write within %.1f s" % (first - run.cut))
        test.check(len(run.writes) > run.end, "etcd: only %d writes" % len(run.writes))
        test.check(not failed, "etcd: %d of %d writes failed, such as %s" % (len(failed), len(run.writes), failed[:1]))
        slowest = max(run.writes, key=lambda w: w["took"])
        test.say("etcd: %d writes, the slowest %.0f ms at %+.1f s" % (
            len(run.writes), slowest["took"] * 1000, slowest["at"] - run.cut))
        frozen = [f.get("value") for f in run.follows if run.cut + 1 < f["at"] < run.mended]
        test.check(len(set(frozen)) == 1, "etcd: the lost member went on: %s" % sorted(set(frozen)))
        caught_up = run.catch_up()
        if test.check(caught_up is not None, "etcd: the member has not caught up after %d s" % CATCH_UP_BAR):
            test.say("etcd: the member has caught up %.2f s after the region was mended" % (caught_up - run.mended))


def check_formed(test, scene, took, leader):
    expected = {region.name: ["https://%s:2380" % region.member] for region in scene.regions}
    test.equal(scene.members(), expected, "members found through SRV records")
    test.say("etcd formed in %.1f s; each region asked only its own peerzone:" % took)
    for region in scene.regions:
        counters = region.peerzone.counters()
        test.say("  %s: %s" % (region.name, ", ".join("%s %d" % item for item in sorted(counters.items()) if item[1])))
    scene.lead_from(next(region for region in scene.regions if region.name == leader))


def has_sanitizers(program):
    content = pathlib.Path(program).read_bytes()
    return any(library in content for library in (b"libasan.so", b"libtsan.so", b"__asan_init", b"__tsan_init"))


def show(test, run):
    for at, what in run.events:
        test.say("%+.2f s: westus %s" % (at - run.cut, what))
    test.say("questions answered fresh + stale (s) + failed (f, extended errors), and the slowest in ms:")
    for line in run.table():
        test.say(line)
    for path in run.digs.values():
        test.say("\n" + path.read_text().strip())


def run_test(test):
    parser = argparse.ArgumentParser()
    parser.add_argument("wan")
    parser.add_argument("--cut", type=int, default=12)
    parser.add_argument("--binary")
    parser.add_argument("--leader", choices=["eastus", "westus"], default="eastus")
    parser.add_argument("--aliases", action="store_true")
    options = parser.parse_args(test.arguments)
    test.peerzone = options.binary or test.peerzone
    harness.need("etcd", "etcd-server")
    with namespaces.Run(test) as space:
        scene = scenes.Scene(test, space, options.wan, options.aliases)
        try:
            scene.start()
            check_formed(test, scene, scene.form_etcd(), options.leader)
            run = Run(scene, options.cut)
            run.measure()
            show(test, run)
            judge = Judge(test, run, has_sanitizers(test.peerzone), options.leader)
            for part in (judge.others, judge.known, judge.unknown, judge.back, judge.etcd):
                part()
        finally:
            ended = scene.close()
        test.check(ended, "the WAN did not end as it should")


harness.main("e2e_regions", run_test)
