"""What the regions of these tests know, as zone files and as peerzone's own zones."""

PODS = 60

# Owners relative to the zone. `{octet}` is the region's own part of its addresses.
RECORDS = """
cockroachdb-public                 60 A     10.{octet}.96.20
cockroachdb                        60 A     10.{octet}.0.10
cockroachdb                        60 A     10.{octet}.0.11
cockroachdb                        60 A     10.{octet}.0.12
cockroachdb                        60 AAAA  fd00:{octet}::10
cockroachdb                        60 AAAA  fd00:{octet}::11
cockroachdb-0.cockroachdb          60 A     10.{octet}.0.10
cockroachdb-0.cockroachdb          60 AAAA  fd00:{octet}::10
cockroachdb-1.cockroachdb          60 A     10.{octet}.0.11
cockroachdb-2.cockroachdb          60 A     10.{octet}.0.12
_grpc._tcp.cockroachdb             60 SRV   0 33 26257 cockroachdb-0.cockroachdb
_grpc._tcp.cockroachdb             60 SRV   0 33 26257 cockroachdb-1.cockroachdb
_grpc._tcp.cockroachdb             60 SRV   0 34 26257 cockroachdb-2.cockroachdb
notes                              60 TXT   "kept by region {octet}" "a second string; with \\"quotes\\""
alias                              60 CNAME cockroachdb-public
alias-of-alias                     60 CNAME alias
blink                               1 A     10.{octet}.0.99
"""


def text(zone, octet, extra=""):
    """A zone file: a StatefulSet's names, and a headless Service `pods` of 60 pods in both families."""
    soa = "$ORIGIN %s.\n@ 60 SOA ns hostmaster 1 7200 1800 86400 40\n@ 60 NS ns\nns 60 A 10.%d.0.2\n" % (zone, octet)
    pods = "".join("pods 60 A 10.%d.60.%d\npods 60 AAAA fd00:%d::60:%d\n" % (octet, i, octet, i) for i in range(1, PODS + 1))
    return soa + RECORDS.format(octet=octet) + pods + extra


def own_zone(zone, octet, extra=""):
    """The same as an entry of peerzone's `zones`, which supplies SOA and NS."""
    lines = text(zone, octet, extra).splitlines()[3:]
    return "  %s:\n    records:\n" % zone + "".join(
        "      - '%s'\n" % " ".join(line.split()).replace("'", "''") for line in lines if line.strip())


# (name relative to the zone, type): what is asked of every region. `Names` as a client would need them.
CASES = [
    ("cockroachdb-public", "A"),
    ("cockroachdb", "A"),
    ("cockroachdb", "AAAA"),
    ("cockroachdb-0.cockroachdb", "AAAA"),
    ("_grpc._tcp.cockroachdb", "SRV"),
    ("notes", "TXT"),
    ("alias", "A"),
    ("alias", "CNAME"),
    ("alias-of-alias", "A"),
    ("alias-of-alias", "AAAA"),              # a chain that ends in NODATA
    ("cockroachdb-public", "AAAA"),          # NODATA
    ("_tcp.cockroachdb", "A"),               # an empty non-terminal
    ("cockroachdb-7.cockroachdb", "A"),      # NXDOMAIN
    ("no.such.thing.at.all", "TXT"),
    ("pods", "A"),
    ("pods", "AAAA"),
    ("blink", "A"),
]
BLINK = "blink"                              # its TTL is 1
