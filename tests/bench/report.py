"""Numbers of rounds → a table that people read. Ratios are taken within a round and then their median: the machine may change between
rounds, not within one."""

import statistics

WRONG_MAX = 0.001  # of the answers: above, the server does something else and does not count
LOST_MAX = 0.02
NOT_ITS_WORK = "not its work"


def spread(values):
    return (min(values), statistics.median(values), max(values))


def rounds_of(entry):
    return [r for r in entry.rounds if r]


def invalid(entry):
    """Why a server's numbers do not count, or None."""
    if entry.skipped or not rounds_of(entry):
        return entry.skipped or "no round succeeded"
    total = {key: sum(r.get(key, 0) for r in rounds_of(entry)) for key in ("answers", "wrong", "lost", "failed")}
    if total["wrong"] > WRONG_MAX * max(1, total["answers"]):
        return "%d of %d answers wrong" % (total["wrong"], total["answers"])
    if total["lost"] > LOST_MAX * max(1, total["answers"] + total["lost"]):
        return "%d of %d questions lost" % (total["lost"], total["answers"] + total["lost"])
    if total["failed"] > WRONG_MAX * max(1, total["answers"]):
        return "%d connections broken" % total["failed"]
    return None


def ratio(mine, other, key):
    """Median over the rounds of mine / other, or None."""
    pairs = [a[key] / b[key] for a, b in zip(mine.rounds, other.rounds) if a and b and b[key] > 0]
    return statistics.median(pairs) if pairs else None


KEYS = {"cpu": "cpu_us", "latency": "p50", "memory": "bytes_per_name", "flood": "per_hit", "spread": "per_second", "start": "start_ms"}
UNITS = {"cpu": "µs CPU per answer", "latency": "µs, p50", "memory": "octets per name", "flood": "hot questions per hit", "start": "ms"}


def number(value, form="%.2f"):
    return "–" if value is None else form % value


def triple(entry, key, form="%.2f"):
    low, middle, high = spread([r[key] for r in rounds_of(entry)])
    return (form + " / **" + form + "** / " + form) % (low, middle, high)


def median(entry, key):
    return statistics.median([r[key] for r in rounds_of(entry)])


