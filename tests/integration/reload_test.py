#!/usr/bin/env python3
"""A changed configuration is taken over by itself, however its files are replaced.

Usage: reload_test.py PEERZONE [unittest options]
"""

import json
import os
import pathlib
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request

from process_support import PATIENCE, Instance, ask, free_port, run_tests

PROGRAM = pathlib.Path()
RELOADED = "configuration reloaded"
KEPT = "still serving the old configuration"
SAME = "files written, contents the same"
HEAD = "$TTL 60\n@ IN SOA ns host 1 2 3 4 5\n@ IN NS ns\nns IN A 10.0.0.9\n"


class ReloadTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="peerzone-reload-"))
        self.addCleanup(shutil.rmtree, self.folder, True)
        self.config = self.folder / "peerzone.yaml"
        self.port = free_port()
        self.admin = free_port()
        self.server = None

    def text(self, zones):
        return (f"listen: {{dns: ['127.0.0.1:{self.port}'], admin: '127.0.0.1:{self.admin}'}}\nworkers: 1\n"
                f"log: {{level: debug}}\nzones:\n{zones}")

    def record(self, address):
        return self.text(f"  corp.internal: {{records: ['db A {address}']}}\n")

    def start(self, address="10.0.0.1", config=None):
        self.server = Instance(PROGRAM, config or self.config, self.folder / "log")
        self.addCleanup(self.server.end)
        self.server.wait_for_log("following files")
        self.expect(address)

    def expect(self, address):
        """Sooner or later: the log line comes first, a worker a moment later."""
        end = time.monotonic() + PATIENCE
        while (seen := ask(self.port, "db.corp.internal").addresses) != [address]:
            self.assertLess(time.monotonic(), end, f"{seen} instead of {address}:\n{self.server.log()}")
            time.sleep(0.01)

    def reloaded(self, times, address):
        self.server.wait_for_log(RELOADED, times)
        self.expect(address)
        self.assertEqual(self.server.log().count(RELOADED), times)

    def config_ok(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.admin}/metrics", timeout=PATIENCE) as reply:
            return int(next(line for line in reply.read().decode().splitlines() if line.startswith("peerzone_config_ok")).split()[1])

    def tearDown(self):
        if self.server is not None and self.server.process.poll() is None:
            self.server.signal(signal.SIGTERM)
            self.assertEqual(self.server.wait(), 0, self.server.log())
            self.assertNotIn("Sanitizer", self.server.log())

    def swap(self, path, text):
        fresh = path.with_name(path.name + ".fresh")
        fresh.write_text(text)
        fresh.rename(path)

    def publish(self, revision, files, link="..data"):
        """As the kubelet does it: a new folder, and one link that is exchanged."""
        folder = self.folder / "mount" / revision
        folder.mkdir(parents=True)
        for name, text in files.items():
            (folder / name).write_text(text)
        fresh = self.folder / "mount" / "..tmp"
        fresh.symlink_to(revision)
        fresh.rename(self.folder / "mount" / link)

    def test_a_file_that_is_renamed_into_place(self):
        self.config.write_text(self.record("10.0.0.1"))
        self.start()
        for i in range(2, 5):
            self.swap(self.config, self.record(f"10.0.0.{i}"))
            self.reloaded(i - 1, f"10.0.0.{i}")
        self.assertIn(f'why="{self.config} changed"', self.server.log())

    def test_a_file_that_is_written_in_place(self):
        self.config.write_text(self.record("10.0.0.1"))
        self.start()
        self.config.write_text(self.record("10.0.0.2"))  # of the same size
        self.reloaded(1, "10.0.0.2")
        with open(self.config, "a") as file:
            file.write("  more.internal: {records: ['db A 10.0.0.9']}\n")
        self.server.wait_for_log(RELOADED, 2)
        self.assertEqual(ask(self.port, "db.more.internal").addresses, ["10.0.0.9"])

    def test_the_swap_of_a_config_map(self):
        zones = self.text("  corp.internal: {file: corp.zone}\n")
        self.publish("..1", {"peerzone.yaml": zones, "corp.zone": HEAD + "db A 10.0.0.1\n"})
        for name in ("peerzone.yaml", "corp.zone"):
            (self.folder / "mount" / name).symlink_to(f"..data/{name}")
        self.start(config=self.folder / "mount" / "peerzone.yaml")
        self.publish("..2", {"peerzone.yaml": zones, "corp.zone": HEAD + "db A 10.0.0.2\n"})
        shutil.rmtree(self.folder / "mount" / "..1")
        self.reloaded(1, "10.0.0.2")
        self.publish("..3", {"peerzone.yaml": zones, "corp.zone": HEAD + "db A 10.0.0.2\n"})
        self.server.wait_for_log(SAME)
        self.publish("..4", {"peerzone.yaml": self.record("10.0.0.4")})
        self.reloaded(2, "10.0.0.4")

    def test_the_whole_folder_is_a_link_that_is_exchanged(self):
        self.publish("rev1", {"peerzone.yaml": self.record("10.0.0.1")}, "current")
        self.start(config=self.folder / "mount" / "current" / "peerzone.yaml")
        self.publish("rev2", {"peerzone.yaml": self.record("10.0.0.2")}, "current")
        self.reloaded(1, "10.0.0.2")
        (self.folder / "mount" / "rev2" / "peerzone.yaml").write_text(self.record("10.0.0.3"))
        self.reloaded(2, "10.0.0.3")

    def test_zone_files_are_followed_those_named_later_too(self):
        zone = self.folder / "corp.zone"
        zone.write_text(HEAD + "db A 10.0.0.1\n")
        self.config.write_text(self.text("  corp.internal: {file: corp.zone}\n"))
        self.start()
        zone.write_text(HEAD + "db A 10.0.0.2\n")
        self.reloaded(1, "10.0.0.2")
        other = self.folder / "other.zone"
        other.write_text(HEAD + "db A 10.0.1.1\n")
        self.config.write_text(self.text("  corp.internal: {file: other.zone}\n"))
        self.reloaded(2, "10.0.1.1")
        zone.write_text("nonsense that nobody reads any more\n")
        other.write_text(HEAD + "db A 10.0.1.2\n")
        self.reloaded(3, "10.0.1.2")
        self.assertNotIn(KEPT, self.server.log())

    def test_a_broken_file_is_told_once_and_mended(self):
        zone = self.folder / "corp.zone"
        zone.write_text(HEAD + "db A 10.0.0.1\n")
        self.config.write_text(self.text("  corp.internal: {file: corp.zone}\n"))
        self.start()
        self.assertEqual(self.config_ok(), 1)
        zone.write_text(HEAD + "db A 10.0.0.\n")
        self.server.wait_for_log(KEPT)
        self.assertIn(f"{zone}:5: ", self.server.log())
        self.assertEqual(self.config_ok(), 0)
        os.utime(zone)
        self.server.wait_for_log(SAME)
        self.assertEqual(self.server.log().count(KEPT), 1)
        self.expect("10.0.0.1")
        self.config.write_text(self.text("  corp.internal: {file: corp.zone}\nnonsense: 1\n"))
        self.server.wait_for_log(KEPT, 2)
        self.assertIn(f"{self.config}:6:1: nonsense: unknown key", self.server.log())
        self.config.write_text(self.text("  corp.internal: {file: corp.zone}\n"))
        self.server.wait_for_log(KEPT, 3)  # its zone is still broken
        zone.write_text(HEAD + "db A 10.0.0.1\n")  # what is served
        self.reloaded(1, "10.0.0.1")
        self.assertEqual(self.config_ok(), 1)

    def explained(self, name="config.peerzone"):
        done = subprocess.run([str(PROGRAM), "explain", name, "--server", f"127.0.0.1:{self.port}", "--json"],
                              capture_output=True, text=True, timeout=PATIENCE)
        self.assertEqual(done.returncode, 0, done.stderr)
        return {line["key"]: line["text"] for line in json.loads(done.stdout)}

    def test_dig_says_whether_the_configuration_on_disk_is_in_force(self):
        self.config.write_text(self.record("10.0.0.1"))
        self.start()
        first = self.explained()
        self.assertEqual(first["file"], str(self.config))
        self.assertRegex(first["config"], r"^in force as it is on disk, since \S+Z$")
        self.assertRegex(first["loaded"], r"^\S+Z, as number 1 since the start$")
        self.config.write_text(self.record("10.0.0.1") + "nonsense: 1\n")
        self.server.wait_for_log(KEPT)
        refused = self.explained()
        self.assertIn(f"the former one serves: {self.config}:6:1: nonsense: unknown key", refused["config"])
        self.assertEqual(refused["digest"], first["digest"])
        self.assertIn("the former one serves", self.explained("db.corp.internal")["config"])
        self.config.write_text(self.record("10.0.0.2"))
        self.reloaded(1, "10.0.0.2")
        second = self.explained()
        self.assertIn("as number 2", second["loaded"])
        self.assertNotEqual(second["digest"], first["digest"])
        self.config.write_text(self.record("10.0.0.1"))
        self.reloaded(2, "10.0.0.1")
        self.assertEqual(self.explained()["digest"], first["digest"])
        self.config.write_text(self.record("10.0.0.1").replace("workers: 1", "workers: 2"))
        self.server.wait_for_log(RELOADED, 3)
        self.assertIn("workers changed", self.server.log())
        end = time.monotonic() + PATIENCE
        while "but for what takes a restart: workers" not in (seen := self.explained()["config"]):
            self.assertLess(time.monotonic(), end, seen)

    def issue(self, name):
        """tls.crt and tls.key, made anew."""
        command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                   "-subj", f"/CN={name}", "-keyout", self.folder / "fresh.key", "-out", self.folder / "fresh.crt"]
        subprocess.run(command, check=True, capture_output=True, timeout=PATIENCE)
        for suffix in ("key", "crt"):
            (self.folder / f"fresh.{suffix}").rename(self.folder / f"tls.{suffix}")

    def served_name(self, port):
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as tcp, context.wrap_socket(tcp) as tls:
            return next(name for name in ("first", "second") if name.encode() in tls.getpeercert(binary_form=True))

    @unittest.skipIf(shutil.which("openssl") is None, "openssl is not here")
    def test_a_renewed_certificate_is_served_beside_a_broken_zone_file(self):
        zone, port = self.folder / "corp.zone", free_port()
        zone.write_text(HEAD + "db A 10.0.0.1\n")
        self.issue("first")
        self.config.write_text(self.text("  corp.internal: {file: corp.zone}\n").replace("admin:", f"tls: ['127.0.0.1:{port}'], admin:")
                               + "tls: {certificate: tls.crt, key: tls.key}\n")
        self.start()
        self.assertEqual(self.served_name(port), "first")
        zone.write_text(HEAD + "db A 10.0.0.\n")
        self.server.wait_for_log(KEPT)
        self.issue("second")
        end = time.monotonic() + PATIENCE
        while self.served_name(port) != "second":
            self.assertLess(time.monotonic(), end, self.server.log())
            time.sleep(0.05)
        self.assertNotIn(RELOADED, self.server.log())
        self.expect("10.0.0.1")

    def test_deleted_and_back(self):
        self.config.write_text(self.record("10.0.0.1"))
        self.start()
        self.config.unlink()
        self.server.wait_for_log(KEPT)
        self.assertIn(f"{self.config}: cannot be read: No such file or directory", self.server.log())
        self.assertEqual(self.config_ok(), 0)
        self.expect("10.0.0.1")
        self.config.write_text(self.record("10.0.0.1"))
        self.reloaded(1, "10.0.0.1")
        self.assertEqual(self.config_ok(), 1)

    def test_a_file_that_is_empty_or_missing_for_a_moment_is_not_told(self):
        self.config.write_text(self.record("10.0.0.1"))
        self.start()
        for i, leave in ((2, lambda: self.config.write_text("")), (3, self.config.unlink)):
            leave()
            time.sleep(0.5)  # longer than a file must rest to be read
            self.config.write_text(self.record(f"10.0.0.{i}"))
            self.reloaded(i - 1, f"10.0.0.{i}")
        self.assertNotIn("refused", self.server.log())

    def test_a_file_that_is_written_bit_by_bit_is_read_when_it_is_whole(self):
        self.config.write_text(self.record("10.0.0.1"))
        self.start()
        whole = self.record("10.0.0.2") + "".join(f"  z{i}.internal: {{records: ['a A 10.0.1.{i}']}}\n" for i in range(20))
        with open(self.config, "w") as file:  # most of its beginnings are configurations
            for line in whole.splitlines(keepends=True):
                file.write(line)
                file.flush()
                time.sleep(0.03)
        self.reloaded(1, "10.0.0.2")
        self.assertEqual(ask(self.port, "a.z19.internal").addresses, ["10.0.1.19"])
        self.assertNotIn("refused", self.server.log())

    def test_the_same_contents_reload_nothing(self):
        self.config.write_text(self.record("10.0.0.1"))
        self.start()
        os.utime(self.config)
        self.server.wait_for_log(SAME)
        self.swap(self.config, self.record("10.0.0.1"))
        self.server.wait_for_log(SAME, 2)
        self.assertNotIn(RELOADED, self.server.log())
        self.server.signal(signal.SIGHUP)  # does so all the same
        self.reloaded(1, "10.0.0.1")
        self.assertIn("why=SIGHUP", self.server.log())

    def test_reloads_leave_no_descriptors_behind(self):
        zone = self.folder / "corp.zone"
        zone.write_text(HEAD + "db A 10.0.0.1\n")
        self.config.write_text(self.text("  corp.internal: {file: corp.zone}\n"))
        self.start()
        open_files = pathlib.Path(f"/proc/{self.server.process.pid}/fd")
        before = len(list(open_files.iterdir()))
        for i in range(1, 11):
            zone.write_text(HEAD + (f"db A 10.0.0.{i + 1}\n" if i % 2 else "db A 10.0.0\n"))
            self.server.signal(signal.SIGHUP)
            self.server.wait_for_log(RELOADED if i % 2 else KEPT, (i + 1) // 2)
        self.assertLessEqual(len(list(open_files.iterdir())), before + 1)

    def test_a_configuration_from_a_pipe_is_read_once(self):
        reader, writer = os.pipe()
        os.write(writer, self.record("10.0.0.1").encode())
        os.close(writer)
        self.server = Instance(PROGRAM, f"/dev/fd/{reader}", self.folder / "log", pass_fds=(reader,))
        os.close(reader)
        self.addCleanup(self.server.end)
        self.expect("10.0.0.1")
        self.server.signal(signal.SIGHUP)
        self.server.wait_for_log(KEPT)
        self.assertIn("is a stream", self.server.log())
        self.expect("10.0.0.1")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    PROGRAM = pathlib.Path(sys.argv.pop(1)).resolve()
    run_tests()
