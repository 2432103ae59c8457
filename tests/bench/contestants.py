"""The servers that are measured: where they are, which version they are, and how each is started with its file in servers/.

A file there is a template: $name is filled in, and a line `#when TAG: rest` (in Lua `--when`, in named.conf `//when`) counts only when
the workload has that tag (`!TAG`: has it not); the rest may be such a line again."""

import os
import pathlib
import pwd
import re
import string
import subprocess

import harness

HERE = pathlib.Path(__file__).resolve().parent
CONDITION = re.compile(r"^(?:#|--|//)when (!?)(\w+): ?(.*)$")


class Contestant:
    def __init__(self, name, config, tls=True):
        self.name, self.config, self.tls = name, config, tls
        self.tags, self.environment, self.ip = set(), None, None
        self.udp_only = False  # has nothing to show over TCP

    def program(self):
        """Its path, or harness.Skip."""
        raise NotImplementedError

    def version(self):
        raise NotImplementedError

    def command(self, program, config, folder):
        raise NotImplementedError

    def check(self, program, config):
        """Raises harness.Skip when it would not take this configuration."""


def render(template, tags, values):
    lines = []
    for line in template.splitlines():
        counts = True
        while counts and (condition := CONDITION.match(line)):
            counts, line = (condition[2] in tags) != bool(condition[1]), condition[3]
        if counts:
            lines.append(line)
    return string.Template("\n".join(lines) + "\n").substitute(values)


def _said(argv, pattern):
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=20)
    found = re.search(pattern, done.stdout + done.stderr)
    return found[1] if found else "unknown"


class Peerzone(Contestant):
    def __init__(self, path):
        super().__init__("peerzone", "peerzone.yaml")
        self.path = str(path)

    def program(self):
        return self.path

    def version(self):
        return _said([self.path, "--version"], r"([\d.]+)")

    def command(self, program, config, folder):
        return [program, "serve", "--config", config]

    def check(self, program, config):
        checked = subprocess.run([program, "check", config], capture_output=True, text=True, check=False)
        if checked.returncode != 0:
            problem = (checked.stdout + checked.stderr).partition("\n")[0].replace("%s/" % config.parent, "")
            raise harness.Skip("does not take its configuration: " + problem)


class Packaged(Contestant):
    """A server from a Debian package."""

    def __init__(self, name, package, program, config, version, arguments, tls=True, tags=(), ip=None, udp_only=False):
        super().__init__(name, config, tls)
        self._package, self._program, self._version, self._arguments = package, program, version, arguments
        self.tags, self.ip, self.udp_only = set(tags), ip, udp_only

    def program(self):
        return harness.need(self._program, self._package)

    def version(self):
        return _said([self.program(), self._version[0]], self._version[1])

    def command(self, program, config, folder):
        return [program] + [str(config) if a == "CONFIG" else str(folder) if a == "FOLDER" else a for a in self._arguments]


class CoreDns(Contestant):
    def __init__(self):
        super().__init__("coredns", "Corefile")
        self.environment = {"GOMAXPROCS": "1", "GOGC": "400"}

    def program(self):
        return harness.coredns()

    def version(self):
        return _said([self.program(), "-version"], r"CoreDNS-([\d.]+)")

    def command(self, program, config, folder):
        return [program, "-conf", config]


class Floor(Contestant):
    """The echo: no DNS, no configuration."""

    def __init__(self, path, what):
        super().__init__("floor", None, tls=False)
        self.path, self.what, self.udp_only = path, what, True

    def program(self):
        return str(self.path)

    def version(self):
        return self.what

    def command(self, program, config, folder):
        raise NotImplementedError


def floor(tools, work):
    """$PEERZONE_ECHO is a program that takes ADDRESS PORT, $PEERZONE_ECHO_SOURCE its source; else ours, which has the same structure."""
    ready, source = os.environ.get("PEERZONE_ECHO"), os.environ.get("PEERZONE_ECHO_SOURCE")
    if ready:
        return Floor(os.path.abspath(ready), "$PEERZONE_ECHO")
    if source:
        built = work / "echo"
        subprocess.run(["gcc", "-O2", "-o", built, source], check=True)
        return Floor(built, "$PEERZONE_ECHO_SOURCE")
    return Floor(tools / "bench_floor", "floor.cpp")


def all_of(peerzone, tools, work):
    """In the order of the tables."""
    user = ["-C", "CONFIG", "--supervised", "--disable-syslog"]
    dnsdist = ("dnsdist", "dnsdist", "dnsdist.lua", ("--version", r"dnsdist ([\d.]+)"), user)
    return [
        floor(tools, work),
        Peerzone(peerzone),
        Packaged("dnsdist-batch", *dnsdist, tags=["batch"], udp_only=True),
        Packaged("dnsdist", *dnsdist),
        Packaged("unbound", "unbound", "unbound", "unbound.conf", ("-V", r"Version ([\d.]+)"), ["-d", "-p", "-c", "CONFIG"]),
        Packaged("kresd", "knot-resolver", "kresd", "kresd.lua", ("--version", r"version ([\d.]+)"), ["-n", "-c", "CONFIG", "FOLDER"]),
        # BIND listens only on addresses that an interface has been given.
        Packaged("bind", "bind9", "named", "named.conf", ("-v", r"BIND ([\d.]+)"), ["-g", "-n", "1", "-c", "CONFIG"], ip="127.0.0.1"),
        Packaged("dnsmasq", "dnsmasq-base", "dnsmasq", "dnsmasq.conf", ("-v", r"version ([\d.]+)"), ["-C", "CONFIG"], tls=False),
        CoreDns(),
    ]


def configure(test, contestant, tags, backend, certificate):
    """Writes its configuration. Returns (command, address of DNS, address of DNS over TLS)."""
    program = contestant.program()
    address = test.address(contestant.ip)
    if contestant.config is None:
        return [program, address[0], str(address[1])], address, None
    tls_address = test.address(address[0])
    folder = test.folder / ("%s.%d" % (contestant.name, len(test.servers)))
    folder.mkdir(exist_ok=True)
    values = {"address": address[0], "port": address[1], "tls_port": tls_address[1], "backend": backend[0], "backend_port": backend[1],
              "folder": folder, "user": pwd.getpwuid(os.getuid()).pw_name, "certificate": certificate[0], "key": certificate[1]}
    text = render((HERE / "servers" / contestant.config).read_text(), contestant.tags | set(tags), values)
    config = folder / contestant.config
    config.write_text(text)
    contestant.check(program, config)
    return [str(a) for a in contestant.command(program, config, folder)], address, tls_address
