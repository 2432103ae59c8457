"""The network between the regions: tests/support/wan as a process that is told what to change."""

import subprocess
import sys

import harness


class Wan:
    """Regions are {name: (prefix, namespace)}. Their devices are there, and down, when this has been made."""

    DEVICE = "wan0"

    def __init__(self, program, regions, seed=1):
        argv = [program, "--device", self.DEVICE, "--seed", str(seed)]
        argv += ["%s=%s@%s" % (name, prefix, namespace.name) for name, (prefix, namespace) in regions.items()]
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        start_new_session=True)
        if self.process.stdout.readline() != "ready\n":
            raise harness.Failed("the WAN does not start (exit code %s)" % self.process.wait())

    def tell(self, line):
        """One command; the lines of its reply."""
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        lines = []
        while True:
            reply = self.process.stdout.readline().rstrip("\n")
            if reply == "ok":
                return lines
            if not reply or reply.startswith("error"):
                raise harness.Failed("WAN: %s: %s" % (line, reply or "it has ended"))
            lines.append(reply)

    def link(self, a, b, settings):
        self.tell("link %s %s %s" % (a, b, settings))

    def stats(self):
        """{(from, to): {counter: value}}"""
        found = {}
        for line in self.tell("stats"):
            fields = dict(word.split("=") for word in line.split()[1:])
            if line.startswith("link"):
                found[fields["from"], fields["to"]] = {key: int(value) for key, value in fields.items() if value.isdigit()}
        return found

    def close(self):
        """Its devices go with it. True when it ended as it should."""
        self.process.stdin.close()
        try:
            code = self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        if code != 0:
            print("the WAN ended with code", code, file=sys.stderr)
        return code == 0
