"""DNS over TLS as other makers' clients speak it: kdig with strict validation, openssl's sessions, dnspython, and Unbound, Knot
Resolver and CoreDNS that forward to peerzone over TLS. Then certificates: a client's own, refused ones, and new files while it runs."""

import re
import select
import subprocess
import sys
import time

import dig
import harness
import servers
import zones

ZONE = "westus.svc.cluster.local"
NAME = "cockroachdb-public." + ZONE
ADDRESS = "10.2.96.20"
HOST = "dns.peerzone.test"
PATIENCE = 40.0


DNSPYTHON = """
import dns.message, dns.query, ssl, sys
ca, address, port, host, name = sys.argv[1:]
context = ssl.create_default_context(cafile=ca)
reply = dns.query.tls(dns.message.make_query(name, "AAAA", use_edns=0), address, port=int(port), timeout=20, ssl_context=context,
                      server_hostname=host)
print(len(reply.answer[0]))
"""


class Authority:
    """Certificates from the openssl command line, at run time."""

    def __init__(self, test, name):
        self.test, self.name, self.count = test, name, 0
        self.certificate, self.key = test.folder / (name + ".crt"), test.folder / (name + ".key")
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
            "-subj", "/CN=" + name, "-keyout", self.key, "-out", self.certificate)

    def issue(self, host, name=None):
        """(certificate, key) for `host`."""
        self.count += 1
        base = self.test.folder / (name or "%s-%d" % (self.name, self.count))
        request, extensions = base.with_suffix(".csr"), base.with_suffix(".ext")
        extensions.write_text("subjectAltName=DNS:%s\n" % host)
        certificate, key = base.with_suffix(".crt"), base.with_suffix(".key")
        run("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=" + host,
            "-keyout", key, "-out", request)
        run("openssl", "x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.key, "-days", "1", "-extfile",
            extensions, "-set_serial", str(self.count), "-out", certificate)
        return certificate, key


def run(*command):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=60, check=False)
    if done.returncode != 0:
        raise harness.Failed("%s: %s" % (" ".join(str(c) for c in command), done.stderr))


def start(test, name, certificate, key, client_ca=None, zone=None):
    """A peerzone with the zone of a region, over DNS and over TLS. Returns it and its address for TLS."""
    dns = test.address()
    tls = test.address(dns[0])
    config = 'workers: 2\nlisten: {dns: ["%s:%d"], tls: ["%s:%d"]}\n' % (*dns, *tls)
    config += "tls: {certificate: %s, key: %s%s}\n" % (certificate, key, ", client_ca: %s" % client_ca if client_ca else "")
    config += "limits: {tcp_idle: 2s}\nzones:\n" + (zone or zones.own_zone(ZONE, 2))
    return test.start_peerzone(name, config, dns), tls


def kdig(address, *options, qname=NAME, qtype="A"):
    """(its exit code, what it printed)."""
    command = [harness.need("kdig", "knot-dnsutils"), "@" + address[0], "-p", str(address[1]), qname, qtype, "+retry=0", "+time=10",
               *[str(o) for o in options]]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout + done.stderr


def strict(authority, host=HOST):
    return "+tls", "+tls-ca=%s" % authority.certificate, "+tls-hostname=%s" % host


