"""The benchmark runs, and its counters add up. Nothing here depends on how fast anything is.

    smoke_test.py PEERZONE FOLDER-OF-THE-TOOLS"""

import json
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(1, str(pathlib.Path(__file__).resolve().parent.parent / "interop"))

import bench  # noqa: E402
import harness  # noqa: E402
import report  # noqa: E402
import workloads  # noqa: E402

NAMES = 3000
FLOOD = 9000  # nowhere near the bound: that it runs, not how well the cache does


def check_round(test, what, workload, entry, counted):
    if workload.kind in ("cpu", "spread", "latency"):
        answered_or_not = counted["answers"] + counted["lost"] + counted["cut"]
        test.check(counted["answers"] > 0, what + ": there are answers")
        test.equal(answered_or_not, counted["sent"], what + ": each question was answered, lost or cut")
        test.equal(sum(counted["rcodes"].values()), counted["answers"], what + ": each answer has an RCODE")
        test.equal(counted["wrong"], 0, what + ": wrong answers")
    if workload.kind == "cpu":
        test.check(counted["user_s"] + counted["system_s"] > 0, what + ": it used CPU")
    if workload.kind == "latency":
        test.check(0 < counted["p50"] <= counted["p99"] <= counted["p999"] <= counted["max"], what + ": percentiles rise")
    if workload.kind == "memory":
        test.equal(counted["answers"], NAMES, what + ": each name was answered")
        test.check(counted["kept"] > 0.99, what + ": they are in the cache")
    if workload.kind == "spread":
        test.check(0 < counted["busiest"] <= 1, what + ": the busiest thread has a part of the work")
    if workload.kind == "flood":
        test.equal((counted["wrong"], counted["new"]), (0, FLOOD), what + ": wrong answers, new names")
        test.check(counted["before"] > 0.99 and counted["during"] > 0.9 and counted["after"] > 0.9, what + ": the hot names stay")
        test.check(counted["per_new"] > 0.99, what + ": the new names were new")
    if workload.kind == "start":
        test.check(counted["start_ms"] > 0, what + ": it started")
    if entry == "peerzone" and workload.kind == "cpu":
        check_upstream(test, what, workload, counted)


def check_upstream(test, what, workload, counted):
    if workload.name in ("miss", "miss_sizes"):
        test.check(counted["asked_upstream"] >= counted["answers"], what + ": each name was asked upstream")
    else:
        test.check(counted["asked_upstream"] <= 0.1 * counted["answers"] + 100, what + ": most come from the cache")
    if workload.name == "search_list":
        wanted = counted["answers"] * 4 // 5
        test.check(abs(counted["rcodes"].get("3", 0) - wanted) <= 5, what + ": four of five names do not exist")


def check_files(test, folder, count):
    told = json.loads((folder / "bench.json").read_text())
    test.equal(len(told["workloads"]), count, "workloads in the JSON")
    text = (folder / "bench.md").read_text()
    for name in told["workloads"]:
        test.check("**%s**" % name in text, "the table has " + name)


def check_judgement(test, tools):
    """A server that answers wrongly cannot win: an echo's replies are all wrong, and wrong answers make a server's numbers void."""
    address = test.address()
    test.start("echo", [tools / "bench_floor", address[0], str(address[1])], address, "ready.invalid")
    told = json.loads(subprocess.run([tools / "bench_load", "udp", address[0], str(address[1]), "hit", "--count", "500"],
                                     capture_output=True, check=True).stdout)
    test.equal((told["answers"], told["wrong"]), (500, 500), "an echo: answers, wrong ones")
    entry = type("E", (), {"skipped": None, "rounds": [{"answers": 1000, "wrong": 2, "lost": 0, "failed": 0}]})
    test.check("wrong" in (report.invalid(entry) or ""), "two wrong answers of 1,000 do not count")
    entry.rounds[0].update(wrong=0, lost=30)
    test.check("lost" in (report.invalid(entry) or ""), "three lost questions of 100 do not count")
    entry.rounds[0].update(lost=0)
    test.equal(report.invalid(entry), None, "a right server counts")


def run(test):
    tools = pathlib.Path(test.arguments[0])
    missing = [name for name in ("bench_load", "bench_responder", "bench_floor") if not (tools / name).exists()]
    if missing:
        raise harness.Skip("not built: %s" % ", ".join(missing))
    harness.need("taskset", "util-linux")
    check_judgement(test, tools)
    with tempfile.TemporaryDirectory(prefix="peerzone-bench-") as folder:
        results = bench.run(["--peerzone", test.peerzone, "--tools", str(tools), "--out", folder, "--rounds", "1", "--seconds", "0.7",
                             "--names", str(NAMES), "--flood", str(FLOOD), "--servers", "floor,peerzone", "--quiet"])
        check_files(test, pathlib.Path(folder), len(workloads.ALL))
    for workload, entries in results:
        for entry in entries:
            what = "%s, %s" % (workload.name, entry.name)
            if entry.skipped:
                no_tls = workload.tls and "listen.tls" in entry.skipped
                test.check(entry.skipped == report.NOT_ITS_WORK or no_tls, "%s: skipped: %s" % (what, entry.skipped))
                continue
            test.check(len(report.rounds_of(entry)) == 1, what + ": one round")
            for counted in report.rounds_of(entry):
                check_round(test, what, workload, entry.name, counted)


if __name__ == "__main__":
    harness.main("bench_smoke", run)
