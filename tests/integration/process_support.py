"""What a test of the program as a process needs: questions, a scripted peer, and a running server with its log."""

import ctypes
import pathlib
import random
import select
import socket
import struct
import subprocess
import sys
import threading
import time
import unittest

PATIENCE = 20.0
A = 1
NS = 2


def wire_name(name):
    labels = [label.encode() for label in name.rstrip(".").split(".") if label]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def question(name, qtype=A, ident=0x1234):
    return struct.pack("!6H", ident, 0x0100, 1, 0, 0, 0) + wire_name(name) + struct.pack("!2H", qtype, 1)


class Reply:
    """RCODE and the IPv4 addresses of a reply, whose records all have a pointer as owner."""

    def __init__(self, raw):
        self.raw = raw
        _, flags, _, answers, _, _ = struct.unpack("!6H", raw[:12])
        self.rcode = flags & 15
        self.addresses = []
        at = 12
        while raw[at] != 0:
            at += raw[at] + 1
        at += 5
        for _ in range(answers):
            rtype, _, _, size = struct.unpack("!HHIH", raw[at + 2:at + 12])
            if rtype == A and size == 4:
                self.addresses.append(socket.inet_ntoa(raw[at + 12:at + 16]))
            at += 12 + size


def ask(port, name, qtype=A, ip="127.0.0.1", patience=PATIENCE):
    """The reply; asks again each quarter of a second, so a server that is just starting is waited for."""
    end = time.monotonic() + patience
    with socket.socket(socket.AF_INET6 if ":" in ip else socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.connect((ip, port))
        while time.monotonic() < end:
            try:
                client.send(question(name, qtype))
                if select.select([client], [], [], 0.25)[0]:
                    return Reply(client.recv(4096))
            except ConnectionRefusedError:
                time.sleep(0.02)
    raise AssertionError(f"no reply to {name} within {patience} s")


def free_port():
    """Below those that the kernel gives to sockets without one: other tests' clients would have it before the server is up."""
    first = int(pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    for _ in range(100):
        port = random.randrange(10000, first) if first > 12000 else 0
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            try:
                tcp.bind(("127.0.0.1", port))
                udp.bind(tcp.getsockname())
            except OSError:
                continue
            return tcp.getsockname()[1]
    raise AssertionError("no free port")


class FakePeer:
    """Answers every A question with one address, or keeps it until release(). Probes (NS) are always answered and not told."""

    def __init__(self, address):
        self.address = address
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.holding = False
        self.asked = threading.Semaphore(0)
        self.held = []
        self.lock = threading.Lock()
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            message, client = self.socket.recvfrom(4096)
            with self.lock:
                if self.type_of(message) == NS:
                    self.reply(message, client)
                    continue
                if self.holding:
                    self.held.append((message, client))
                else:
                    self.reply(message, client)
            self.asked.release()

    @staticmethod
    def type_of(message):
        end = message.index(b"\0", 12) + 1
        return struct.unpack("!H", message[end:end + 2])[0]

    def reply(self, message, client):
        end = message.index(b"\0", 12) + 5
        is_a = self.type_of(message) == A
        out = message[:2] + struct.pack("!5H", 0x8180, 1, 1 if is_a else 0, 0, 0) + message[12:end]
        if is_a:
            out += struct.pack("!HHHIH", 0xC00C, A, 1, 60, 4) + socket.inet_aton(self.address)
        self.socket.sendto(out, client)

    def release(self):
        with self.lock:
            self.holding = False
            for message, client in self.held:
                self.reply(message, client)
            self.held = []


class Instance:
    """One running server with its log."""

    def __init__(self, program, config, log, **popen):
        self.log_path = log
        with open(log, "ab") as stderr:
            self.process = subprocess.Popen([str(program), "serve", "--config", str(config)],
                                            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=stderr, **popen)

    def log(self):
        return pathlib.Path(self.log_path).read_text(errors="replace")

    def wait_for_log(self, text, times=1):
        end = time.monotonic() + PATIENCE
        while self.log().count(text) < times:
            if time.monotonic() > end:
                raise AssertionError(f"{text!r} not in the log:\n{self.log()}")
            time.sleep(0.01)

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self):
        return self.process.wait(timeout=PATIENCE)

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def run_tests():
    """unittest.main() for ctest: what was left out is not passed over in silence, but makes exit code 77."""
    result = unittest.main(verbosity=2, exit=False).result
    if not result.wasSuccessful():
        sys.exit(1)
    for test, why in result.skipped:
        print(f"SKIPPED: {test.id()}: {why}")
    sys.exit(77 if result.skipped else 0)


def hide_ipv6():
    """From now on socket(AF_INET6, …) of this process says EAFNOSUPPORT (seccomp(2))."""
    code = [(0x20, 0, 0, 0),               # load the system call's number
            (0x15, 0, 3, 41),              # socket?
            (0x20, 0, 0, 16),              # load its first argument
            (0x15, 0, 1, socket.AF_INET6),
            (0x06, 0, 0, 0x00050000 | 97),  # EAFNOSUPPORT
            (0x06, 0, 0, 0x7FFF0000)]      # allow
    program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in code))
    filter_ = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(code), ctypes.addressof(program)))
    libc = ctypes.CDLL(None, use_errno=True)
    no_new_privileges, set_seccomp, mode_filter = 38, 22, 2
    if libc.prctl(no_new_privileges, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")
    if libc.prctl(set_seccomp, mode_filter, ctypes.c_void_p(ctypes.addressof(filter_)), 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "seccomp")
