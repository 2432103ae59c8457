"""Runs a test program while the monotonic clock is young or old: it counts from the boot, so what holds a minute after it, or after a
year, need not hold at the other time.

    at_clock.py SECONDS PROGRAM [ARGUMENT…]      in a time namespace of its own; 77 where the kernel does not allow one"""

import os
import shutil
import subprocess
import sys
import time


def skip(why):
    print("SKIPPED: the clock at %s s: %s" % (sys.argv[1], why))
    sys.exit(77)


def main():
    seconds, program = int(sys.argv[1]), sys.argv[2:]
    unshare = shutil.which("unshare")
    if unshare is None:
        skip("unshare is not installed (Debian package util-linux)")
    for how in (["--time"], ["--user", "--map-root-user", "--time"]):
        def inside(*argv):
            return [unshare, *how, "--monotonic", str(seconds - int(time.monotonic())), *argv]
        tried = subprocess.run(inside(sys.executable, "-c", "import time; print(time.monotonic())"), capture_output=True, text=True,
                               check=False)
        if tried.returncode == 0 and 0 <= float(tried.stdout) - seconds < 60:
            os.execv(unshare, inside(*program))
    skip("no time namespace: %s" % (tried.stderr.strip() or "its clock is at %s s" % tried.stdout.strip()))


if __name__ == "__main__":
    main()
