"""A peer that is asked over TLS. With a maker's server: its answers arrive, the second worker goes on from the first one's session,
and the same server under another name or without its authority is refused. `refusals`: every reason for which a peer is not believed
or does not believe us, each with its extended error, its log line and its counter; then a reload with broken files, and renewed ones.

    tls_upstream_test.py PEERZONE unbound|kresd|coredns|dnsdist|peerzone|refusals"""

import re
import select
import signal
import socket
import ssl
import struct
import sys
import threading
import time

import dig
import harness
import servers
import wire
import zones
from certificates import Authority

ZONE = "westus.svc.cluster.local"
HOST = "dns.westus.example"
PATIENCE = 40.0
WRONG_ZONE, UNKNOWN_ZONE = "wrong.svc.cluster.local", "unknown.svc.cluster.local"


# ---- servers that speak TLS: each returns (its server, its address for TLS)


def unbound(test, certificate, key):
    program, address = harness.need("unbound"), test.address()
    tls = test.address(address[0])
    config = servers.unbound_base(test, address, "interface: %s@%d" % tls, "tls-port: %d" % tls[1],
                                  'tls-service-pem: "%s"' % certificate, 'tls-service-key: "%s"' % key,
                                  'module-config: "iterator"', "do-not-query-localhost: yes", 'local-zone: "local." nodefault')
    config += """auth-zone:
    name: "%s"
    zonefile: "%s"
    for-downstream: yes
    for-upstream: no
""" % (ZONE, test.write("unbound.zone", zones.text(ZONE, 2)))
    argv = [program, "-d", "-p", "-c", test.write("unbound.conf", config)]
    return test.start("unbound", argv, address, "ready." + ZONE), tls


def kresd(test, certificate, key):
    """It answers for others only: behind it stands a peerzone with the zone."""
    program = harness.need("kresd", "knot-resolver")
    behind = servers.peerzone(test, "behind", {ZONE: zones.text(ZONE, 2)})
    address = test.address()
    tls = test.address(address[0])
    folder = test.folder / "kresd"
    folder.mkdir(mode=0o700)
    config = """
net.listen('%s', %d, {kind = 'dns'})
net.listen('%s', %d, {kind = 'tls'})
net.tls('%s', '%s')
net.ipv6 = false
cache.open(4*MB, 'lmdb://%s')
trust_anchors.remove('.')
modules.unload('ta_update')
modules.unload('priming')
policy.add(policy.suffix(policy.STUB({'%s@%d'}), {todname('%s')}))
""" % (*address, *tls, certificate, key, folder, *behind.address, ZONE)
    argv = [program, "-n", "-c", test.write("kresd.conf", config), folder]
    return test.start("kresd", argv, address, "ready." + ZONE), tls


def coredns(test, certificate, key):
    address = test.address()
    tls = test.address(address[0])
    path = test.write("coredns.zone", zones.text(ZONE, 2))
    blocks = "".join("%s%s:%d {\n    bind %s\n    %s\n    file %s\n    errors\n}\n" % (scheme, ZONE, port, address[0], extra, path)
                     for scheme, port, extra in (("", address[1], ""), ("tls://", tls[1], "tls %s %s" % (certificate, key))))
    return servers.coredns_with(test, "coredns", blocks, address, "ready." + ZONE), tls


def dnsdist(test, certificate, key):
    program = harness.need("dnsdist")
    behind = servers.peerzone(test, "behind", {ZONE: zones.text(ZONE, 2)})
    address = test.address()
    tls = test.address(address[0])
    config = """setLocal("%s:%d")
if addTLSLocal == nil then error("no DNS over TLS") end
addTLSLocal("%s:%d", "%s", "%s")
setACL({"127.0.0.0/8"})
setSecurityPollSuffix("")
newServer({address="%s:%d", healthCheckMode="up"})
""" % (*address, *tls, certificate, key, *behind.address)
    argv = [program, "--supervised", "--disable-syslog", "-C", test.write("dnsdist.conf", config)]
    return test.start("dnsdist", argv, address, "ready." + ZONE), tls


