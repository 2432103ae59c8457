"""What happened in each second of a run, as a table."""

import collections
import math

import load
import wire

Stream = collections.namedtuple("Stream", "title results")
STALE = 3


def errors(result):
    return wire.extended_errors(result.reply) if result.reply is not None else []


def codes(result):
    return [code for code, _ in errors(result)]


def addresses(result):
    """(address, TTL) of each A record of the answer."""
    if result.reply is None:
        return []
    return [(".".join(map(str, data)), ttl) for section, rtype, _, ttl, data in wire.records(result.reply)
            if section == 1 and rtype == wire.A]


def between(results, begin, end):
    return [result for result in results if begin <= result.sent < end]


def cell(results):
    """Questions of one second: how many fresh, stale (s) and failed (f, with the codes that were given), and the slowest."""
    if not results:
        return "-"
    fresh = [r for r in results if load.answered(r) and STALE not in codes(r)]
    stale = [r for r in results if load.answered(r) and STALE in codes(r)]
    failed = [r for r in results if not load.answered(r)]
    parts = ["%d" % len(fresh)] if fresh else []
    parts += ["%ds" % len(stale)] if stale else []
    if failed:
        said = {"silent" if r.reply is None else "/".join(map(str, codes(r))) for r in failed}
        parts.append("%df(%s)" % (len(failed), ",".join(sorted(said))))
    worst = max(math.inf if r.took is None else r.took for r in results)
    return "%s %.1f" % ("+".join(parts), worst * 1000)


def rows(streams, begin, end, cut):
    """One list of cells per second, the time first."""
    for second in range(math.floor(begin), math.ceil(end)):
        yield ["%+d" % (second - cut)] + [cell(between(s.results, second, second + 1)) for s in streams]


def table(head, lines):
    lines = [head] + list(lines)
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    return ["  ".join(text.rjust(width) for text, width in zip(line, widths)) for line in lines]
