"""Servers side by side through the same faults: one of two endpoints of a peer silent, both silent, both back with other data.

    faults.py PEERZONE [--servers peerzone,unbound,…] [--rounds 3] [--write FAULTS.md]     the comparison, about ten minutes
    faults.py PEERZONE --check                            peerzone alone through short phases, held against the bars of FAULTS.md

--write puts tables and transcripts between the two marks of that file. --seconds is how long both endpoints are silent."""

import argparse
import collections
import pathlib
import re
import subprocess
import time

import fault_servers  # first: it says where the modules of interop/ and bench/ are
import fault_report
import fault_scenario
import harness
import wire
from fault_endpoints import Endpoints

BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
ZONE = fault_scenario.ZONES["west"]


class Scene:
    """The endpoints of one run, and an echo."""

    def __init__(self, test):
        self.test = test
        self.west, self.north = ([test.address() for _ in range(2)] for _ in range(2))
        zones = {address: (fault_scenario.ZONES["west"], 2) for address in self.west}
        zones.update({address: (fault_scenario.ZONES["north"], 3) for address in self.north})
        self.endpoints = Endpoints(test, zones)
        self.echo = fault_servers.start_echo(test)
        self.runs = 0

    def start(self, server):
        return fault_servers.start(self.test, server, self.west, self.north, "ready." + ZONE)

    def story(self, server, phases):
        """A fresh process of that server through all phases."""
        self.runs += 1
        process = self.start(server)
        try:
            return fault_scenario.tell(process.address, self.echo.address, self.endpoints, self.west, phases, self.runs)
        finally:
            self.test.stop(process)


def has_sanitizer(program):
    return re.search(rb"__(asan|tsan|ubsan)_", pathlib.Path(program).read_bytes()) is not None


def check(test, scene, options):
    """One clean round is enough; after one that is not, the three are judged together."""
    server, lenient = fault_servers.all_of(test.peerzone)["peerzone"], has_sanitizer(test.peerzone)
    if lenient:
        test.say("a build with sanitizers: latencies may be ten times as long")
    stories = []
    for wanted in (1, 3):
        while len(stories) < wanted:
            stories.append(scene.story(server, fault_scenario.SHORT))
        figures = fault_report.Figures("peerzone", stories)
        test.say("%d rounds:\n%s" % (wanted, fault_report.tables([figures])))
        trial = Trial(test)
        fault_report.judge(trial, figures, lenient)
        if not trial.failures:
            break
    test.passed += trial.passed
    for failure in trial.failures:
        test.check(False, failure)


class Trial:
    """Takes checks for later."""

    def __init__(self, test):
        self.say, self.passed, self.failures = test.say, 0, []

    def check(self, condition, text):
        if condition:
            self.passed += 1
        else:
            self.failures.append(text)
        return bool(condition)


def compare(test, scene, options):
    servers = fault_servers.all_of(test.peerzone)
    unknown = set(options.servers) - set(servers)
    if unknown:
        raise harness.Failed("no such server: %s; there are %s" % (", ".join(unknown), ", ".join(servers)))
    phases = fault_scenario.LONG._replace(both=options.seconds)
    stories, versions = collections.defaultdict(list), {}
    for _ in range(options.rounds):
        for name in options.servers:
            if name in versions and not stories[name]:
                continue
            try:
                versions[name] = servers[name].version()
                stories[name].append(scene.story(servers[name], phases))
            except harness.Skip as skip:
                versions.setdefault(name, "")
                test.say("%s is left out: %s" % (name, skip))
    figures = {name: fault_report.Figures("%s %s" % (servers[name].name, versions[name]), told) for name, told in stories.items() if told}
    text = fault_report.tables(list(figures.values()))
    print(text)
    if "peerzone" in figures:
        verdict(test, figures)
    told = transcripts(test, scene, servers["peerzone"]) if "peerzone" in figures else ""
    print(told)
    if options.write:
        write(options.write, "%d rounds, %s.\n\n%s\n%s" % (options.rounds, time.strftime("%Y-%m-%d"), text, told))


def verdict(test, figures):
    ours = figures["peerzone"]
    fault_report.judge(test, ours, has_sanitizer(test.peerzone))
    for name, other in figures.items():
        if name != "peerzone":
            better = fault_report.better_than(ours, other)
            test.check(not better, "%s is better: %s" % (name, "; ".join(better)))


# What people see


TOLD = (("one", "one endpoint silent, a name never asked", "new1." + ZONE), ("both", "both silent, a name that is known", "hot0." + ZONE),
        ("both", "both silent, a name that is known not to exist", "nx0." + ZONE), ("both", "both silent, a name never asked", "new2." + ZONE),
        ("again", "both back with other data", "hot0." + ZONE))


def transcripts(test, scene, server):
    """`dig` while each fault lasts: as it printed it."""
    process, endpoints, west = scene.start(server), scene.endpoints, scene.west
    known = [fault for _, _, fault in TOLD if not fault.startswith("new")]

    def keep_asking(seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for name in known:
                ask(process.address, name)
            time.sleep(0.1)  # clients that come back
    keep_asking(1.0)
    faults = {"one": lambda: endpoints.set(west[:1], silent=True), "both": lambda: endpoints.set(west, silent=True),
              "again": lambda: endpoints.set(west, silent=False, generation=1)}
    text = ""
    for fault, begin in faults.items():
        begin()
        keep_asking(5.0 if fault == "both" else 2.0)
        for of, what, name in TOLD:
            if of == fault:
                text += "%s:\n\n```\n%s```\n\n" % (what.capitalize(), dig(process.address, name))
    endpoints.set(west, generation=0)
    test.stop(process)
    return text


def ask(address, name):
    with harness.socket.socket(harness.socket.AF_INET, harness.socket.SOCK_DGRAM) as client:
        client.connect(address)
        client.settimeout(2.0)
        client.send(wire.query(name))
        try:
            return client.recv(65535)
        except TimeoutError:
            return None


def dig(address, name):
    """The command and what matters of its output: head, extended errors, answer, and how long it took."""
    command = [harness.need("dig", "bind9-dnsutils"), "@" + address[0], "-p", str(address[1]), name, "+nocookie", "+tries=1", "+time=5"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    kept = [line for line in done.stdout.splitlines() if re.match(r";; ->>HEADER|; EDE|;; Query time|[^;\s]", line)]
    return "$ dig @%s %s\n%s\n" % (address[0], name, "\n".join(kept))


def write(path, text):
    path = pathlib.Path(path)
    whole = path.read_text()
    before, _, rest = whole.partition(BEGIN)
    _, _, after = rest.partition(END)
    path.write_text("%s%s\n%s%s%s" % (before, BEGIN, text.rstrip() + "\n", END, after))


def run(test):
    parser = argparse.ArgumentParser()
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--servers", type=lambda text: text.split(","), default=list(fault_servers.all_of(test.peerzone)))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=fault_scenario.LONG.both)
    parser.add_argument("--write")
    options = parser.parse_args(test.arguments)
    scene = Scene(test)
    try:
        (check if options.check else compare)(test, scene, options)
    finally:
        scene.endpoints.close()


if __name__ == "__main__":
    harness.main("faults", run)
