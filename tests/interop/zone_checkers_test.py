"""What BIND, NSD and Knot say of the records of tests/unit/zone/records.table is what the table says they say. The program itself
is asked, too: with `check`, which names file and line.   zone_checkers_test.py PEERZONE"""

import concurrent.futures
import os
import shutil
import subprocess

import harness

TABLE = harness.SOURCE / "tests/unit/zone/records.table"
HEAD = "$TTL 300\n@ IN SOA ns hostmaster 1 7200 1800 86400 30\n@ IN NS ns\nns IN A 192.0.2.53\n"
# Without "-i local" named-checkzone would look names of other zones up.
CHECKERS = (
    ("named-checkzone", lambda path: ["-i", "local", "example", path]),
    ("nsd-checkzone", lambda path: ["example", path]),
    ("kzonecheck", lambda path: ["-o", "example", path]),
)


def rows():
    for line in TABLE.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            fields = line.split(" | ")
            kind, *signs = fields[0].split()
            yield kind, signs, fields[1].replace(" // ", "\n")


def run(argv):
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
    return done.returncode, done.stdout.decode("utf-8", "replace")


def verdicts(folder, programs, peerzone, number, record):
    """The sign of each checker, then our exit code and words."""
    path = folder / ("%d.zone" % number)
    path.write_text(HEAD + record + "\n", encoding="latin-1")
    config = folder / ("%d.yaml" % number)
    config.write_text("zones:\n  example:\n    file: %s\n" % path.name, encoding="utf-8")
    signs = ["+" if run([program] + argv(str(path)))[0] == 0 else "-" for program, argv in programs]
    return signs, run([peerzone, "check", str(config)]), path


def run_all(test):
    os.environ["PATH"] += ":/usr/sbin:/usr/local/sbin"
    missing = [name for name, _ in CHECKERS if not shutil.which(name)]
    if missing:
        raise harness.Skip("no %s (packages bind9-utils, nsd, knot-dnssecutils)" % ", ".join(missing))
    programs = [(shutil.which(name), argv) for name, argv in CHECKERS]
    table = list(rows())
    test.check(len(table) > 80, "the table has %d records" % len(table))
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda i: verdicts(test.folder, programs, test.peerzone, i, table[i][2]), range(len(table))))
    for (kind, expected, record), (signs, (code, words), path) in zip(table, done):
        test.check(signs == expected, "%r: the others say %s, the table %s" % (record, signs, expected))
        line = 5 + record.count("\n")
        good = code == 0 if kind == "good" else code == 1 and "%s:%d: " % (path, line) in words
        test.check(good, "%r is %s, and check says: %s" % (record, kind, words.strip()))


harness.main("interop_zone_checkers", run_all)
