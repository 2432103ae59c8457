"""What every test here stands on: addresses that no other test uses, server processes that are ours alone, checks that count, skips with a
reason, and the servers' logs when something failed. Standard library only.

A test is `harness.main("name", run)`, where run(test) does its work through the Test it is given:

    test.start(name, argv, address, question)    a server, ready when it has answered
    test.check(condition, text)                   counted; a test without any check fails
    raise harness.Skip("no CoreDNS")              exit code 77 and a line that says why

Exit codes: 0 passed, 1 failed, 77 skipped.
"""

import ctypes
import os
import pathlib
import random
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback

import wire

SKIP_CODE = 77
SOURCE = pathlib.Path(__file__).resolve().parents[2]
READY_SECONDS = 30.0  # generous: builds with sanitizers on a loaded machine


class Skip(Exception):
    """The test cannot run here, and why."""


class Failed(Exception):
    """Nothing further can be checked."""


class Server:
    """A process of ours, in a process group of its own, so that servers which fork are stopped as a whole."""

    def __init__(self, name, argv, address, log_path, env=None):
        self.name, self.argv, self.address, self.log_path = name, argv, address, log_path
        with open(log_path, "wb") as log:
            self.process = subprocess.Popen([str(a) for a in argv], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env=env, start_new_session=True, preexec_fn=_die_with_parent)

    def __str__(self):
        return "%s#%d" % self.address

    def signal(self, number):
        # The group is ours while its leader has not been waited for, whatever became of the leader.
        if self.process.returncode is None:
            os.killpg(self.process.pid, number)

    def silence(self):
        """Alive, its sockets open, but it answers no client. Waits for that: on a busy machine threads run on for a while."""
        self.signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def resume(self):
        self.signal(signal.SIGCONT)

    def log(self, count=15):
        """Its last lines, or from a sanitizer's report on."""
        lines = pathlib.Path(self.log_path).read_text(errors="replace").splitlines()
        report = next((i for i, line in enumerate(lines) if is_report(line)), None)
        return "\n".join(lines[-count:] if report is None else lines[report:report + 60])

    def reported(self):
        return is_report(pathlib.Path(self.log_path).read_text(errors="replace"))

    def counters(self):
        """The sums that a peerzone logs when asked (SIGUSR1)."""
        def lines():
            return [line for line in self.log_path.read_text(errors="replace").splitlines() if " counters " in line]
        before, deadline = len(lines()), time.monotonic() + READY_SECONDS
        os.kill(self.process.pid, signal.SIGUSR1)
        while len(lines()) == before:
            if time.monotonic() > deadline:
                raise Failed("%s logs no counters" % self.name)
            select.select([], [], [], 0.02)  # logs are files: looking again is all one can do
        return {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", lines()[-1])}

    def wait_until_answering(self, question):
        """Asks over UDP until there is a reply, whatever it says."""
        deadline = time.monotonic() + READY_SECONDS
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.connect(self.address)
            while time.monotonic() < deadline:
                if self.process.poll() is not None:
                    raise Failed("%s ended with code %d: %s" % (self.name, self.process.returncode, self.log(3)))
                try:
                    client.send(wire.query(question))
                    if select.select([client], [], [], 0.1)[0] and client.recv(65535):
                        return
                except ConnectionRefusedError:
                    # Not listening yet. There is no event for "this port is bound", so look again soon.
                    select.select([], [], [], 0.02)
        raise Failed("%s does not answer: %s" % (self.name, self.log(3)))

    def stop(self):
        """Ends it. Returns the exit code, or None when it had to be killed."""
        if self.process.returncode is not None:
            return self.process.returncode
        self.resume()
        self.signal(signal.SIGTERM)
        try:
            code = self._wait(10)
        except subprocess.TimeoutExpired:
            self.signal(signal.SIGKILL)
            self.process.wait()
            return None
        return code

    def _wait(self, seconds):
        # Children that it forked may outlive the leader: they go before its number may be used again.
        deadline = time.monotonic() + seconds
        while os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(self.argv, seconds)
            select.select([], [], [], 0.01)
        os.killpg(self.process.pid, signal.SIGKILL)
        return self.process.wait()


def is_report(text):
    return "Sanitizer" in text or "runtime error:" in text


def _die_with_parent():
    """A test that is killed for its time limit must not leave servers behind (prctl PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


class Test:
    def __init__(self, name, peerzone, arguments=()):
        self.name, self.peerzone, self.arguments = name, peerzone, list(arguments)
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="peerzone-%s-" % name))
        self.servers = []
        self.passed = 0
        self.failures = []
        # A loopback network of our own keeps us apart from every other test that runs now.
        self._net = "127.%d.%d." % (random.randint(64, 250), random.randint(0, 255))
        self._host = 0

    # Checks

    def check(self, condition, text):
        if condition:
            self.passed += 1
        else:
            self.failures.append(text)
            print("FAILED:", text, flush=True)
        return bool(condition)

    def equal(self, got, expected, what):
        return self.check(got == expected, "%s\n     got      %s\n     expected %s" % (what, got, expected))

    def say(self, text):
        print("  ", text, flush=True)

    # Servers

    def address(self, ip=None):
        """An address and port free for UDP and TCP."""
        if ip is None:
            self._host += 1
            ip = self._net + str(self._host)
        # Below the ports that the kernel gives to sockets without one, which other tests have by the hundred.
        first = int(pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
        for _ in range(100):
            port = random.randrange(10000, first) if first > 12000 else 0
            with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp, \
                    socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
                try:
                    tcp.bind((ip, port))
                    udp.bind(tcp.getsockname())
                except OSError:
                    continue
                return tcp.getsockname()
        raise Failed("no port is free on " + ip)

    def write(self, name, text):
        path = self.folder / name
        path.write_text(text)
        return path

    def start(self, name, argv, address, question, env=None):
        log_path = self.folder / ("%s.%d.log" % (name, len(self.servers)))
        server = Server(name, argv, address, log_path, env)
        self.servers.append(server)
        if question is not None:
            server.wait_until_answering(question)
        return server

    def start_peerzone(self, name, config, address, question="ready.invalid"):
        path = self.write(name + ".yaml", config)
        checked = subprocess.run([self.peerzone, "check", path], capture_output=True, text=True, check=False)
        if checked.returncode != 0:
            raise Failed("%s: %s%s" % (name, checked.stdout, checked.stderr))
        return self.start(name, [self.peerzone, "serve", "--config", path], address, question)

    def stop(self, server):
        """Stops a server; peerzone must end cleanly, so also without a sanitizer report."""
        code = server.stop()
        if server.argv[0] == self.peerzone:
            self.check(code == 0, "%s: exit code %s when stopped" % (server.name, code))
            self.check(not server.reported(), "%s: a sanitizer reported something" % server.name)

    # The end

    def close(self):
        for server in reversed(self.servers):
            if server.process.returncode is None:
                self.stop(server)

    def report(self):
        if not self.failures and self.passed == 0:
            self.failures.append("nothing was checked")
        if self.failures:
            for server in self.servers:
                print("--- %s at %s, %s" % (server.name, server, " ".join(str(a) for a in server.argv)))
                print(server.log())
            print("%s: %d FAILED, %d passed" % (self.name, len(self.failures), self.passed))
            print("   first:", self.failures[0])
            return 1
        print("%s: %d checks passed" % (self.name, self.passed))
        return 0


def program(name):
    """Where a program is; also where Debian keeps servers, which is not on every user's PATH."""
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin:/usr/local/sbin")


def need(name, package=None):
    found = program(name)
    if found is None:
        raise Skip("%s is not installed (Debian package %s)" % (name, package or name))
    return found


def coredns():
    """CoreDNS is not in Debian: $COREDNS, PATH, or where tests/run.sh builds it."""
    for candidate in (os.environ.get("COREDNS"), program("coredns"), SOURCE / "build" / "tools" / "coredns"):
        if candidate and os.access(candidate, os.X_OK):
            return str(candidate)
    raise Skip("no CoreDNS ($COREDNS, PATH, build/tools/coredns; tests/run.sh builds it when Go is there)")


def main(name, run):
    if len(sys.argv) < 2:
        sys.exit("usage: %s PEERZONE [ARGUMENT...]" % sys.argv[0])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    test = Test(name, os.path.abspath(sys.argv[1]), sys.argv[2:])
    try:
        sys.exit(_run(test, run))
    finally:
        shutil.rmtree(test.folder, ignore_errors=True)


def _run(test, run):
    skipped = None
    try:
        run(test)
    except Skip as skip:
        skipped = skip
    except Failed as failed:
        test.check(False, str(failed))
    except Exception as error:  # a mistake in a test still shows what the servers said
        traceback.print_exc()
        test.check(False, repr(error))
    finally:
        test.close()
    if skipped is None or test.failures:
        return test.report()
    print("SKIPPED: %s: %s" % (test.name, str(skipped).replace("\n", " | ")))
    return SKIP_CODE