def wait_for_log(server, pattern):
    """The first line that matches, or None. Logs are files: looking again is all one can do."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        found = re.search(pattern, server.log_path.read_text(errors="replace"))
        if found:
            return found.group(0)
        select.select([], [], [], 0.05)
    return None


# ---- clients that ask


def check_kdig(test, tls, authority, other):
    for version in ("", "plain"):
        code, said = kdig(tls, *(strict(authority) if not version else ["+tls"]))
        test.check(code == 0 and ADDRESS in said, "kdig %s: %s" % (version or "strict", said))
    code, said = kdig(tls, *strict(authority))
    test.check(re.search(r"TLS session \(TLS1\.3\)", said), "kdig uses TLS 1.3: %s" % said)
    test.check("PADDING" in said.upper(), "a padded question is answered with padding: %s" % said)
    size = re.search(r"Received (\d+) B", said)
    test.equal(size and int(size.group(1)) % 468, 0, "in blocks of 468 octets")
    code, said = kdig(tls, "+tls", "+nopadding")
    test.check("PADDING" not in said.upper() and ADDRESS in said, "nobody asked for padding: %s" % said)
    code, said = kdig(tls, *strict(authority, "another.test"))
    test.check(code != 0 or ADDRESS not in said, "kdig with another name must refuse us: %s" % said)
    code, said = kdig(tls, *strict(other))
    test.check(code != 0 or ADDRESS not in said, "kdig with another authority must refuse us: %s" % said)
    # Larger than a TLS record, and several queries over one connection.
    code, said = kdig(tls, *strict(authority), "+keepopen", "pods." + ZONE, "A", *strict(authority), "+keepopen")
    test.check(code == 0 and "10.2.60.60" in said, "kdig +keepopen: %s" % said)


def s_client(tls, *options):
    done = subprocess.run(["openssl", "s_client", "-connect", "%s:%d" % tls, *[str(o) for o in options]], input="Q\n",
                          capture_output=True, text=True, timeout=60, check=False)
    return done.stdout + done.stderr


def check_sessions(test, server, tls, authority):
    before = server.counters()
    for version in ("-tls1_2", "-tls1_3"):
        saved = test.folder / ("session" + version)
        # The ticket of TLS 1.3 comes behind the handshake: s_client writes it when it has come.
        with subprocess.Popen(["openssl", "s_client", "-connect", "%s:%d" % tls, version, "-sess_out", str(saved), "-CAfile",
                               str(authority.certificate), "-verify_return_error", "-verify_hostname", HOST],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as client:
            end = time.monotonic() + PATIENCE
            while not (saved.exists() and saved.stat().st_size) and time.monotonic() < end and client.poll() is None:
                select.select([], [], [], 0.02)
            client.communicate(b"Q\n", timeout=60)
        said = s_client(tls, version, "-sess_in", saved)
        test.check("Reused, TLSv1" in said, "%s is not resumed: %s" % (version, said[-1500:]))
    after = server.counters()
    test.equal(after.get("tls_resumed", 0) - before.get("tls_resumed", 0), 2, "tls_resumed")
    test.check("ALPN protocol: dot" in s_client(tls, "-alpn", "dot"), "ALPN dot")
    test.check("no application protocol" in s_client(tls, "-alpn", "h2"), "ALPN h2 is refused with the alert that says so")
    test.check("Cipher is (NONE)" in s_client(tls, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0"), "TLS 1.1 is refused")
    test.check(wait_for_log(server, r"tls handshake failed.* why="), "no line says why a handshake failed")


def check_dnspython(test, tls, authority):
    # Debian's dnspython belongs to Debian's Python, which need not be the one that runs this.
    for python in (sys.executable, "/usr/bin/python3"):
        command = [python, "-c", DNSPYTHON, authority.certificate, *tls, HOST, "pods." + ZONE]
        done = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=60, check=False)
        if "No module named 'dns'" not in done.stderr:
            test.equal(done.stdout.strip(), str(zones.PODS), "addresses that dnspython gets: %s" % done.stderr)
            return
    test.say("dnspython is not here")


# ---- servers that forward to us


def unbound(test, tls, authority):
    program, address = harness.need("unbound"), test.address()
    config = servers.unbound_base(test, address, 'module-config: "iterator"', "do-not-query-localhost: no",
                                  'local-zone: "local." nodefault', 'tls-cert-bundle: "%s"' % authority.certificate)
    config += """forward-zone:
    name: "%s"
    forward-tls-upstream: yes
    forward-addr: %s@%d#%s
""" % (ZONE, *tls, HOST)
    return test.start("unbound", [program, "-d", "-p", "-c", test.write("unbound.conf", config)], address, "ready." + ZONE)


def kresd(test, tls, authority):
    program, address = harness.need("kresd", "knot-resolver"), test.address()
    folder = test.folder / "kresd"
    folder.mkdir(mode=0o700)
    config = """
