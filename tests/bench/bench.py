"""peerzone beside other DNS servers. run.sh builds what this needs and calls it; see README.md here.

    bench.py --peerzone PROGRAM --tools FOLDER --out FOLDER [--rounds N] [--seconds S] [--names N] [--flood N] [--servers a,b] [WORKLOAD...]"""

import argparse
import json
import os
import pathlib
import platform
import shutil
import signal
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(1, str(HERE.parent / "interop"))

import contestants  # noqa: E402
import harness  # noqa: E402
import report  # noqa: E402
import runner  # noqa: E402
import workloads  # noqa: E402


class Setup:
    """What the whole run shares."""

    def __init__(self, arguments, tools, work):
        self.rounds, self.seconds, self.names, self.progress = arguments.rounds, arguments.seconds, arguments.names, not arguments.quiet
        self.flood = arguments.flood
        self.started = time.monotonic()
        cores = sorted(os.sched_getaffinity(0))
        self.server_core, self.load_core = cores[0], cores[min(1, len(cores) - 1)]
        chosen = arguments.servers.split(",") if arguments.servers else None
        everyone = contestants.all_of(os.path.abspath(arguments.peerzone), tools, work)
        unknown = set(chosen or []) - {c.name for c in everyone}
        if unknown:
            sys.exit("no such server: %s; there are %s" % (", ".join(sorted(unknown)), ", ".join(c.name for c in everyone)))
        self.contestants = [c for c in everyone if chosen is None or c.name in chosen]

    @staticmethod
    def environment(contestant):
        return dict(os.environ, **contestant.environment) if contestant.environment else None


def about(setup):
    versions = {}
    for contestant in setup.contestants:
        try:
            contestant.program()
            versions[contestant.name] = contestant.version()
        except harness.Skip as reason:
            versions[contestant.name] = "(missing: %s)" % reason
    model = next((line.partition(":")[2].strip() for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
                  if line.startswith("model name")), platform.machine())
    cores = len(os.sched_getaffinity(0))
    caveat = "" if cores > 1 else " **One core: server and load share it.**"
    load = os.getloadavg()[0]
    if load > 1:
        caveat += " The machine was busy when it began (load %.1f): read the ratios only." % load
    caveat += " Memory: {:,} names.".format(setup.names)
    return {"date": time.strftime("%Y-%m-%d"), "machine": "%s, %d cores, Linux %s" % (model, cores, platform.release()),
            "versions": versions, "rounds": setup.rounds, "seconds": setup.seconds, "caveat": caveat}


def as_json(results, facts):
    return {"about": facts, "workloads": {workload.name: {
        "text": workload.text, "kind": workload.kind,
        "servers": {entry.name: {"rounds": entry.rounds, "skipped": entry.skipped, "invalid": report.invalid(entry)} for entry in entries}}
        for workload, entries in results}}


def measure(arguments, test):
    tools, out = pathlib.Path(arguments.tools).resolve(), pathlib.Path(arguments.out)
    out.mkdir(parents=True, exist_ok=True)
    chosen = [w for w in workloads.ALL if not arguments.workloads or w.name in arguments.workloads]
    setup = Setup(arguments, tools, test.folder)
    facts = about(setup)
    bench = runner.Runner(test, tools, setup)
    bench.start_backend()
    results = []
    for workload in chosen:
        if workload.tls and bench.certificate[0] == "none":
            bench.make_certificate()
        results.append((workload, bench.run(workload)))
        # After each workload, so that a run that is stopped leaves what it has.
        (out / "bench.json").write_text(json.dumps(as_json(results, facts), indent=1) + "\n")
        (out / "bench.md").write_text(report.markdown(results, facts))
    if arguments.readme:
        put_into_readme(report.markdown(results, facts))
    return results


def put_into_readme(tables):
    path, begin, end = HERE / "README.md", "<!-- tables -->\n", "<!-- end -->\n"
    before, _, rest = path.read_text().partition(begin)
    path.write_text(before + begin + tables + end + rest.partition(end)[2])


def parse(argv):
    parser = argparse.ArgumentParser(description="peerzone beside other DNS servers")
    parser.add_argument("--peerzone", required=True)
    parser.add_argument("--tools", required=True, help="where bench_load, bench_responder and bench_floor are")
    parser.add_argument("--out", required=True, help="where bench.json and bench.md go")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=10, help="of each round; user time is sampled at 100 Hz")
    parser.add_argument("--names", type=int, default=500_000, help="of the memory workload")
    parser.add_argument("--flood", type=int, default=1_000_000, help="new names of the flood workload")
    parser.add_argument("--servers", help="only these, by comma")
    parser.add_argument("--readme", action="store_true", help="put the tables into README.md here")
    parser.add_argument("--quiet", action="store_true", help="no progress")
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD", help=", ".join(w.name for w in workloads.ALL))
    arguments = parser.parse_args(argv)
    unknown = set(arguments.workloads) - {w.name for w in workloads.ALL}
    if unknown:
        parser.error("no such workload: %s; there are %s" % (", ".join(sorted(unknown)), ", ".join(w.name for w in workloads.ALL)))
    return arguments


def run(argv):
    """Returns the results; its servers are gone when it returns."""
    arguments = parse(argv)
    test = harness.Test("bench", os.path.abspath(arguments.peerzone))
    try:
        return measure(arguments, test)
    finally:
        test.close()
        shutil.rmtree(test.folder, ignore_errors=True)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        run(sys.argv[1:])
    except (harness.Skip, harness.Failed) as why:
        sys.exit("bench: %s" % why)
    except KeyboardInterrupt:
        sys.exit(130)
