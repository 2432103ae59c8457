"""Network namespaces of one run of a test, and what lies in the system because of them: /run/netns/NAME, /etc/netns/NAME. All of it
goes at the end of the run. A run that was killed leaves it behind; the next run of any test clears it away: each run holds a lock
that ends with its process.

    with namespaces.Run(test) as run:
        east = run.namespace("east")
        with east.inside():
            socket.socket(...)         sockets and processes made here belong to the namespace, wherever they are used
"""

import contextlib
import ctypes
import fcntl
import os
import pathlib
import shutil
import subprocess

import harness

RUNS = pathlib.Path("/run/peerzone-e2e")
ETC = pathlib.Path("/etc/netns")
CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)


def _ip(*arguments):
    done = subprocess.run([harness.need("ip", "iproute2"), *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise harness.Failed("ip %s: %s" % (" ".join(arguments), done.stderr.strip()))
    return done.stdout


def _enter(fd):
    if LIBC.setns(fd, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


class Namespace:
    def __init__(self, name):
        self.name = name
        _ip("netns", "add", name)
        self.ip("link", "set", "lo", "up")

    def ip(self, *arguments):
        return _ip("-n", self.name, *arguments)

    @contextlib.contextmanager
    def inside(self):
        """The calling thread, and the processes it starts, are in the namespace; their files are the host's."""
        with open("/proc/self/ns/net", "rb") as own, open("/run/netns/" + self.name, "rb") as other:
            _enter(other.fileno())
            try:
                yield
            finally:
                _enter(own.fileno())

    def resolve_through(self, server, search):
        """What /etc/resolv.conf says to programs that command() starts."""
        folder = ETC / self.name
        folder.mkdir(parents=True)
        folder.joinpath("resolv.conf").write_text(
            "nameserver %s\nsearch %s\noptions ndots:5 timeout:2 attempts:2\n" % (server, search))

    def command(self, *argv):
        """`argv` as a program of this namespace, with its resolv.conf."""
        return [harness.need("ip", "iproute2"), "netns", "exec", self.name, *argv]


class Run:
    """Makes namespaces with names of its own, and removes them with everything that still runs in them."""

    def __init__(self, test):
        self.test = test
        self.name = "pz%d" % os.getpid()
        self.lock = None

    def __enter__(self):
        _require()
        with _alone():
            sweep()
            self.lock = open(RUNS / self.name, "w")
            fcntl.flock(self.lock, fcntl.LOCK_EX)
            print(self.test.folder, file=self.lock, flush=True)
        return self

    def namespace(self, name):
        return Namespace("%s-%s" % (self.name, name))

    def __exit__(self, *_):
        self.test.close()
        with _alone():
            _remove(self.name)
            (RUNS / self.name).unlink()
            self.lock.close()
            for folder in (ETC, RUNS):
                with contextlib.suppress(OSError):  # others use it
                    folder.rmdir()


@contextlib.contextmanager
def _alone():
    """No other run comes or goes. RUNS is there as long as a run uses it."""
    while True:
        RUNS.mkdir(exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            held = os.open(RUNS, os.O_RDONLY)
            fcntl.flock(held, fcntl.LOCK_EX)
            if RUNS.exists() and os.path.samestat(os.fstat(held), os.stat(RUNS)):
                break
            os.close(held)
    try:
        yield
    finally:
        os.close(held)


def _require():
    """Skips where namespaces are not allowed."""
    if os.geteuid() != 0:
        raise harness.Skip("only root may make network namespaces")
    if not os.path.exists("/dev/net/tun"):
        raise harness.Skip("no /dev/net/tun")
    probe = "pz%d-probe" % os.getpid()
    try:
        _ip("netns", "add", probe)
        _ip("netns", "exec", probe, "true")  # remounts /sys, which containers may forbid
    except harness.Failed as failed:
        raise harness.Skip("network namespaces are not allowed here: %s" % failed) from failed
    finally:
        subprocess.run(["ip", "netns", "del", probe], capture_output=True, check=False)


def sweep():
    """Clears away what runs left behind whose process is gone."""
    for path in RUNS.iterdir():
        with contextlib.suppress(BlockingIOError), open(path) as held:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            folder = held.read().strip()
            _remove(path.name)
            if os.path.basename(folder).startswith("peerzone-"):
                shutil.rmtree(folder, ignore_errors=True)
            path.unlink()


def _remove(run):
    for name in os.listdir("/run/netns"):
        if not name.startswith(run + "-"):
            continue
        for pid in _ip("netns", "pids", name).split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), 9)
        _ip("netns", "del", name)
    for folder in ETC.glob(run + "-*"):
        shutil.rmtree(folder)