def peerzone(test, certificate, key):
    address = test.address()
    tls = test.address(address[0])
    config = 'workers: 1\nlisten: {dns: ["%s:%d"], tls: ["%s:%d"]}\ntls: {certificate: %s, key: %s}\nzones:\n%s' % (
        *address, *tls, certificate, key, zones.own_zone(ZONE, 2))
    return test.start_peerzone("other", config, address, "ready." + ZONE), tls


MAKERS = {"unbound": unbound, "kresd": kresd, "coredns": coredns, "dnsdist": dnsdist, "peerzone": peerzone}


class TlsResponder:
    """A peer in the test's own hands: answers 192.0.2.1 over TLS, one thread per connection."""

    def __init__(self, address, certificate, key, client_ca=None, version=None):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate, key)
        self.context.set_alpn_protocols(["dot"])
        if version:
            self.context.minimum_version = self.context.maximum_version = version
        if client_ca:
            self.context.verify_mode = ssl.CERT_REQUIRED
            self.context.load_verify_locations(client_ca)
        self.clients = []  # subject of each client's certificate that was shown
        self.questions = 0
        self.listener = socket.create_server(address)
        self.address = address
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        try:
            with self.context.wrap_socket(client, server_side=True) as stream:
                shown = stream.getpeercert()
                if shown:
                    self.clients.append(dict(pair[0] for pair in shown["subject"])["commonName"])
                with stream.makefile("rb") as reader:
                    while len(head := reader.read(2)) == 2:
                        question = reader.read(struct.unpack(">H", head)[0])
                        self.questions += 1
                        message = wire.reply(question, "192.0.2.1")
                        stream.sendall(struct.pack(">H", len(message)) + message)
        except OSError:  # ssl.SSLError is one
            client.close()


# ---- what the program says


