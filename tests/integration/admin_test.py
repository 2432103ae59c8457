#!/usr/bin/env python3
"""Admin HTTP of the program as a process, and the commands that use it.

Usage: admin_test.py PEERZONE [unittest options]
"""

import http.client
import json
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

from process_support import PATIENCE, FakePeer, Instance, Reply, ask, free_port, question

PROGRAM = pathlib.Path()


class AdminTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="peerzone-admin-"))
        self.addCleanup(shutil.rmtree, self.folder, True)
        self.config = self.folder / "peerzone.yaml"
        self.port = free_port()
        self.admin = free_port()
        self.peer = FakePeer("10.2.0.1")
        self.count = 0

    def write(self, more="", admin=None, port=None):
        admin = f"127.0.0.1:{self.admin}" if admin is None else admin
        listen = f'dns: ["127.0.0.1:{port or self.port}"]' + (f', admin: "{admin}"' if admin else "")
        self.config.write_text(
            f"cluster: {{name: eastus}}\nworkers: 2\nlisten: {{{listen}}}\n"
            f"peers: {{west: {{zones: [west.test], endpoints: ['127.0.0.1:{self.peer.port}'], transport: udp}}}}\n" + more)

    def start(self):
        self.count += 1
        instance = Instance(PROGRAM, self.config, self.folder / f"log{self.count}")
        self.addCleanup(instance.end)
        return instance

    def started(self, more=""):
        self.write(more)
        server = self.start()
        ask(self.port, "x.invalid")
        return server

    def http(self, path, method="GET", **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.admin, timeout=PATIENCE)
        try:
            connection.request(method, path, headers=headers)
            reply = connection.getresponse()
            return reply.status, reply.read().decode()
        finally:
            connection.close()

    def run_cli(self, *words, status=0):
        done = subprocess.run([str(PROGRAM), *words], capture_output=True, text=True, timeout=PATIENCE)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        self.assertNotIn("Sanitizer", done.stderr)
        return done.stdout if status == 0 else done.stderr

    def cli(self, *words, status=0):
        return self.run_cli(*words, "--server", f"127.0.0.1:{self.admin}", status=status)

    def edns_reply(self, name):
        """The raw reply to a client that takes extended errors."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(PATIENCE)
            client.connect(("127.0.0.1", self.port))
            asked = bytearray(question(name))
            asked[11] = 1  # one additional record: OPT, 1232 octets
            client.send(bytes(asked) + b"\0\0\x29\x04\xd0\0\0\0\0\0\0")
            return client.recv(4096)

    def metric(self, line):
        for each in self.http("/metrics")[1].splitlines():
            if each.startswith(line + " "):
                return float(each.rsplit(" ", 1)[1])
        raise AssertionError(f"no {line} in:\n" + self.http("/metrics")[1])

    def end(self, server):
        server.signal(signal.SIGTERM)
        self.assertEqual(server.wait(), 0, server.log())
        self.assertNotIn("Sanitizer", server.log())

    def test_status_follows_what_happens(self):
        server = self.started()
        self.assertEqual(ask(self.port, "a.west.test").addresses, ["10.2.0.1"])
        ask(self.port, "a.west.test")
        self.assertEqual(self.http("/healthz"), (200, "ok\n"))
        self.assertEqual(self.http("/readyz"), (200, "ready\n"))
        status = json.loads(self.http("/status")[1])
        self.assertEqual(status["cluster"], "eastus")
        self.assertEqual(status["config"]["file"], str(self.config))
        self.assertTrue(status["config"]["ok"])
        (peer,) = status["peers"]
        self.assertEqual((peer["name"], peer["zones"]), ("west", ["west.test"]))
        (endpoint,) = peer["endpoints"]
        self.assertEqual(endpoint["address"], f"127.0.0.1:{self.peer.port}")
        self.assertEqual(endpoint["state"], "healthy")
        self.assertEqual(endpoint["transport"], "udp")
        self.assertGreater(endpoint["rtt_ms"], 0)
        self.assertGreaterEqual(status["cache"]["hits"], 1)
        self.assertEqual(status["cache"]["misses"], 1)
        self.assertIn(f"127.0.0.1:{self.peer.port}", self.cli("status"))
        self.assertEqual(json.loads(self.cli("status", "--json"))["node"], status["node"])
        self.assertIn("west", self.run_cli("status", "--config", str(self.config)))
        self.end(server)
        self.assertIn("no answer from", self.cli("status", status=1))

    def test_metrics_count_what_clients_saw(self):
        server = self.started()
        before = self.metric('peerzone_dns_responses_total{rcode="NXDOMAIN"}')
        ask(self.port, "a.west.test")
        ask(self.port, "a.west.test")
        ask(self.port, "nothing.invalid")
        self.assertEqual(self.metric('peerzone_dns_responses_total{rcode="NXDOMAIN"}'), before + 1)
        self.assertGreaterEqual(self.metric('peerzone_dns_requests_by_type_total{type="A"}'), 3)
        self.assertEqual(self.metric("peerzone_cache_misses_total"), 1)
        self.assertEqual(self.metric('peerzone_cache_hits_total{type="answer"}'), 1)
        self.assertEqual(self.metric('peerzone_dns_request_duration_seconds_count{answered="waited"}'), 1)
        self.assertGreaterEqual(self.metric('peerzone_dns_request_duration_seconds_count{answered="at_once"}'), 3)
        self.assertEqual(self.metric('peerzone_peer_up{peer="west",kind="peer"}'), 1)
        self.assertEqual(self.metric("peerzone_config_ok"), 1)
        if shutil.which("promtool") is None:
            print("SKIPPED: promtool on a running server: not here (Debian package prometheus)")
        else:
            said = subprocess.run(["promtool", "check", "metrics"], input=self.http("/metrics")[1],
                                  capture_output=True, text=True, timeout=PATIENCE)
            self.assertEqual((said.returncode, said.stdout, said.stderr), (0, "", ""))
        self.end(server)

    def test_flush_asks_the_peer_again(self):
        server = self.started()
        for words in (["a.west.test"], ["--zone", "west.test"], ["--peer", "west"]):
            self.assertEqual(ask(self.port, "A.west.test").addresses, [self.peer.address])
            self.peer.address = "10.2.0.%d" % (int(self.peer.address.rsplit(".", 1)[1]) + 1)
            self.assertNotEqual(ask(self.port, "a.west.test").addresses, [self.peer.address])
            self.assertIn("flushed 1 entry", self.cli("flush", *words))
            self.assertEqual(ask(self.port, "a.west.test").addresses, [self.peer.address])
        self.assertIn("flushed 0 entries", self.cli("flush", "never.asked.test"))
        self.assertIn("known are west", self.cli("flush", "--peer", "nobody", status=1))
        self.end(server)

    def test_hold_and_release_survive_a_reload(self):
        server = self.started()
        self.assertEqual(ask(self.port, "a.west.test").addresses, ["10.2.0.1"])
        self.assertIn("west is held", self.cli("hold", "west"))
        self.assertEqual(ask(self.port, "a.west.test").addresses, ["10.2.0.1"])
        self.assertEqual(ask(self.port, "new.west.test").rcode, 2)
        self.assertIn(b"held by operator", self.edns_reply("newer.west.test"))
        self.assertGreaterEqual(self.metric('peerzone_peer_failed_at_once_total{peer="west",kind="peer"}'), 1)
        self.assertTrue(json.loads(self.http("/status")[1])["peers"][0]["held"])
        self.assertEqual(self.metric('peerzone_peer_up{peer="west",kind="peer"}'), 0)
        self.write("log: {level: debug}\n")
        server.signal(signal.SIGHUP)
        server.wait_for_log("configuration reloaded")
        self.assertIn("held", self.cli("status"))
        self.assertIn("west is released", self.cli("release", "west"))
        self.assertFalse(json.loads(self.http("/status")[1])["peers"][0]["held"])
        self.assertIn("there is no peer 'nobody'", self.cli("hold", "nobody", status=1))
        self.assertEqual(self.http("/hold?peer=west")[0], 405)
        self.assertEqual(self.http("/hold?peer=west", "POST", Origin="http://evil.test")[0], 403)
        self.assertEqual(ask(self.port, "b.west.test").addresses, ["10.2.0.1"])
        self.end(server)

    def test_a_refused_reload_shows(self):
        server = self.started()
        self.write("nonsense: 1\n")
        server.signal(signal.SIGHUP)
        server.wait_for_log("still serving the old configuration")
        self.assertEqual(self.metric("peerzone_config_ok"), 0)
        self.assertIn("nonsense", json.loads(self.http("/status")[1])["config"]["problem"])
        self.assertIn("LAST RELOAD REFUSED", self.cli("status"))
        self.write()
        server.signal(signal.SIGHUP)
        server.wait_for_log("configuration reloaded")
        self.assertEqual(self.metric("peerzone_config_ok"), 1)
        self.end(server)

    def test_not_ready_while_draining(self):
        server = self.started()
        self.peer.holding = True
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(PATIENCE)
            client.connect(("127.0.0.1", self.port))
            client.send(question("slow.west.test"))
            self.assertTrue(self.peer.asked.acquire(timeout=PATIENCE))
            server.signal(signal.SIGTERM)
            server.wait_for_log("stopping")
            self.assertEqual(self.http("/readyz"), (503, "not ready: draining\n"))
            self.assertEqual(self.http("/healthz")[0], 200)
            self.peer.release()
            self.assertEqual(Reply(client.recv(4096)).addresses, ["10.2.0.1"])
        self.assertEqual(server.wait(), 0, server.log())

    def test_ready_without_its_peer(self):
        self.peer.holding = True
        server = self.started()
        self.assertEqual(self.http("/readyz")[0], 200)
        self.end(server)

    def test_a_taken_address_that_was_written_ends_the_start(self):
        with socket.socket() as other:
            other.bind(("127.0.0.1", self.admin))
            other.listen()
            self.write()
            server = self.start()
            self.assertEqual(server.wait(), 3)
            self.assertIn(f"listen.admin: listen on tcp 127.0.0.1:{self.admin}: Address already in use", server.log())

    def test_a_taken_default_address_is_a_warning(self):
        end = time.monotonic() + PATIENCE
        taken = False
        while not taken and time.monotonic() < end:
            with socket.socket() as other:
                other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    other.bind(("127.0.0.1", 9153))
                    other.listen()
                except OSError:
                    pass  # another test's server has it, perhaps until ours comes, perhaps not
                self.write(admin="")
                server = self.start()
                ask(self.port, "x.invalid")
                self.end(server)
                taken = "no metrics and no status over HTTP" in server.log()
        self.assertTrue(taken)

    def test_off_is_off(self):
        self.write(admin="off")
        server = self.start()
        ask(self.port, "x.invalid")
        self.assertNotIn("admin listening", server.log())
        self.assertNotIn("over HTTP", server.log())
        self.assertIn("listen.admin is off", self.run_cli("status", "--config", str(self.config), status=1))
        self.end(server)

    def test_the_query_log_says_who_answered_and_follows_a_reload(self):
        server = self.started("log: {queries: all}\n")
        ask(self.port, "a.west.test")
        ask(self.port, "a.west.test")
        line = r"info query client=127\.0\.0\.1 view=default proto=udp name=a\.west\.test\.? type=A rcode=NOERROR size=\d+ "
        server.wait_for_log("from=cache")
        self.assertRegex(server.log(), line + r'duration=\d+\.\dms from=upstream by="peer=west"\n')
        self.assertRegex(server.log(), line + r'duration=0\.0ms from=cache by="peer=west"\n')
        self.write("log: {queries: errors}\n")
        server.signal(signal.SIGHUP)
        server.wait_for_log("configuration reloaded")
        ask(self.port, "b.west.test")
        ask(self.port, "nobody.example.com")
        server.wait_for_log("name=nobody.example.com")
        self.assertNotIn("b.west.test", server.log())
        self.assertIn("rcode=REFUSED", server.log())
        self.end(server)
        self.assertIn("stopped", server.log().splitlines()[-1])

    def test_hostile_clients_do_not_disturb_dns(self):
        server = self.started()
        attackers = []
        try:
            for i in range(800):
                attacker = socket.socket()
                attackers.append(attacker)
                attacker.connect(("127.0.0.1", self.admin))
                attacker.sendall([b"", b"GET /metrics HTTP/1.1\r\nX: ", b"\x00\xff\r\n\r\n", b"A" * 20000][i % 4])
            begin = time.monotonic()
            for i in range(50):
                self.assertEqual(ask(self.port, f"n{i}.west.test").addresses, ["10.2.0.1"])
            self.assertLess(time.monotonic() - begin, PATIENCE)
            self.assertEqual(self.http("/readyz")[0], 200)
            self.assertGreaterEqual(self.metric('peerzone_admin_refused_total{reason="limit"}'), 1)
        finally:
            for attacker in attackers:
                attacker.close()
        self.end(server)


if __name__ == "__main__":
    PROGRAM = pathlib.Path(sys.argv.pop(1)).resolve()
    unittest.main(verbosity=2)
