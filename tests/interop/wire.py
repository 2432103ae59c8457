"""As much of the DNS wire format as tests need that ask or answer without a library: a question, and what a reply says."""

import random
import struct

A, NS, CNAME, SOA, TXT, AAAA, SRV, OPT = 1, 2, 5, 6, 16, 28, 33, 41
NOERROR, SERVFAIL, NXDOMAIN, REFUSED = 0, 2, 3, 5
EDE = 15  # option code, RFC 8914


def name(text):
    labels = [label for label in text.split(".") if label]
    return b"".join(bytes([len(label)]) + label.encode() for label in labels) + b"\0"


def query(qname, qtype=A, ident=None, edns=1232, recursion=True):
    """A question; `edns` is the UDP size to offer, None for no OPT record."""
    ident = random.getrandbits(16) if ident is None else ident
    head = struct.pack(">6H", ident, 0x0100 if recursion else 0, 1, 0, 0, 0 if edns is None else 1)
    opt = b"" if edns is None else b"\0" + struct.pack(">HHIH", OPT, edns, 0, 0)
    return head + name(qname) + struct.pack(">HH", qtype, 1) + opt


def question_end(message):
    """Where the first question ends. Names in questions are not compressed."""
    at = 12
    while message[at] != 0:
        at += 1 + message[at]
    return at + 5


def question_name(message):
    """The name as it was sent, letter case included."""
    at, labels = 12, []
    while message[at] != 0:
        labels.append(message[at + 1:at + 1 + message[at]].decode("latin-1"))
        at += 1 + message[at]
    return ".".join(labels)


def question_type(message):
    return struct.unpack_from(">H", message, question_end(message) - 4)[0]


def reply(question, address=None, rcode=NOERROR, ttl=30):
    """The answer to a question as it came: one A record, or none."""
    end = question_end(question)
    flags = 0x8400 | (question[2] & 1) << 8 | rcode
    message = question[:2] + struct.pack(">5H", flags, 1, 0 if address is None else 1, 0, 0) + question[12:end]
    if address is not None:
        message += struct.pack(">HHHIH", 0xC00C, A, 1, ttl, 4) + bytes(int(part) for part in address.split("."))
    return message


def _skip_name(message, at):
    while True:
        size = message[at]
        if size >= 0xC0:
            return at + 2
        at += 1 + size
        if size == 0:
            return at


def records(message):
    """All records after the question: (section 1–3, type, class, TTL, data) each."""
    counts = struct.unpack_from(">4H", message, 4)
    at = question_end(message) if counts[0] else 12
    for section in (1, 2, 3):
        for _ in range(counts[section]):
            at = _skip_name(message, at)
            rtype, klass, ttl, size = struct.unpack_from(">HHIH", message, at)
            yield section, rtype, klass, ttl, message[at + 10:at + 10 + size]
            at += 10 + size


def rcode(message):
    return message[3] & 15


def truncated(message):
    return bool(message[2] & 2)


def udp_size(message):
    """The size offered in EDNS, or None without it."""
    return next((klass for _, rtype, klass, _, _ in records(message) if rtype == OPT), None)


def extended_errors(message):
    """(code, text) of each extended error (RFC 8914)."""
    found = []
    for _, rtype, _, _, data in records(message):
        at = 0
        while rtype == OPT and at + 4 <= len(data):
            code, size = struct.unpack_from(">HH", data, at)
            if code == EDE and size >= 2:
                found.append((struct.unpack_from(">H", data, at + 4)[0], data[at + 6:at + 4 + size].decode()))
            at += 4 + size
    return found
