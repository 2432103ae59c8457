#!/usr/bin/env python3
"""The program as a process: signals, reloads, what ends it and with which words.

Usage: process_test.py PEERZONE [unittest options]
"""

import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

from process_support import PATIENCE, FakePeer, Instance, Reply, ask, free_port, hide_ipv6, question

PROGRAM = pathlib.Path()


class ProcessTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="peerzone-process-"))
        self.folder.chmod(0o755)
        self.addCleanup(shutil.rmtree, self.folder, True)
        self.config = self.folder / "peerzone.yaml"
        self.port = free_port()
        self.count = 0

    def write(self, body, listen=None):
        listen = listen or [f"127.0.0.1:{self.port}"]
        text = "listen: {dns: [" + ", ".join(f'"{address}"' for address in listen) + "]}\nworkers: 2\n" + body
        self.config.write_text(text)

    def start(self, program=None, **options):
        self.count += 1
        instance = Instance(program or PROGRAM, self.config, self.folder / f"log{self.count}", **options)
        self.addCleanup(instance.end)
        return instance

    @staticmethod
    def zone(address):
        return f"zones: {{corp.internal: {{records: ['db A {address}']}}}}\n"

    def reload(self, instance, times=1):
        instance.signal(signal.SIGHUP)
        instance.wait_for_log("configuration reloaded", times)

    def expect_end(self, instance, status=0):
        self.assertEqual(instance.wait(), status, instance.log())
        self.assertNotIn("Sanitizer", instance.log())

    # Reload

    def test_sighup_takes_over_a_good_file(self):
        self.write(self.zone("10.0.0.1"))
        server = self.start()
        self.assertEqual(ask(self.port, "db.corp.internal").addresses, ["10.0.0.1"])
        for i in range(2, 5):
            self.write(self.zone(f"10.0.0.{i}"))
            self.reload(server, i - 1)
            self.assertEqual(ask(self.port, "db.corp.internal").addresses, [f"10.0.0.{i}"])
        server.signal(signal.SIGTERM)
        self.expect_end(server)

    def test_sighup_with_a_broken_file_keeps_the_old_one_serving(self):
        self.write(self.zone("10.0.0.1"))
        server = self.start()
        ask(self.port, "db.corp.internal")
        self.write("zones:\n  corp.internal: {records: ['db A 10.0.0.2']}\nnonsense: 1\n")
        server.signal(signal.SIGHUP)
        server.wait_for_log("still serving the old configuration")
        self.assertIn("configuration refused", server.log())
        self.assertIn(f"{self.config}:5:1: nonsense", server.log())
        self.assertNotIn("configuration reloaded", server.log())
        self.assertEqual(ask(self.port, "db.corp.internal").addresses, ["10.0.0.1"])
        self.config.unlink()
        server.signal(signal.SIGHUP)
        server.wait_for_log("still serving the old configuration", 2)
        self.assertEqual(ask(self.port, "db.corp.internal").addresses, ["10.0.0.1"])
        self.write(self.zone("10.0.0.3"))
        self.reload(server)
        self.assertEqual(ask(self.port, "db.corp.internal").addresses, ["10.0.0.3"])

    def test_sighup_reads_zone_files_again(self):
        zone = self.folder / "corp.zone"
        head = "$TTL 60\n@ IN SOA ns host 1 2 3 4 5\n@ IN NS ns\nns IN A 10.0.0.9\n"
        zone.write_text(head + "db IN A 10.0.0.1\n")
        self.write("zones: {corp.internal: {file: corp.zone}}\n")
        server = self.start()
        self.assertEqual(ask(self.port, "db.corp.internal").addresses, ["10.0.0.1"])
        zone.write_text(head + "db IN A 10.0.0.2\n")
        self.reload(server)
        self.assertEqual(ask(self.port, "db.corp.internal").addresses, ["10.0.0.2"])
        zone.write_text(head + "db IN A 10.0.0.\n")
        server.signal(signal.SIGHUP)
        server.wait_for_log("still serving the old configuration")
        self.assertIn("corp.zone:5", server.log())
        self.assertEqual(ask(self.port, "db.corp.internal").addresses, ["10.0.0.2"])

    def test_what_needs_a_restart_is_said(self):
        self.write(self.zone("10.0.0.1"))
        server = self.start()
        ask(self.port, "db.corp.internal")
        self.write(self.zone("10.0.0.2"), [f"127.0.0.1:{free_port()}"])
        self.reload(server)
        self.assertIn("listen.dns changed", server.log())
        self.assertEqual(ask(self.port, "db.corp.internal").addresses, ["10.0.0.2"])

    def test_a_host_name_is_resolved_while_running(self):
        peer = FakePeer("127.0.0.1")  # the name server of its own name, and the peer
        self.write(f"bootstrap: ['127.0.0.1:{peer.port}']\n"
                   f"peers: {{west: {{zones: [west.cluster.local], endpoints: ['dns.example.com:{peer.port}']}}}}\n")
        server = self.start()
        server.wait_for_log("endpoints changed")
        end = time.monotonic() + PATIENCE
        while ask(self.port, "db.west.cluster.local").rcode != 0:
            self.assertLess(time.monotonic(), end)
        self.assertEqual(ask(self.port, "db.west.cluster.local").addresses, ["127.0.0.1"])

    # The end

    def test_sigterm_answers_what_is_in_flight(self):
        peer = FakePeer("10.2.0.1")
        peer.holding = True
        self.write(f"peers: {{west: {{zones: [west.cluster.local], endpoints: ['127.0.0.1:{peer.port}'], transport: udp}}}}\n"
                   + self.zone("10.0.0.1"))
        server = self.start()
        ask(self.port, "db.corp.internal")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(PATIENCE)
            client.connect(("127.0.0.1", self.port))
            client.send(question("db.west.cluster.local"))
            self.assertTrue(peer.asked.acquire(timeout=PATIENCE))
            server.signal(signal.SIGTERM)
            server.wait_for_log("stopping")
            peer.release()
            self.assertEqual(Reply(client.recv(4096)).addresses, ["10.2.0.1"])
        self.expect_end(server)
        self.assertIn("signal=SIGTERM", server.log())
        self.assertIn("stopped", server.log().splitlines()[-1])

    def test_sigterm_does_not_wait_for_the_silent(self):
        peer = FakePeer("10.2.0.1")
        peer.holding = True
        self.write(f"peers: {{west: {{zones: [west.cluster.local], endpoints: ['127.0.0.1:{peer.port}'], deadline: 4500ms}}}}\n")
        server = self.start()
        ask(self.port, "x.invalid")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(PATIENCE)
            client.connect(("127.0.0.1", self.port))
            client.send(question("db.west.cluster.local"))
            self.assertTrue(peer.asked.acquire(timeout=PATIENCE))
            server.signal(signal.SIGTERM)
            self.assertEqual(Reply(client.recv(4096)).rcode, 2)
        self.expect_end(server)

    def test_sigint_ends_it_too(self):
        self.write(self.zone("10.0.0.1"))
        server = self.start()
        ask(self.port, "db.corp.internal")
        server.signal(signal.SIGINT)
        self.expect_end(server)

    def test_sigusr1_logs_the_counters(self):
        self.write(self.zone("10.0.0.1"))
        server = self.start()
        ask(self.port, "db.corp.internal")
        server.signal(signal.SIGUSR1)
        server.wait_for_log("answered_zone=1")
        self.assertEqual(ask(self.port, "db.corp.internal").addresses, ["10.0.0.1"])

    def test_it_goes_on_when_nobody_reads_its_log(self):
        self.write(self.zone("10.0.0.1"))
        reader, writer = os.pipe()
        process = subprocess.Popen([str(PROGRAM), "serve", "--config", str(self.config)], stderr=writer)
        os.close(writer)
        try:
            ask(self.port, "db.corp.internal")
            os.close(reader)
            self.write(self.zone("10.0.0.2"))
            process.send_signal(signal.SIGHUP)
            end = time.monotonic() + PATIENCE
            while ask(self.port, "db.corp.internal").addresses != ["10.0.0.2"]:
                self.assertLess(time.monotonic(), end)
            process.terminate()
            self.assertEqual(process.wait(timeout=PATIENCE), 0)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()

    # The start

    def test_a_port_that_is_taken_ends_it_with_a_reason(self):
        self.write(self.zone("10.0.0.1"))
        for kind, word in ((socket.SOCK_DGRAM, "udp"), (socket.SOCK_STREAM, "tcp")):
            with socket.socket(socket.AF_INET, kind) as taken:
                taken.bind(("127.0.0.1", self.port))
                if kind == socket.SOCK_STREAM:
                    taken.listen()
                server = self.start()
                self.expect_end(server, 3)
                self.assertIn(f"listen on {word} 127.0.0.1:{self.port}: Address already in use", server.log())

    def test_a_second_server_does_not_share_the_port_of_the_first(self):
        self.write(self.zone("10.0.0.1"))
        first = self.start()
        ask(self.port, "db.corp.internal")
        second = self.start()
        self.expect_end(second, 3)
        self.assertIn("Address already in use", second.log())
        self.assertEqual(ask(self.port, "db.corp.internal").addresses, ["10.0.0.1"])
        first.signal(signal.SIGTERM)
        self.expect_end(first)
        third = self.start()
        self.assertEqual(ask(self.port, "db.corp.internal").addresses, ["10.0.0.1"])
        third.signal(signal.SIGTERM)
        self.expect_end(third)

    def test_a_broken_configuration_ends_it_with_every_problem(self):
        self.write("nonsense: 1\nrubbish: 2\n")
        server = self.start()
        self.expect_end(server, 1)
        self.assertIn(f"{self.config}:3:1: nonsense", server.log())
        self.assertIn(f"{self.config}:4:1: rubbish", server.log())
        self.config.unlink()
        self.expect_end(self.start(), 3)

    def test_what_cannot_be_read_or_written_is_no_success(self):
        self.write(self.zone("10.0.0.1"))

        def check(*words, **streams):
            done = subprocess.run([str(PROGRAM), *map(str, words)], stderr=subprocess.PIPE, text=True, timeout=PATIENCE, **streams)
            return done.returncode, done.stderr

        with open("/dev/full", "wb") as full:
            for command in (("check", self.config), ("check", "--json", self.config)):
                self.assertEqual(check(*command, stdout=full), (3, "peerzone: standard output cannot be written\n"))
        folder = os.open(self.folder, os.O_RDONLY)
        self.addCleanup(os.close, folder)
        status, words = check("check", "-", stdin=folder)
        self.assertEqual((status, words.splitlines()[0]), (3, "<stdin>: cannot be read: Is a directory"))
        status, words = check("status", "--config", self.folder / "none.yaml")
        self.assertEqual(status, 3, words)

    def as_nobody(self):
        if os.geteuid() != 0:
            self.skipTest("not root, so there is nobody to become")
        nobody = pwd.getpwnam("nobody")
        program = self.folder / "peerzone"
        shutil.copy(PROGRAM, program)
        program.chmod(0o755)
        return {"program": program, "user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}

    def test_it_runs_as_an_ordinary_user(self):
        self.write(self.zone("10.0.0.1"))
        server = self.start(**self.as_nobody())
        self.assertEqual(ask(self.port, "db.corp.internal").addresses, ["10.0.0.1"])
        self.assertNotEqual(os.stat(f"/proc/{server.process.pid}").st_uid, 0)
        server.signal(signal.SIGTERM)
        self.expect_end(server)

    def test_a_low_port_as_an_ordinary_user_says_what_is_missing(self):
        start = pathlib.Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")
        if start.exists() and int(start.read_text()) <= 53:
            self.skipTest("everybody may use low ports here")
        self.write(self.zone("10.0.0.1"), ["127.0.0.53:53"])
        server = self.start(**self.as_nobody())
        self.expect_end(server, 3)
        self.assertIn("CAP_NET_BIND_SERVICE", server.log())

    def test_a_host_without_ipv6_only_warns(self):
        if os.uname().machine != "x86_64":
            self.skipTest("the filter that hides IPv6 is written for x86_64")
        self.write(self.zone("10.0.0.1"), [f"127.0.0.1:{self.port}", f"[::]:{self.port}"])
        server = self.start(preexec_fn=hide_ipv6)
        self.assertEqual(ask(self.port, "db.corp.internal").addresses, ["10.0.0.1"])
        self.assertIn("this host has no IPv6", server.log())
        server.signal(signal.SIGTERM)
        self.expect_end(server)

    def test_both_families_are_served(self):
        try:
            with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
                probe.bind(("::1", 0))
        except OSError:
            self.skipTest("no ::1 here")
        self.write(self.zone("10.0.0.1"), [f"0.0.0.0:{self.port}", f"[::]:{self.port}"])
        server = self.start()
        self.assertEqual(ask(self.port, "db.corp.internal").addresses, ["10.0.0.1"])
        self.assertEqual(ask(self.port, "db.corp.internal", ip="::1").addresses, ["10.0.0.1"])
        server.signal(signal.SIGTERM)
        self.expect_end(server)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    PROGRAM = pathlib.Path(sys.argv.pop(1)).resolve()
    unittest.main(verbosity=2)
