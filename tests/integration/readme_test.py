#!/usr/bin/env python3
"""README.md shows what the program prints: each sample is taken from there, and made again.

Usage: readme_test.py PEERZONE [unittest options]

A sample with a fixed output (`$ peerzone check …`) must be the same. In the others numbers, times, addresses and ports differ from run
to run: they are masked on both sides, and so are the widths of columns. A sample of a new kind fails until this test knows it.
"""

import pathlib
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest

from process_support import A, PATIENCE, Instance, ask, free_port, run_tests

PROGRAM = pathlib.Path()
README = pathlib.Path(__file__).resolve().parents[2] / "README.md"
LOG_LINE = re.compile(r'^(\S+Z )?(debug|info|warning|error) "?[a-z]')
MASKS = (
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "TIME"),
    (r"\[?\b\d{1,3}(\.\d{1,3}){3}\b\]?(:\d+)?", "ADDRESS"),
    (r"(\.example\.com):\d+", r"\1:PORT"),
    (r"\b[0-9a-f]{16}\b", "NODE"),
    (r"\b\d+(\.\d+)? ?(ms|[smhd])\b( \d+[smh]\b)?", "DURATION"),
    (r"\b\d+(\.\d+)? (B|KiB|MiB)\b", "SIZE"),
    (r"\b\d+(\.\d+)?\b", "N"),
    (r"(A|AAAA|A and AAAA): (no reply in time|none) \(asked ADDRESS\)(, \w+: (no reply in time|none) \(asked ADDRESS\))?", "LOOKUPS"),
    (r"/\S+/peerzone\.yaml", "FILE"),
    (r"\beastus/\S+", "ID"),
    (r"\s+", " "),
)


def masked(line):
    for pattern, mask in MASKS:
        line = re.sub(pattern, mask, line)
    return line.strip()


def unwrapped(lines):
    """Lines of an explanation: one that begins with blanks goes on with the one before."""
    whole = []
    for line in lines:
        if whole and line.startswith(" " * 10):
            whole[-1] += " " + line.strip()
        else:
            whole.append(line)
    return whole


def blocks():
    return re.findall(r"^```(\w*)\n(.*?)^```$", README.read_text(), flags=re.M | re.S)


class Region:
    """Two DNS servers of another cluster on UDP and TCP, and the server that knows their names; all can fall silent."""

    def __init__(self):
        self.silent = False
        self.unnamed = False
        self.addresses = ["127.0.0.2", "127.0.0.3"]
        self.port = free_port()
        for ip in self.addresses:
            self.serve(ip, self.port, self.answer)
        self.names = self.serve("127.0.0.1", 0, self.answer_name)

    def serve(self, ip, port, answer):
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.bind((ip, port))
        tcp = socket.create_server(udp.getsockname())

        def datagrams():
            while True:
                message, client = udp.recvfrom(4096)
                if reply := answer(message):
                    udp.sendto(reply, client)

        def streams():
            while True:
                client, _ = tcp.accept()
                threading.Thread(target=stream, args=(client,), daemon=True).start()

        def stream(client):
            with client, client.makefile("rb") as octets:
                while len(head := octets.read(2)) == 2:
                    if reply := answer(octets.read(struct.unpack("!H", head)[0])):
                        client.sendall(struct.pack("!H", len(reply)) + reply)

        for run in (datagrams, streams):
            threading.Thread(target=run, daemon=True).start()
        return udp.getsockname()[1]

    @staticmethod
    def reply(message, addresses, ttl):
        end = message.index(b"\0", 12) + 5
        if struct.unpack("!H", message[end - 4:end - 2])[0] != A:
            addresses = []
        out = message[:2] + struct.pack("!5H", 0x8580, 1, len(addresses), 0, 0) + message[12:end]
        for address in addresses:
            out += struct.pack("!HHHIH", 0xC00C, A, 1, ttl, 4) + socket.inet_aton(address)
        return out

    def answer(self, message):
        return None if self.silent else self.reply(message, ["10.2.7.31"], 1)

    def answer_name(self, message):
        return None if self.unnamed else self.reply(message, self.addresses, 1)


