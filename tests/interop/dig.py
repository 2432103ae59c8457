"""Asking as people do: `dig`, and what its output says."""

import collections
import re
import subprocess

import harness

Record = collections.namedtuple("Record", "name ttl type data")


class Reply:
    """One reply as dig printed it. status is None when there was none."""

    def __init__(self, text, command=()):
        self.text, self.command = text, command
        # With a retry over TCP dig prints one reply, the second.
        found = re.search(r"status: (\w+),", text)
        self.status = found.group(1) if found else None
        found = re.search(r"^;; flags:([^;]*);", text, re.M)
        self.flags = set(found.group(1).split()) if found else set()
        self.retried_over_tcp = "Truncated, retrying in TCP mode" in text
        self.errors = [(int(code), said) for code, said in re.findall(r"^; EDE: (\d+)[^:\n]*(?:: \((.*)\))?$", text, re.M)]
        found = re.search(r"^; EDNS: version: \d+, flags:([^;]*); udp: (\d+)", text, re.M)
        self.edns_size = int(found.group(2)) if found else None
        self.edns_flags = set(found.group(1).split()) if found else set()
        found = re.search(r"^;(\S+)\s+IN\s+\S+$", text, re.M)
        self.question = found.group(1) if found else None
        self.answer = self._section("ANSWER")
        self.authority = self._section("AUTHORITY")
        self.additional = self._section("ADDITIONAL")

    def _section(self, title):
        found = re.search(r"^;; %s SECTION:\n((?:[^;\n].*\n)*)" % title, self.text, re.M)
        records = []
        for line in found.group(1).splitlines() if found else []:
            owner, ttl, _, rtype, data = line.split(None, 4)
            records.append(Record(owner, int(ttl), rtype, data))
        return records

    def answer_set(self):
        """Owner, type and data of the answer, without order and TTL; letter case counts."""
        return sorted((r.name, r.type, r.data) for r in self.answer)

    def data(self, rtype):
        return sorted(r.data for r in self.answer if r.type == rtype)

    def soa(self):
        return next((r for r in self.authority if r.type == "SOA"), None)

    def __str__(self):
        return "%s %s" % (" ".join(self.command), self.text.strip() or "(nothing)")


def ask(address, qname, qtype="A", *options, seconds=5):
    """One query; `options` as dig takes them ("+tcp"). Never tried twice, so that a lost answer shows."""
    command = [harness.need("dig", "bind9-dnsutils"), "@" + address[0], "-p", str(address[1]), qname, qtype,
               "+nocookie", "+tries=1", "+time=%d" % seconds, *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=4 * seconds, check=False)
    return Reply(done.stdout, command)
