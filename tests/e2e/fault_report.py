"""What the stories of the servers show: figures, bars, which server is better, and the tables of FAULTS.md."""

import collections
import math
import re
import statistics

import fault_scenario
import load
import wire

LATE = 0.1             # one endpoint silent: nothing takes longer
NORMAL_WITHIN = 1.0
KNOWN_FIRST, KNOWN = 0.05, 0.002
UNKNOWN_FIRST, UNKNOWN = 1.8, 0.005
FRESH_WITHIN = 0.5


def percentile(results, share):
    return load.percentile(results, share) if results else math.nan


def is_failed(result):
    return not load.answered(result)


class Figures:
    """Of all rounds of one server together; spans are (least, most) over the rounds."""

    def __init__(self, name, stories):
        self.name, self.stories = name, stories

    def pooled(self, *where, **span):
        return [result for story in self.stories for result in story.of(*where, **span)]

    def one_silent(self):
        return self.pooled("west", "one")

    def known(self, first):
        """Hot names while both endpoints are silent: in the first second, or later."""
        return self.pooled("west hot", "both", since=0.0 if first else 1.0, until=1.0 if first else None)

    def expired(self):
        """Those that no server can have in date any more."""
        return self.pooled("west hot", "both", since=fault_scenario.TTL + 0.1)

    def unknown(self, first):
        return self.pooled("west new", "both", since=0.0 if first else 2.0, until=2.0 if first else None)

    def span(self, measure):
        values = [measure(story) for story in self.stories]
        return None if None in values else (min(values), max(values))

    def other_peer(self, phase):
        """p99 of the other peer, median of the rounds: (in the phase, while all is well)."""
        def median(where):
            return statistics.median(percentile(story.of("north", where), 0.99) for story in self.stories)
        return median(phase), median("well")

    def other_failed(self):
        return sum(is_failed(r) for phase in ("one", "both", "again") for r in self.pooled("north", phase))

    def echo(self, *where, **span):
        return percentile(self.pooled("echo", *where, **span), 0.99)


# Bars


def errors_of(results):
    return [wire.extended_errors(result.reply) if result.reply is not None else [] for result in results]


def is_stale_as_promised(result):
    """TTL 30 and EDE 3 with peer and age."""
    return fault_scenario.saying(result) == "NOERROR TTL 30 EDE 3" and all(
        "peer=westus" in text and re.search(r"\d+(ms|s|m|h)", text) for _, text in wire.extended_errors(result.reply))


def is_failed_as_promised(result):
    """EDE 22 with the peer and since when."""
    return fault_scenario.saying(result) == "SERVFAIL EDE 22" and all(
        "peer=westus" in text and "since" in text for _, text in wire.extended_errors(result.reply))


def judge(test, figures, lenient):
    """The fault table of FAULTS.md. `lenient`: a build with sanitizers, whose latencies are its own."""
    factor = 10 if lenient else 1

    def bar(what, value, most, echo):
        if value <= most * factor:
            test.passed += 1
        elif echo > most / 4:
            test.say("%s: %s, not judged: an echo took %s" % (what, ms(value), ms(echo)))
        else:
            test.check(False, "%s: %s, at most %s" % (what, ms(value), ms(most * factor)))

    one, stories = figures.one_silent(), figures.stories
    failed = list(filter(is_failed, one))
    test.check(not failed, "one endpoint silent: %d of %d questions failed, such as %s" % (
        len(failed), len(one), [(r.name, r.sent, fault_scenario.saying(r)) for r in failed[:3]]))
    echoes = figures.pooled("echo", "one")
    worst = max((r.took - load.stalled(r, echoes) for r in one if r.took is not None), default=0.0)
    bar("one endpoint silent: the slowest", worst, LATE, 0.0)
    bar("one endpoint silent: normal after", figures.span(fault_scenario.Scenario.normal_after)[1], NORMAL_WITHIN, 0.0)
    bar("known names, first second, p99", percentile(figures.known(True), 0.99), KNOWN_FIRST, figures.echo("both", until=1.0))
    bar("known names, p99", percentile(figures.known(False), 0.99), KNOWN, figures.echo("both", since=1.0))
    odd = [r for r in figures.expired() if not is_stale_as_promised(r)]
    test.check(not odd, "known names: %d of %d are not stale answers as promised, such as %s %s" % (
        len(odd), len(figures.expired()), [fault_scenario.saying(r) for r in odd[:3]], errors_of(odd[:3])))
    failed = list(filter(is_failed, figures.known(True) + figures.known(False)))
    test.check(not failed, "known names: %d failed, such as %s" % (len(failed), [(r.name, r.sent, fault_scenario.saying(r)) for r in failed[:3]]))
    bar("names never asked, first two seconds", percentile(figures.unknown(True), 1.0), UNKNOWN_FIRST + 0.1, 0.0)
    bar("names never asked, p99", percentile(figures.unknown(False), 0.99), UNKNOWN, figures.echo("both", since=2.0))
    odd = [r for r in figures.unknown(False) if not is_failed_as_promised(r)]
    test.check(not odd, "names never asked: %d of %d do not say EDE 22 with peer and since when, such as %s %s" % (
        len(odd), len(figures.unknown(False)), [fault_scenario.saying(r) for r in odd[:3]], errors_of(odd[:3])))
    fresh = figures.span(fault_scenario.Scenario.fresh_after_first_good)
    test.check(fresh is not None, "the endpoints were not asked again after their return")
    if fresh is not None:
        bar("fresh after the first good reply", fresh[1], FRESH_WITHIN, 0.0)
    test.check(figures.other_failed() == 0, "%d questions for the other peer failed" % figures.other_failed())
    for phase in ("one", "both", "again"):
        with_fault, without = figures.other_peer(phase)
        echo = statistics.median(percentile(story.of("echo", phase), 0.99) for story in stories)
        test.check(load.judge_unmoved(test, "the other peer, phase %s, of %d rounds" % (phase, len(stories)), with_fault * 1.0, without, echo)
                   or lenient, "phase %s moved the other peer: p99 %s -> %s" % (phase, ms(without), ms(with_fault)))