def wait_for(server, pattern):
    """The first line of its log that matches, or None. There is no event for "a file has grown"."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        found = re.search(pattern, server.log_path.read_text(errors="replace"))
        if found:
            return found.group(0)
        select.select([], [], [], 0.05)
    return None


def peer(name, zone, address, **tls):
    options = ", ".join("%s: %s" % pair for pair in tls.items())
    return '  %s: {zones: [%s], endpoints: ["%s:%d"], transport: tls, deadline: 4500ms, tls: {%s}}\n' % (
        name, zone, *address, options)


def start(test, peers):
    address = test.address()
    return test.start_peerzone("peerzone", 'workers: 2\nlisten: {dns: ["%s:%d"]}\npeers:\n%s' % (*address, peers), address)


def check_refused(test, server, zone, endpoint, why, name="x"):
    """SERVFAIL with EDE 23 and the reason; the same in the log."""
    reply = dig.ask(server.address, "%s.%s" % (name, zone), "A", seconds=10)
    label = "peer=" + zone.split(".")[0]
    test.equal(reply.status, "SERVFAIL", "%s: status" % zone)
    said = "; ".join("%d %s" % error for error in reply.errors)
    wanted = r"23 %s %s:%d tls: %s$" % (label, re.escape(endpoint[0]), endpoint[1], why)
    test.check(re.search(wanted, said), "%s: extended error %r, expected %s" % (zone, said, wanted))
    line = wait_for(server, r'warning "?upstream tls failed"? upstream="%s" .*' % label)
    test.check(line and re.search(why, line), "%s: log line %r" % (zone, line))


# ---- a maker's server


def run_maker(test, make):
    authority, other = Authority(test, "authority"), Authority(test, "stranger")
    try:
        server, tls = make(test, *authority.issue("DNS:" + HOST))
    except harness.Failed as failed:  # another maker's server: a reason to skip, not a failure of ours
        if make is peerzone:
            raise
        raise harness.Skip(str(failed)) from failed
    pz = start(test, peer("westus", ZONE, tls, server_name=HOST, ca=authority.certificate) +
               peer("wrong", WRONG_ZONE, tls, server_name="dns.eastus.example", ca=authority.certificate) +
               peer("unknown", UNKNOWN_ZONE, tls, server_name=HOST, ca=other.certificate))
    for label, qtype in zones.CASES:
        name = "%s.%s" % (label, ZONE)
        options = ["+tcp"] if label == "pods" else []
        got = dig.ask(pz.address, name, qtype, *options, seconds=10)
        wanted = dig.ask(server.address, name, qtype, *options)
        test.equal((got.status, got.answer_set()), (wanted.status, wanted.answer_set()), "%s %s" % (name, qtype))
    # Each question comes from another port, so both workers get some; their later one resumes.
    for i in range(30):
        test.equal(dig.ask(pz.address, "new-%d.%s" % (i, ZONE), "A", seconds=10).status, "NXDOMAIN", "a name that is new")
    sums = pz.counters()
    test.equal(sums.get("upstream_tls_handshakes", 0) >= 2, True, "a connection per worker: %s" % sums)
    test.check(sums.get("upstream_tls_resumed", 0) >= 1, "the second went on from the first one's session: %s" % sums)
    test.check(sums.get("upstream_tls_handshakes", 0) <= 10, "connections are kept: %s" % sums)
    test.check("upstream_udp_sent" not in sums and "upstream_tcp_sent" not in sums, "nothing in clear: %s" % sums)

    check_refused(test, pz, WRONG_ZONE, tls, "certificate is for %s, not dns.eastus.example" % HOST)
    check_refused(test, pz, UNKNOWN_ZONE, tls, r"unable to get local issuer certificate \(peers.unknown.tls.ca\)")
    test.check(pz.counters().get("upstream_tls_failed") >= 2, "upstream_tls_failed counts both, and their probes")


# ---- every reason


def run_refusals(test):
    authority, other = Authority(test, "authority"), Authority(test, "stranger")
    good = authority.issue("DNS:" + HOST)
    client = authority.issue("DNS:eastus.example")
    stranger = other.issue("DNS:eastus.example")
    expired = authority.issue("DNS:" + HOST, "20251201000000Z", "20260101000000Z")
    future = authority.issue("DNS:" + HOST, "20990101000000Z", "20990201000000Z")
    wants = dict(client_ca=authority.certificate)
    responders = {name: TlsResponder(test.address(), *options.pop("own"), **options) for name, options in {
        "wrong": dict(own=authority.issue("DNS:dns.eastus.example")),
        "address": dict(own=authority.issue("IP:192.0.2.9")),
        "unknown": dict(own=other.issue("DNS:" + HOST)),
        "expired": dict(own=expired),
        "future": dict(own=future),
        "nocert12": dict(own=good, version=ssl.TLSVersion.TLSv1_2, **wants),
        "nocert13": dict(own=good, version=ssl.TLSVersion.TLSv1_3, **wants),
        "stranger": dict(own=good, **wants),
        "known": dict(own=good, **wants)}.items()}
    zone = {name: name + ".svc.cluster.local" for name in responders}
    clear = servers.peerzone(test, "clear", {ZONE: zones.text(ZONE, 2)})
    config = ""
    for name, responder in responders.items():
        tls = dict(ca=authority.certificate)
        if name != "address":
            tls["server_name"] = HOST
        if name in ("known", "stranger"):
            tls["certificate"], tls["key"] = client if name == "known" else stranger
        config += peer(name, zone[name], responder.address, **tls)
    config += peer("clear", "clear.svc.cluster.local", clear.address, ca=authority.certificate, server_name=HOST)
    pz = start(test, config)

    def refused(name, why):
        check_refused(test, pz, zone[name], responders[name].address, why)
        test.equal(responders[name].questions, 0, name + ": questions that it was asked all the same")

    refused("wrong", "certificate is for dns.eastus.example, not " + HOST)
    refused("address", r"certificate is for 192\.0\.2\.9, not " + re.escape(responders["address"].address[0]))
    refused("unknown", r"unable to get local issuer certificate \(peers.unknown.tls.ca\)")
    refused("expired", "certificate expired 2026-01-01")
    refused("future", "certificate is not valid before 2099-01-01")
    refused("nocert12", r"peer wants a client certificate \(peers.nocert12.tls.certificate\)")
    refused("nocert13", r"peer wants a client certificate \(peers.nocert13.tls.certificate\)")
    refused("stranger", r"peer refuses our certificate: .* \(peers.stranger.tls.certificate\)")
    test.check(pz.counters().get("upstream_tls_failed") >= 8, "upstream_tls_failed counts each, and their probes")
    reply = dig.ask(pz.address, "x." + zone["known"], "A", seconds=10)
    test.equal((reply.status, reply.data("A")), ("NOERROR", ["192.0.2.1"]), "with a certificate that the peer knows")
    test.equal(responders["known"].clients[:1], ["authority-2"], "whose certificate the peer saw")

    # A peer without TLS is not asked in clear.
    reply = dig.ask(pz.address, "cockroachdb.clear.svc.cluster.local", "A", seconds=10)
    test.equal(reply.status, "SERVFAIL", "a peer that speaks no TLS")
    sums = pz.counters()
    test.check("upstream_udp_sent" not in sums and "upstream_tcp_sent" not in sums, "nothing in clear: %s" % sums)

    check_limits(test, pz, zone["wrong"], responders["wrong"])
    check_reload(test, pz, authority, config, zone["stranger"], stranger, client)
    for responder in responders.values():
        responder.listener.close()


def check_limits(test, pz, zone, responder):
    """Many questions to a peer that is refused: one line a minute, and not a handshake for each."""
    before = pz.counters().get("upstream_tls_failed", 0)
    for i in range(40):
        dig.ask(pz.address, "n%d.%s" % (i, zone), "A", seconds=10)
    lines = re.findall(r'upstream tls failed"? upstream="peer=wrong"', pz.log_path.read_text())
    test.equal(len(lines), 1, "lines about one upstream in a minute")
    failed = pz.counters().get("upstream_tls_failed", 0) - before
    test.check(failed < 40, "%d handshakes for 40 questions" % failed)
    test.equal(responder.questions, 0, "questions to a peer that is not believed")


def check_reload(test, pz, authority, config, zone, stranger, renewed):
    """The files of the peer `stranger` break: the old configuration stays. They become a certificate that the peer knows: it is used."""
    key = stranger[1].read_bytes()
    stranger[1].write_text("this is no key\n")
    pz.signal(signal.SIGHUP)
    line = wait_for(pz, r"configuration refused.*")
    test.check(line and "peers.stranger.tls.key: " in line and "holds no private key" in line, "the broken file is named: %s" % line)
    test.check(wait_for(pz, "still serving the old configuration"), "the old configuration goes on")
    reply = dig.ask(pz.address, "y.known.svc.cluster.local", "A", seconds=10)
    test.equal(reply.status, "NOERROR", "other peers meanwhile")
    test.check(key != renewed[1].read_bytes(), "the keys differ")
    stranger[0].write_bytes(renewed[0].read_bytes())
    stranger[1].write_bytes(renewed[1].read_bytes())  # taken over by itself
    test.check(wait_for(pz, "configuration reloaded"), "the new files are taken")
    end = time.monotonic() + PATIENCE
    while True:  # the reason of the last failure is held for a second, and the endpoint was suspect
        reply = dig.ask(pz.address, "z%d.%s" % (time.monotonic_ns(), zone), "A", seconds=10)
        if reply.status == "NOERROR" or time.monotonic() > end:
            break
        select.select([], [], [], 0.1)
    test.equal((reply.status, reply.data("A")), ("NOERROR", ["192.0.2.1"]), "with the renewed certificate: %s" % reply)


def run(test):
    harness.need("openssl")
    which = test.arguments[0]
    if which == "refusals":
        run_refusals(test)
    else:
        run_maker(test, MAKERS[which])


if __name__ == "__main__":
    harness.main("tls_upstream_" + (sys.argv[2] if len(sys.argv) > 2 else ""), run)
