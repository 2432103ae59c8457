"""Runs one workload over its servers and keeps every number of every round."""

import json
import socket
import subprocess
import time

import contestants
import harness
import process
import report
import wire

WARM_TRIES = 8
NEW_IN_ROW = 9  # questions.cpp: new names behind each hot one
HOT_LEARNED, HOT_ASKED = 100_000, 10_000  # questions: to tell the popular names, and to measure


class Entry:
    """A server in a workload, and what was measured."""

    def __init__(self, contestant, name=None, tags=(), options=()):
        self.contestant, self.name = contestant, name or contestant.name
        self.tags, self.options = list(tags), list(options)
        self.rounds, self.skipped, self.server, self.address = [], None, None, None


class Runner:
    def __init__(self, test, tools, setup):
        self.test, self.tools, self.setup = test, tools, setup
        self.fresh = 0  # the next number of a name that was not asked yet
        self.backend = None
        self.certificate = ("none", "none")

    # What stands behind the servers

    def start_backend(self):
        address = self.test.address()
        command = self._pinned(self.setup.load_core, [self.tools / "bench_responder", address[0], str(address[1])])
        self.backend = self.test.start("responder", command, address, "ready.bench")

    def make_certificate(self):
        openssl = harness.need("openssl")
        self.certificate = tuple(str(self.test.folder / name) for name in ("bench.crt", "bench.key"))
        subprocess.run([openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
                        "/CN=bench", "-out", self.certificate[0], "-keyout", self.certificate[1]], check=True, capture_output=True)

    def asked(self, how="bench"):
        """How many questions the responder has answered; how="tcp": over TCP; how="known": for names of a set, not new ones."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(5)
            client.connect(self.backend.address)
            client.send(wire.query("count." + how, edns=None))
            return int.from_bytes(client.recv(512)[-4:], "big")

    def take_names(self, count):
        first, self.fresh = self.fresh, self.fresh + count
        return first

    # One load

    def load(self, workload, address, *options, mode=None, questions=None, echo=False):
        command = self._pinned(self.setup.load_core, [self.tools / "bench_load", mode or workload.mode, address[0], str(address[1]),
                                                      questions or workload.questions, *workload.options, *options])
        if echo:
            command += ["--echo", "1"]
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise harness.Failed("bench_load: " + done.stderr.strip())
        return json.loads(done.stdout)

    @staticmethod
    def _pinned(core, command):
        return [harness.need("taskset", "util-linux"), "-c", str(core), *command]

    # A workload

    def run(self, workload):
        if workload.variants:
            entries = [Entry(c, *v) for c in self.setup.contestants if c.name == "peerzone" for v in workload.variants]
        else:
            entries = [Entry(c) for c in self.setup.contestants]
        for entry in entries:
            try:
                if entry.contestant.udp_only and (not workload.udp or workload.at_once):
                    raise harness.Skip(report.NOT_ITS_WORK)
                if workload.tls and not entry.contestant.tls:
                    raise harness.Skip("no DNS over TLS")
                getattr(self, "_begin_" + workload.kind)(workload, entry)
            except (harness.Skip, harness.Failed) as reason:
                self._end(entry)
                entry.skipped = str(reason).replace("\n", " | ")
                if entry.skipped != report.NOT_ITS_WORK:
                    self.say("%s: %s skipped: %s" % (workload.name, entry.name, entry.skipped))
            if entry.server is not None:
                entry.server.silence()  # until it is its turn: no other server runs on its core, or asks the responder
        running = [entry for entry in entries if entry.skipped is None]
        if not workload.at_once:
            for number in range(self.setup.rounds):
                # Another server is first each time: none always follows the same neighbour.
                turn = number % max(1, len(running))
                for entry in running[turn:] + running[:turn]:
                    self._one_round(workload, entry)
                    self.say("%s round %d/%d %s" % (workload.name, number + 1, self.setup.rounds, self._tell(entry)))
        for entry in entries:
            self._end(entry)
        return entries

    def _one_round(self, workload, entry):
        if entry.server is not None:
            entry.server.resume()
        try:
            entry.rounds.append(getattr(self, "_round_" + workload.kind)(workload, entry))
        except harness.Failed as reason:
            entry.rounds.append(None)
            self.say("%s: %s failed: %s" % (workload.name, entry.name, reason))
        if entry.server is not None:
            entry.server.silence()

    def _tell(self, entry):
        last = entry.rounds[-1] or {}
        return entry.name + "".join("  %s %.2f" % (key, last[key]) for key in
                                    ("cpu_us", "user_us", "p50", "p99", "start_ms", "bytes_per_name", "per_second", "before", "during", "after") if key in last)

    def say(self, text):
        if self.setup.progress:
            print("[%5.0f s] %s" % (time.monotonic() - self.setup.started, text), flush=True)

    def _start(self, workload, entry, *more_tags):
        tags = [*workload.tags, *entry.tags, *more_tags]
        command, address, tls_address = contestants.configure(self.test, entry.contestant, tags, self.backend.address, self.certificate)
        cores = self.setup.server_core if "two" not in tags else "%d,%d" % (self.setup.server_core, self.setup.load_core)
        entry.server = self.test.start(entry.name, self._pinned(cores, command), address, "ready.westus.svc.cluster.local",
                                       self.setup.environment(entry.contestant))
        entry.address = tls_address if workload.tls else address

    @staticmethod
    def _end(entry):
        if entry.server is not None:
            entry.server.stop()
            entry.server = None

    def _warm(self, workload, entry):
        """Until every question of the set was answered rightly in one go; the rounds show what a server has not learned by then."""
        if not workload.warm or entry.name == "floor":
            return
        for _ in range(WARM_TRIES):
            # Connections are not what has to be warm.
            mode = {"pace": "udp", "connect": "stream", "tls_connect": "tls_stream"}.get(workload.mode, workload.mode)
            told = self.load(workload, entry.address, "--in-order", "1", "--rounds", "1", "--sockets", "2", "--window", "16",
                             "--seconds", "30", mode=mode)
            if told["answers"] and told["lost"] + told["wrong"] + told["failed"] + told["cut"] == 0:
                return
        if told["lost"] + told["wrong"] + told["failed"] == 0:
            return  # it closes connections after so many questions; the names are known by now
        raise harness.Failed("does not answer as it should: %s; %s" % (json.dumps(told), entry.server.log(2)))

    # CPU per answer

    def _begin_cpu(self, workload, entry):
        self._start(workload, entry)
        self._warm(workload, entry)

    def _round_cpu(self, workload, entry):
        group = entry.server.process.pid
        options = [*entry.options, "--seconds", str(self.setup.seconds)]
        if not workload.warm:
            options += ["--first", str(self.take_names(int(self.setup.seconds * 2_000_000)))]
        asked, streamed, before = self.asked(), self.asked("tcp"), process.cpu(group)
        told = self.load(workload, entry.address, *options, echo=entry.name == "floor")
        user, system = (after - earlier for after, earlier in zip(process.cpu(group), before))
        told["asked_upstream"], told["asked_over_tcp"] = self.asked() - asked, self.asked("tcp") - streamed
        told["user_s"], told["system_s"] = user, system
        if told["answers"] == 0:
            raise harness.Failed("no answers at all: %s" % entry.server.log(2))
        told["user_us"], told["system_us"] = user * 1e6 / told["answers"], system * 1e6 / told["answers"]
        told["cpu_us"] = told["user_us"] + told["system_us"]
        told["per_second"] = told["answers"] / min(told["seconds"], self.setup.seconds)  # without the wait for the last replies
        return told

    # How hits spread over workers

    _begin_spread = _begin_cpu

    def _round_spread(self, workload, entry):
        before = process.thread_times(entry.server.process.pid)
        told = self._round_cpu(workload, entry)
        used = [ns - before.get(thread, 0) for thread, ns in process.thread_times(entry.server.process.pid).items()]
        told["busiest"] = max(used) / max(1, sum(used))
        return told

    # Latency

    _begin_latency = _begin_cpu

    def _round_latency(self, workload, entry):
        return self.load(workload, entry.address, "--seconds", str(self.setup.seconds), echo=entry.name == "floor")

    # Memory: one server at a time, one fill

    def _begin_memory(self, workload, entry):
        self._start(workload, entry, "small")
        self.load(workload, entry.address, "--count", "100", "--first", str(self.take_names(100)))
        base = process.resident(entry.server.process.pid)
        self._end(entry)
        self._start(workload, entry)
        names, step = self.setup.names, max(1, self.setup.names // 10)
        first = self.take_names(names)
        answers = wrong = 0
        for done in range(0, names, step):
            told = self.load(workload, entry.address, "--window", "16", "--seconds", "120", "--count", str(min(step, names - done)),
                             "--first", str(first + done))
            answers, wrong = answers + told["answers"], wrong + told["wrong"]
            self.say("memory %s %d/%d names" % (entry.name, done + step, names))
        full, asked = process.resident(entry.server.process.pid), self.asked()
        again = self.load(workload, entry.address, "--window", "16", "--seconds", "60", "--count", str(step), "--first", str(first))
        missing = (self.asked() - asked) / max(1, again["answers"])
        entry.rounds.append({"bytes_per_name": (full - base) / max(1, answers), "base": base, "resident": full, "answers": answers,
                             "wrong": wrong, "lost": names - answers, "kept": max(0.0, 1 - missing)})
        self.say("memory " + self._tell(entry))
        self._end(entry)

    # A flood of names that come once

    def _begin_flood(self, workload, entry):
        self._start(workload, entry)
        self._warm(workload, entry)
        told = {"answers": 0, "wrong": 0, "lost": 0}

        def hit_rate(count, questions="zipf"):
            row = 1 + NEW_IN_ROW if questions == "flood" else 1
            asked, known = self.asked(), self.asked("known")
            part = self.load(workload, entry.address, "--window", "16", "--seconds", "180", "--count", str(count), "--first",
                             str(self.take_names(count)), questions=questions)
            for key in ("answers", "wrong", "lost"):
                told[key] += part[key]
            hot, missed = -(-part["sent"] // row), self.asked("known") - known
            new = part["sent"] - hot
            return hot, missed, new, (self.asked() - asked - missed) / max(1, new)

        hit_rates = {}
        hit_rate(HOT_LEARNED)
        flood = self.setup.flood * (NEW_IN_ROW + 1) // NEW_IN_ROW
        for phase, count, questions in (("before", HOT_ASKED, "zipf"), ("during", flood, "flood"), ("after", HOT_ASKED, "zipf")):
            hot, missed, new, per_new = hit_rate(count, questions)
            hit_rates[phase] = 1 - missed / hot
            if phase == "during":
                told.update(per_hit=hot / max(1, hot - missed), new=new, per_new=per_new)
        entry.rounds.append({**told, **hit_rates, "resident": process.resident(entry.server.process.pid)})
        self.say("flood " + self._tell(entry))
        self._end(entry)

    # Start

    def _begin_start(self, workload, entry):
        self._start(workload, entry)  # proves that it works; each round starts it anew
        self._end(entry)

    def _round_start(self, workload, entry):
        command, address, _ = contestants.configure(self.test, entry.contestant, workload.tags, self.backend.address, self.certificate)
        log = str(self.test.folder / (entry.name + ".start.log"))
        environment = self.setup.environment(entry.contestant)
        program = [harness.program(command[0]) or command[0], *command[1:]]
        done = subprocess.run([str(part) for part in self._pinned(self.setup.load_core, [
            self.tools / "bench_load", "start", address[0], address[1], workload.questions, "--first", self.take_names(200_000),
            "--core", self.setup.server_core, "--log", log, "--", *program])], capture_output=True, text=True, check=False, env=environment)
        told = json.loads(done.stdout) if done.returncode == 0 else {"start_ms": -1}
        if told["start_ms"] < 0:
            raise harness.Failed("did not start: " + done.stderr)
        return told