# Which server is better. Each measure: less is better; what counts as equal.

RATIO, LATENCY, TIME = 1.1, 0.002, 0.1

MEASURES = {
    "one silent: failed": (lambda f: sum(map(is_failed, f.one_silent())), 0),
    "one silent: p99": (lambda f: percentile(f.one_silent(), 0.99), LATENCY),
    "one silent: worst": (lambda f: percentile(f.one_silent(), 1.0), LATENCY),
    "one silent: normal after": (lambda f: f.span(fault_scenario.Scenario.normal_after)[1], TIME),
    "known: failed": (lambda f: sum(map(is_failed, f.known(True) + f.known(False))), 0),
    "known: p99 in the first second": (lambda f: percentile(f.known(True), 0.99), LATENCY),
    "known: p99 then": (lambda f: percentile(f.known(False), 0.99), LATENCY),
    "known: worst then": (lambda f: percentile(f.known(False), 1.0), LATENCY),
    "unknown: without an answer": (lambda f: sum(r.reply is None for r in f.unknown(True) + f.unknown(False)), 0),
    "unknown: p99 after two seconds": (lambda f: percentile(f.unknown(False), 0.99), LATENCY),
    "unknown: at once after": (lambda f: f.span(fault_scenario.Scenario.at_once_after)[1], TIME),
    "return: all fresh after": (lambda f: f.span(fault_scenario.Scenario.fresh_after)[1], TIME),
    "others: failed": (lambda f: f.other_failed(), 0),
}


def better_than(ours, other):
    """Measures in which the other server is better, with both values."""
    found = []
    for what, (measure, equal) in MEASURES.items():
        mine, theirs = measure(ours), measure(other)
        if mine > max(theirs * RATIO, theirs + equal):
            found.append("%s: %s has %s, peerzone %s" % (what, other.name, _plain(theirs), _plain(mine)))
    return found


def _plain(value):
    return str(value) if isinstance(value, int) else ms(value)


# Tables


def ms(seconds):
    if math.isinf(seconds):
        return "> 5 s"
    if math.isnan(seconds):
        return "–"
    return "%.2f s" % seconds if seconds >= 1.0 else "%.0f ms" % (seconds * 1000) if seconds >= 0.01 else "%.1f ms" % (seconds * 1000)


def times(results):
    return " / ".join(ms(percentile(results, share)) for share in (0.5, 0.99, 1.0))


def failed(results, is_bad=is_failed):
    return "%d of %d" % (sum(map(is_bad, results)), len(results))


def span(values, beyond):
    if values is None:
        return "never"
    low, high = values
    text = ["> %.1f s" % beyond if value > beyond - 0.1 else "%.1f s" % value for value in (low, high)]
    return text[0] if text[0] == text[1] else "–".join(text)


def sayings(results):
    counted = collections.Counter(map(fault_scenario.saying, results))
    return "; ".join("%s %d %%" % (said, round(100 * count / len(results))) for said, count in counted.most_common(3)
                     if count >= 0.01 * len(results))


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n"


def tables(all_figures):
    phases = all_figures[0].stories[0].phases
    text = "**One of two endpoints silent** (hot and new names; times are p50 / p99 / worst)\n\n"
    text += table(["server", "failed", "first second", "then", "normal after"], [
        [f.name, failed(f.one_silent()), times(f.pooled("west", "one", until=1.0)), times(f.pooled("west", "one", since=1.0)),
         span(f.span(fault_scenario.Scenario.normal_after), phases.one)] for f in all_figures])
    text += "\n**Both silent: names that are known but expired**\n\n"
    text += table(["server", "failed", "first second", "then", "what is said once all have expired"], [
        [f.name, failed(f.known(True) + f.known(False)), times(f.known(True)), times(f.known(False)), sayings(f.expired())]
        for f in all_figures])
    text += "\n**Both silent: names never asked**\n\n"
    text += table(["server", "no answer in 5 s", "first two seconds", "then", "at once after", "what is said then"], [
        [f.name, failed(f.unknown(True) + f.unknown(False), lambda r: r.reply is None), times(f.unknown(True)), times(f.unknown(False)),
         span(f.span(fault_scenario.Scenario.at_once_after), phases.both), sayings(f.unknown(False))] for f in all_figures])
    text += "\n**Both return with other data**\n\n"
    text += table(["server", "every answer fresh after", "after their first good reply"], [
        [f.name, span(f.span(fault_scenario.Scenario.fresh_after), phases.again), span(f.span(fault_scenario.Scenario.fresh_after_first_good), phases.again)]
        for f in all_figures])
    text += "\n**The other peer meanwhile** (p99, median of the rounds; an echo beside it)\n\n"
    text += table(["server", "failed", "all well", "one silent", "both silent", "return", "echo"], [
        [f.name, str(f.other_failed()), ms(f.other_peer("one")[1])] + [ms(f.other_peer(phase)[0]) for phase in ("one", "both", "again")]
        + [ms(statistics.median(percentile(story.of("echo", phase), 0.99) for story in f.stories for phase in ("well", "one", "both")))]
        for f in all_figures])
    return text