class ReadmeTest(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="peerzone-readme-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, True)
        for language, text in blocks():
            if language == "yaml" and (named := re.match(r"# (\w+\.yaml)", text)):
                (cls.folder / named[1]).write_text(text)

    def run_program(self, *words):
        done = subprocess.run([str(PROGRAM), *words], capture_output=True, text=True, timeout=PATIENCE, cwd=self.folder)
        self.assertNotIn("Sanitizer", done.stderr)
        return done.stderr + done.stdout

    def test_every_sample_is_of_a_kind_that_is_tested(self):
        for language, text in blocks():
            if language in ("sh", "yaml") or "forward . " in text:
                continue
            if text.startswith(("$ peerzone check ", "$ peerzone status\n", "$ peerzone explain ", "$ dig ", ";; ->>HEADER<<-")):
                continue
            for line in text.splitlines():
                self.assertRegex(line, LOG_LINE, f"who makes this sample?\n{text}")

    def test_check_prints_what_the_samples_show(self):
        samples = [text for _, text in blocks() if text.startswith("$ peerzone check ")]
        self.assertGreaterEqual(len(samples), 2)
        for text in samples:
            command, shown = text.split("\n", 1)
            if "resolv.conf" in shown and not pathlib.Path("/etc/resolv.conf").exists():
                self.skipTest("no /etc/resolv.conf here, so there is a warning about that")
            self.assertEqual(self.run_program(*command.split()[2:]), shown)

    def test_explain_prints_what_the_sample_shows(self):
        command, shown = next(text for _, text in blocks() if text.startswith("$ peerzone explain ")).split("\n", 1)
        made = self.run_program(*command.split()[2:])
        self.assertEqual([masked(line) for line in unwrapped(made.splitlines())],
                         [masked(line) for line in unwrapped(shown.splitlines())])

    def test_the_sample_of_a_configuration_is_one(self):
        self.assertIn("peerzone.yaml: ok\n", self.run_program("check", "peerzone.yaml"))

    def dig(self, name):
        done = subprocess.run(["dig", "@127.0.0.1", "-p", str(self.port), "+tries=1", "+time=10", name],
                              capture_output=True, text=True, timeout=PATIENCE, stdin=subprocess.DEVNULL)
        return done.stdout.splitlines()

    def explanation(self, name):
        """By the README's own command, but for the server's address and the name."""
        command = next(text.split("\n", 1)[0] for _, text in blocks() if text.startswith("$ dig +short "))
        command = command[2:].replace("@10.1.0.53", f"@127.0.0.1 -p {self.port}")
        self.assertIn(f"CH TXT {name} ", command)
        done = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=PATIENCE, stdin=subprocess.DEVNULL)
        return done.stdout.splitlines()

    def wait_until(self, is_done):
        end = time.monotonic() + PATIENCE
        while not is_done():
            self.assertLess(time.monotonic(), end, self.server.log())
            time.sleep(0.02)

    def expect_lines(self, sample, lines, what):
        made = {masked(line) for line in lines}
        for line in sample:
            if line.strip() and masked(line) not in made:
                alike = sorted({each for each in made if each.split()[:3] == masked(line).split()[:3]} or made)
                self.fail(f"README.md shows {line!r}, that is {masked(line)!r}; {what} says:\n" + "\n".join(alike[:20]))

    def test_the_story_of_a_lost_peer(self):
        """A region falls silent, and comes back: what dig, status and the log say about it."""
        if shutil.which("dig") is None:
            self.skipTest("dig is not here (bind9-dnsutils)")
        region = Region()
        self.port, admin = free_port(), free_port()
        (self.folder / "live").mkdir()
        config = self.folder / "live" / "peerzone.yaml"
        config.write_text(
            f"cluster: {{name: eastus}}\nlisten: {{dns: ['127.0.0.1:{self.port}'], admin: '127.0.0.1:{admin}'}}\nworkers: 1\n"
            f"bootstrap: ['127.0.0.1:{region.names}']\nlog: {{queries: all}}\n"
            "views: [{name: pods, clients: [127.0.0.0/8]}]\n"
            f"peers: {{westus: {{zones: [westus.svc.cluster.local], "
            f"endpoints: ['dns-lb.westus.example.com:{region.port}'], transport: udp}}}}\n")
        self.server = Instance(PROGRAM, config, self.folder / "log")
        self.addCleanup(self.server.end)
        known, unknown = (f"cockroachdb-{i}.cockroachdb.westus.svc.cluster.local" for i in (0, 9))
        self.wait_until(lambda: ask(self.port, known).addresses == ["10.2.7.31"])
        self.wait_until(lambda: ask(self.port, "db.westus.svc.cluster.local").rcode == 0)
        region.serve("127.0.0.4", region.port, region.answer)
        region.addresses = ["127.0.0.3", "127.0.0.4"]
        self.wait_until(lambda: "added=127.0.0.4" in self.server.log())
        status = ("status", "--server", f"127.0.0.1:{admin}")
        self.wait_until(lambda: self.run_program(*status).count(" ms ") == 2)  # an RTT for each endpoint

        region.silent = region.unnamed = True
        failed = self.dig("cockroachdb-8.cockroachdb.westus.svc.cluster.local")
        self.wait_until(lambda: ask(self.port, unknown).rcode == 2 and "was=suspect" in self.server.log())
        self.server.wait_for_log("endpoints not found")
        table = self.run_program(*status).splitlines()
        stale, lost = self.dig(known), self.dig(unknown)
        self.wait_until(lambda: "in flight" not in "".join(self.explanation(known)))
        explanation = self.explanation(known)
        time.sleep(1.5)  # changes of state within a second are told once
        region.silent = region.unnamed = False
        self.server.wait_for_log("upstream recovering")

        shown = [text.splitlines() for language, text in blocks() if not language]
        self.expect_lines(next(s for s in shown if s[0] == "$ peerzone status")[1:], table, "status")
        digs = [s for s in shown if s[0].startswith("$ dig @")]
        self.assertEqual(len(digs), 2)
        self.expect_lines(digs[0][1:], stale, "dig")
        self.expect_lines(digs[1][1:], lost, "dig")
        self.expect_lines(next(s for s in shown if s[0].startswith(";;")), failed + lost, "dig")
        sample = next(s for s in shown if s[0].startswith("$ dig +short "))
        self.expect_lines(unwrapped(sample[1:]), unwrapped(explanation), "dig CH TXT")
        for sample in shown:
            if LOG_LINE.match(sample[0]):
                # The log's clock may be left out.
                log = self.server.log().splitlines()
                self.expect_lines(sample, log + [line.split(" ", 1)[1] for line in log], "the log")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    PROGRAM = pathlib.Path(sys.argv.pop(1)).resolve()
    run_tests()