def rows(workload, entries):
    """(header, rows) of one workload's table."""
    named = {entry.name: entry for entry in entries}
    floor = named.get("floor") if "floor" in named and rounds_of(named["floor"]) else None
    us = named.get("peerzone") if "peerzone" in named and rounds_of(named["peerzone"]) else None
    key = KEYS[workload.kind]
    header = {"cpu": ["server", "µs per answer: min / **median** / max", "user", "system", "× floor", "peerzone ÷ it", "answers/s",
                      "asked upstream per answer", "lost", "remarks"],
              "latency": ["server", "p50 µs: min / **median** / max", "p99", "p99.9", "× floor p50", "peerzone ÷ it", "sender's lag p99",
                          "lost", "remarks"],
              "memory": ["server", "octets per name", "resident MiB, empty", "resident MiB, full", "peerzone ÷ it", "still cached",
                         "remarks"],
              "flood": ["server", "hit rate before", "during", "after", "peerzone ÷ it", "new names", "asked upstream for each",
                        "resident MiB", "remarks"],
              "spread": ["peerzone", "answers/s: min / **median** / max", "× the first", "µs CPU per answer", "of it the busiest thread", "lost",
                         "remarks"],
              "start": ["server", "ms: min / **median** / max", "peerzone ÷ it", "remarks"]}[workload.kind]
    out = []
    for entry in entries:
        why = invalid(entry)
        if entry.skipped == NOT_ITS_WORK:
            continue
        if not rounds_of(entry):
            out.append([entry.name] + ["–"] * (len(header) - 2) + [why])
            continue
        of_floor = number(ratio(entry, floor, key)) if floor else "–"
        of_us = number(ratio(us, entry, key)) if us and entry is not us and entry is not floor and not why else "–"
        remark = why or ""
        lost = str(sum(r.get("lost", 0) for r in rounds_of(entry)))
        if workload.kind == "cpu":
            if workload.name == "srv" and entry is not floor:
                sampled = max(1, sum(r["sampled"] for r in rounds_of(entry)))
                remark += " %.1f addresses with each answer" % (sum(r["additionals"] for r in rounds_of(entry)) / sampled)
            if workload.name == "tls_resume":
                made = max(1, sum(r["connections"] for r in rounds_of(entry)))
                remark += " %.0f %% resumed" % (100 * sum(r["resumed"] for r in rounds_of(entry)) / made)
            if any(r["cut"] for r in rounds_of(entry)):
                remark += " closes connections: %d questions to be asked again" % sum(r["cut"] for r in rounds_of(entry))
            asked, streamed = (sum(r[key] for r in rounds_of(entry)) for key in ("asked_upstream", "asked_over_tcp"))
            if not workload.warm and streamed:
                remark += " %.0f %% asked over TCP" % (100 * streamed / max(1, asked))
            upstream = asked / sum(r["answers"] for r in rounds_of(entry))
            out.append([entry.name, triple(entry, key), number(median(entry, "user_us")), number(median(entry, "system_us")), of_floor,
                        of_us, "%d" % median(entry, "per_second"), "%.4f" % upstream, lost, remark.strip()])
        elif workload.kind == "latency":
            out.append([entry.name, triple(entry, key, "%.0f"), number(median(entry, "p99"), "%.0f"), number(median(entry, "p999"), "%.0f"),
                        of_floor, of_us, number(median(entry, "lag_p99"), "%.0f"), lost, remark])
        elif workload.kind == "memory":
            last = entry.rounds[-1]
            out.append([entry.name, "%.0f" % last[key], "%.1f" % (last["base"] / 2**20), "%.1f" % (last["resident"] / 2**20), of_us,
                        "%.1f %%" % (100 * last["kept"]), remark])
        elif workload.kind == "flood":
            last = entry.rounds[-1]
            out.append([entry.name, *("%.2f %%" % (100 * last[phase]) for phase in ("before", "during", "after")), of_us,
                        str(last["new"]), "%.3f" % last["per_new"], "%.1f" % (last["resident"] / 2**20), remark])
        elif workload.kind == "spread":
            out.append([entry.name, triple(entry, key, "%.0f"), number(ratio(entry, entries[0], key)), number(median(entry, "cpu_us")),
                        "%.0f %%" % (100 * median(entry, "busiest")), lost, remark])
        else:
            out.append([entry.name, triple(entry, key), of_us, remark])
    return header, out


def summary(results):
    """One line a workload: peerzone, × floor, and the best other server."""
    out = []
    for workload, entries in results:
        if workload.variants:
            continue  # nothing to compare with
        named, key = {entry.name: entry for entry in entries}, KEYS[workload.kind]
        us, floor = named.get("peerzone"), named.get("floor")
        if us is None or invalid(us):
            out.append([workload.name, UNITS[workload.kind], "–", "–", "–", (invalid(us) if us else "not measured")])
            continue
        others = [(ratio(us, entry, key), entry.name) for entry in entries
                  if entry is not us and entry is not floor and not invalid(entry)]
        others = sorted(((r, name) for r, name in others if r is not None), reverse=True)
        of_floor = number(ratio(us, floor, key)) if floor is not None and rounds_of(floor) else "–"
        best, verdict = ("–", "") if not others else (others[0][1] + " × " + number(others[0][0]),
                                                       "ahead" if others[0][0] <= 0.9 else "tie" if others[0][0] < 1.1 else "behind")
        if workload.name == "srv" and sum(r["additionals"] for r in rounds_of(us)) == 0:
            verdict += ", without the addresses"  # less work than that of servers which send them
        out.append([workload.name, UNITS[workload.kind], number(median(us, key)), of_floor, best, verdict])
    return ["workload", "unit", "peerzone", "× floor", "× the best other server", "so peerzone is"], out


def markdown_table(header, body):
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    return "\n".join(lines + ["| " + " | ".join(str(cell).replace("|", "/") for cell in row) + " |" for row in body])


def markdown(results, about):
    parts = ["%s. %s\n" % (about["date"], about["machine"]),
             "Servers: " + ", ".join("%s %s" % pair for pair in about["versions"].items()) + ".\n",
             "%d rounds of %g s.%s\n" % (about["rounds"], about["seconds"], about["caveat"]),
             markdown_table(*summary(results)) + "\n"]
    for workload, entries in results:
        parts.append("**%s**: %s\n\n%s\n" % (workload.name, workload.text, markdown_table(*rows(workload, entries))))
    return "\n".join(parts)