net.listen('%s', %d, {kind = 'dns'})
net.ipv6 = false
cache.open(4*MB, 'lmdb://%s')
trust_anchors.remove('.')
modules.unload('ta_update')
modules.unload('priming')
policy.add(policy.suffix(policy.TLS_FORWARD({{'%s@%d', hostname='%s', ca_file='%s'}}), {todname('%s')}))
""" % (*address, folder, *tls, HOST, authority.certificate, ZONE)
    return test.start("kresd", [program, "-n", "-c", test.write("kresd.conf", config), folder], address, "ready." + ZONE)


def coredns(test, tls, authority):
    address = test.address()
    corefile = "%s:%d {\n    bind %s\n    errors\n    forward . tls://%s:%d {\n        tls %s\n        tls_servername %s\n    }\n}\n" % (
        ZONE, address[1], address[0], *tls, authority.certificate, HOST)
    return servers.coredns_with(test, "coredns", corefile, address, "ready." + ZONE)


def check_forwarders(test, server, tls, authority):
    for name, make in (("unbound", unbound), ("kresd", kresd), ("coredns", coredns)):
        before = server.counters()
        try:
            forwarder = make(test, tls, authority)
        except harness.Skip as skip:
            test.say("%s: %s" % (name, skip))
            continue
        for label, qtype in zones.CASES:
            qname = "%s.%s" % (label, ZONE)
            options = ["+tcp"] if label == "pods" else []  # more than UDP holds
            got = dig.ask(forwarder.address, qname, qtype, *options, seconds=10)
            wanted = dig.ask(server.address, qname, qtype, *options)
            test.equal((got.status, got.answer_set()), (wanted.status, wanted.answer_set()), "%s over TLS: %s %s" % (name, qname, qtype))
        after = server.counters()
        used = after.get("tls_handshakes", 0) - before.get("tls_handshakes", 0)
        test.check(1 <= used <= len(zones.CASES), "%s: %d handshakes" % (name, used))
        test.stop(forwarder)


# ---- certificates


def check_client_certificates(test, authority, other):
    certificate, key = authority.issue(HOST)
    server, tls = start(test, "strict", certificate, key, authority.certificate)
    good, stranger = authority.issue("pod.test"), other.issue("pod.test")
    code, said = kdig(tls, *strict(authority), "+tls-certfile=%s" % good[0], "+tls-keyfile=%s" % good[1])
    test.check(code == 0 and ADDRESS in said, "a client of our authority is served: %s" % said)
    refused = 0
    for what, options in (("no certificate", []),
                          ("a stranger's", ["+tls-certfile=%s" % stranger[0], "+tls-keyfile=%s" % stranger[1]])):
        _, said = kdig(tls, *strict(authority), *options)
        test.check(ADDRESS not in said, "a client with %s is refused: %s" % (what, said))
        refused += 1
        test.equal(server.counters().get("tls_client_refused"), refused, "tls_client_refused with " + what)
    line = wait_for_log(server, r"tls client refused.*")
    test.check(line and "it has no certificate, and tls.client_ca asks for one" in line, "the log says why: %s" % line)
    test.equal(server.log_path.read_text().count("tls client refused"), 1, "lines about refused clients in a minute")
    test.stop(server)


def check_reload(test, authority):
    """Files under a ConfigMap's link, swapped as the kubelet does; then files that do not work; then good ones and SIGHUP."""
    def revision(name, certificate, key):
        folder = test.folder / name
        folder.mkdir()
        for source, target in ((certificate, "tls.crt"), (key, "tls.key")):
            (folder / target).write_bytes(source.read_bytes())
        link = test.folder / "..fresh"
        link.symlink_to(name)
        link.rename(test.folder / "..data")

    revision("r1", *authority.issue(HOST))
    server, tls = start(test, "reload", test.folder / "..data" / "tls.crt", test.folder / "..data" / "tls.key")
    code, said = kdig(tls, *strict(authority))
    test.check(ADDRESS in said, "before: %s" % said)

    revision("r2", *authority.issue("second.test"))
    test.check(wait_for_log(server, r"tls certificate loaded.*second\.test"), "the swap is not noticed")
    code, said = kdig(tls, *strict(authority, "second.test"))
    test.check(code == 0 and ADDRESS in said, "the new certificate serves: %s" % said)

    revision("r3", authority.issue("third.test")[0], authority.issue("third.test")[1])
    line = wait_for_log(server, r"configuration refused.*")
    test.check(line and "is not the key of the certificate" in line, "a pair that does not fit is refused: %s" % line)
    code, said = kdig(tls, *strict(authority, "second.test"))
    test.check(code == 0 and ADDRESS in said, "the old certificate goes on: %s" % said)

    revision("r4", *authority.issue("fourth.test"))
    server.signal(1)  # SIGHUP: at once
    test.check(wait_for_log(server, r"tls certificate loaded.*fourth\.test"), "SIGHUP")
    code, said = kdig(tls, *strict(authority, "fourth.test"))
    test.check(code == 0 and ADDRESS in said, "and serves: %s" % said)
    test.stop(server)


def run_all(test):
    harness.need("openssl")
    harness.need("kdig", "knot-dnsutils")
    authority, other = Authority(test, "authority"), Authority(test, "stranger")
    server, tls = start(test, "tls", *authority.issue(HOST))
    check_kdig(test, tls, authority, other)
    check_sessions(test, server, tls, authority)
    check_dnspython(test, tls, authority)
    check_forwarders(test, server, tls, authority)
    check_client_certificates(test, authority, other)
    check_reload(test, authority)


if __name__ == "__main__":
    harness.main("tls_listener", run_all)
