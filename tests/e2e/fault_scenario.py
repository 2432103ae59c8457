"""One server through all faults: a timeline of load and faults, and what of it is measured.

Two peers are asked 200 questions a second each, half for 50 hot names (TTL 2 s), half for names that are new. Only westus has faults:

    warm    not judged
    well    both peers answer
    one     one endpoint of westus is silent
    back    it is back
    both    both are silent; every known name expires
    again   both are back, with other data
"""

import collections
import gc
import time

import load
import wire

RATE = 100      # hot, and as many new ones
HOT = 50
TTL = 2
SLOW = 0.02     # nothing takes that long on loopback while all is well
PATIENCE = 5.0  # a client library's
ZONES = {"west": "westus.svc.cluster.local", "north": "northeurope.svc.cluster.local"}

Phases = collections.namedtuple("Phases", "warm well one back both again")
LONG = Phases(2.0, 3.0, 4.0, 2.0, 6.0, 7.0)
SHORT = Phases(2.0, 2.0, 3.0, 2.0, 5.0, 3.0)


class Scenario:
    """What one run through all phases has shown. Times are seconds from its begin."""

    def __init__(self, phases, results, fresh_generation, first_good):
        self.phases = phases
        self.begins, at = {}, 0.0
        for name, length in zip(phases._fields, phases):
            self.begins[name], at = at, at + length
        self.end = at
        self.results = results  # "west hot" … -> [load.Result]
        self.fresh_generation = fresh_generation
        self.first_good = first_good  # when an endpoint sent its first reply after the return, or None

    def of(self, stream, phase, since=0.0, until=None):
        """Those sent in a phase, from `since` to `until` seconds after its begin."""
        begin = self.begins[phase]
        end = begin + (getattr(self.phases, phase) if until is None else until)
        names = ("hot", "new") if " " not in stream and stream != "echo" else (None,)
        found = []
        for name in names:
            for result in self.results[stream if name is None else "%s %s" % (stream, name)]:
                if begin + since <= result.sent < end:
                    found.append(result)
        return found

    def last(self, stream, phase, is_bad):
        """Seconds from the phase's begin until nothing is bad any more; 0.0 when nothing was."""
        bad = [result.sent for result in self.of(stream, phase) if is_bad(result)]
        return max(bad) - self.begins[phase] if bad else 0.0

    def normal_after(self):
        return self.last("west", "one", lambda r: not load.answered(r) or r.took > SLOW)

    def at_once_after(self):
        """From when on unknown names fail at once."""
        return self.last("west new", "both", lambda r: r.took is None or r.took > SLOW)

    def is_fresh(self, result):
        return result.reply is not None and wire.rcode(result.reply) == wire.NOERROR and any(
            section == 1 and rtype == wire.A and data[2] == self.fresh_generation for section, rtype, _, _, data in wire.records(result.reply))

    def fresh_after(self):
        return self.last("west", "again", lambda r: not self.is_fresh(r))

    def fresh_after_first_good(self):
        """None when no endpoint was asked again within the phase."""
        if self.first_good is None:
            return None
        return max(0.0, self.fresh_after() - (self.first_good - self.begins["again"]))


def saying(result):
    """What a reply says, without its names: "NOERROR TTL 30 EDE 3"."""
    if result.reply is None:
        return "no answer"
    code = wire.rcode(result.reply)
    text = {wire.NOERROR: "NOERROR", wire.SERVFAIL: "SERVFAIL", wire.NXDOMAIN: "NXDOMAIN", wire.REFUSED: "REFUSED"}.get(code, str(code))
    ttls = [ttl for section, _, _, ttl, _ in wire.records(result.reply) if section == 1]
    if ttls:
        text += " TTL %d" % ttls[0]
    elif code == wire.NOERROR:
        text += " without data"
    errors = wire.extended_errors(result.reply)
    return text + (" EDE " + ", ".join(str(number) for number, _ in errors) if errors else "")


def tell(server_address, echo_address, endpoints, west, phases, run_number):
    """Runs one story. The endpoints must answer, with generation 0."""
    streams = {}
    for peer, zone in ZONES.items():
        streams[peer + " hot"] = load.Stream(server_address, RATE, lambda i, zone=zone: "hot%d.%s" % (i % HOT, zone), sockets=4)
        streams[peer + " new"] = load.Stream(server_address, RATE, lambda i, zone=zone: "n%d-%d.%s" % (run_number, i, zone), sockets=4)
    streams["echo"] = load.Stream(echo_address, 2 * RATE, lambda i: "echo", sockets=1)
    begun = []
    story = Scenario(phases, {}, 1, None)
    begins = story.begins
    actions = [
        (0.0, lambda: begun.append(time.monotonic())),
        (begins["one"], lambda: endpoints.set(west[:1], silent=True)),
        (begins["back"], lambda: endpoints.set(west[:1], silent=False)),
        (begins["both"], lambda: endpoints.set(west, silent=True)),
        (begins["again"], lambda: endpoints.set(west, silent=False, generation=1, first_reply_at=None))]
    gc.collect()
    gc.disable()
    try:
        found = load.run(list(streams.values()), story.end, PATIENCE, actions)
    finally:
        gc.enable()
    story.results = dict(zip(streams, found))
    firsts = [count["first_reply_at"] for count in endpoints.counts(*west) if count["first_reply_at"] is not None]
    story.first_good = min(firsts) - begun[0] if firsts else None
    endpoints.set(west, generation=0, silent=False)
    return story
