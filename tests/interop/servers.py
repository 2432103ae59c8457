"""DNS servers of other makers, each serving zone files on one address, in the foreground, as the user that runs the test.

Each function takes (test, name, zones) with zones = {zone: text} and returns a started harness.Server; harness.Skip when the
program is missing or cannot run here."""

import os

import harness


def _files(test, name, zones):
    return {zone: test.write("%s.%s.zone" % (name, zone), text) for zone, text in zones.items()}


def _start(test, name, argv, address, zones):
    try:
        return test.start(name, argv, address, next(iter(zones)))
    except harness.Failed as failed:  # another maker's server: a reason to skip, not a failure of ours
        raise harness.Skip(str(failed)) from failed


def nsd(test, name, zones):
    program, address = harness.need("nsd"), test.address()
    config = """server:
    ip-address: %s@%d
    server-count: 1
    username: ""
    zonesdir: "%s"
    database: ""
    pidfile: "%s.pid"
    xfrdfile: "%s.xfrd"
    zonelistfile: "%s.list"
    xfrdir: "%s"
    rrl-ratelimit: 0
remote-control:
    control-enable: no
""" % (*address, test.folder, *[test.folder / name] * 3, test.folder)
    for zone, path in _files(test, name, zones).items():
        config += 'zone:\n    name: "%s"\n    zonefile: "%s"\n' % (zone, path)
    return _start(test, name, [program, "-d", "-c", test.write(name + ".conf", config)], address, zones)


def knot(test, name, zones):
    program, address = harness.need("knotd", "knot"), test.address()
    storage = test.folder / (name + ".knot")
    storage.mkdir(mode=0o700)
    config = """server:
    rundir: "%s"
    listen: "%s@%d"
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
database:
    storage: "%s"
log:
  - target: stderr
    any: warning
template:
  - id: default
    storage: "%s"
    zonefile-sync: -1
    zonefile-load: whole
zone:
""" % (storage, *address, storage, storage)
    for zone, path in _files(test, name, zones).items():
        config += '  - domain: "%s"\n    file: "%s"\n' % (zone, path)
    return _start(test, name, [program, "-c", test.write(name + ".conf", config)], address, zones)


def bind(test, name, zones):
    # BIND listens only on addresses that an interface names, so not on all of 127.0.0.0/8.
    program, address = harness.need("named", "bind9"), test.address("127.0.0.1")
    config = """options {
    directory "%s";
    listen-on port %d { %s; };
    listen-on-v6 { none; };
    pid-file none;
    session-keyfile none;
    recursion no;
    dnssec-validation no;
    notify no;
    managed-keys-directory "%s";
};
controls { };
""" % (test.folder, address[1], address[0], test.folder)
    for zone, path in _files(test, name, zones).items():
        config += 'zone "%s" { type primary; file "%s"; };\n' % (zone, path)
    return _start(test, name, [program, "-g", "-n", "1", "-c", test.write(name + ".conf", config)], address, zones)


def unbound_base(test, address, *more):
    """An Unbound in the foreground, as this user, at that address; `more` are lines of its server clause."""
    return """remote-control:
    control-enable: no
server:
    interface: %s@%d
    username: ""
    chroot: ""
    directory: "%s"
    pidfile: ""
    use-syslog: no
    logfile: ""
    num-threads: 1
    access-control: 127.0.0.0/8 allow
""" % (*address, test.folder) + "".join("    %s\n" % line for line in more)


def unbound(test, name, zones):
    program, address = harness.need("unbound"), test.address()
    config = unbound_base(test, address, 'module-config: "iterator"', "do-not-query-localhost: yes", 'local-zone: "local." nodefault')
    for zone, path in _files(test, name, zones).items():
        config += 'auth-zone:\n    name: "%s"\n    zonefile: "%s"\n    for-downstream: yes\n    for-upstream: no\n' % (zone, path)
    return _start(test, name, [program, "-d", "-p", "-c", test.write(name + ".conf", config)], address, zones)


def coredns(test, name, zones):
    address = test.address()
    config = "".join("%s:%d {\n    bind %s\n    file %s\n    errors\n}\n" % (zone, address[1], address[0], path)
                     for zone, path in _files(test, name, zones).items())
    return coredns_with(test, name, config, address, next(iter(zones)))


def coredns_with(test, name, corefile, address, question):
    """CoreDNS with a Corefile of the caller's."""
    path = test.write(name + ".Corefile", corefile)
    environment = dict(os.environ, GOMAXPROCS="1")
    return test.start(name, [harness.coredns(), "-conf", path], address, question, environment)


def dnsdist(test, name, zones):
    """A load balancer in front of the peer's server, which is a peerzone here."""
    program, behind = harness.need("dnsdist"), peerzone(test, name + "-behind", zones)
    address = test.address()
    config = """setLocal("%s:%d")
setACL({"127.0.0.0/8"})
setSecurityPollSuffix("")
newServer({address="%s:%d", healthCheckMode="up"})
""" % (*address, *behind.address)
    return _start(test, name, [program, "--supervised", "--disable-syslog", "-C", test.write(name + ".conf", config)],
                  address, zones)


def peerzone(test, name, zones):
    """Another peerzone that owns the zones, from the same files."""
    address = test.address()
    config = 'workers: 1\nlisten: {dns: ["%s:%d"]}\nzones:\n' % address
    config += "".join("  %s: {file: %s}\n" % (zone, path) for zone, path in _files(test, name, zones).items())
    return test.start_peerzone(name + "-owner", config, address)  # a file of its own: peerzone follows what changes


def authoritative(test, name, zones):
    """NSD, or Knot where NSD is missing."""
    try:
        return nsd(test, name, zones)
    except harness.Skip as no_nsd:
        try:
            return knot(test, name, zones)
        except harness.Skip as no_knot:
            raise harness.Skip("%s; %s" % (no_nsd, no_knot)) from no_knot


def coredns_edge(test, peerzone_address):
    """What a cluster's CoreDNS needs to reach all peers: one stub block that points at peerzone."""
    address = test.address()
    corefile = "cluster.local:%d {\n    bind %s\n    errors\n    forward . %s:%d\n}\n" % (
        address[1], address[0], *peerzone_address)
    return coredns_with(test, "edge", corefile, address, None)


ALL = {"nsd": nsd, "knot": knot, "bind": bind, "unbound": unbound, "coredns": coredns, "dnsdist": dnsdist,
       "peerzone": peerzone}
