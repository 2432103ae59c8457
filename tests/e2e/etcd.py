"""An etcd member that finds the others through DNS alone, and its JSON gateway. As a program, a client that goes on for ever:

    etcd.py write ADDRESS PORT      puts a growing number under one key, 5 times a second
    etcd.py follow ADDRESS PORT     reads it from this member's own store, 10 times a second

Each prints one line of JSON per call: `at` (CLOCK_MONOTONIC, when it began), `took` in seconds, `value`, or `error`."""

import base64
import http.client
import json
import sys
import time

PEER_PORT, CLIENT_PORT = 2380, 2379
KEY = "beat"
PATIENCE = 5.0


def command(name, host, address, data, domain):
    """Names in every URL that others see. Debian's 3.4 gives up when there is no SRV record for etcd-server-ssl, so members speak
    TLS with each other, each with a certificate of its own making. The times fit a WAN: an election only after 3 s."""
    import harness
    return [harness.need("etcd", "etcd-server"), "--name", name, "--data-dir", data, "--discovery-srv", domain,
            "--initial-cluster-state", "new", "--initial-cluster-token", "peerzone-e2e",
            "--initial-advertise-peer-urls", "https://%s:%d" % (host, PEER_PORT),
            "--advertise-client-urls", "http://%s:%d" % (host, CLIENT_PORT),
            "--listen-peer-urls", "https://%s:%d" % (address, PEER_PORT),
            "--listen-client-urls", "http://%s:%d" % (address, CLIENT_PORT),
            "--heartbeat-interval", "300", "--election-timeout", "3000", "--pre-vote", "--peer-auto-tls",
            "--logger", "zap", "--log-outputs", "stderr"]


def text(value):
    return base64.b64encode(value.encode()).decode()


def call(address, path, body, connection=None):
    own = connection or http.client.HTTPConnection(*address, timeout=PATIENCE)
    try:
        own.request("POST", path, json.dumps(body))
        reply = own.getresponse()
        content = json.loads(reply.read())
        if reply.status != 200:
            raise OSError("%d %s" % (reply.status, content.get("error", content)))
        return content
    finally:
        if connection is None:
            own.close()


def put(address, number, connection=None):
    call(address, "/v3/kv/put", {"key": text(KEY), "value": text(str(number))}, connection)
    return number


def read(address, connection=None):
    """What this member itself knows, whether or not the others can be reached."""
    found = call(address, "/v3/kv/range", {"key": text(KEY), "serializable": True}, connection).get("kvs")
    return int(base64.b64decode(found[0]["value"])) if found else 0


def go_on(address, interval, action):
    connection, number, due = None, 0, time.monotonic()
    while True:
        number += 1
        begin = time.monotonic()
        line = {"at": begin}
        try:
            connection = connection or http.client.HTTPConnection(*address, timeout=PATIENCE)
            line["value"] = action(number, connection)
        except (OSError, http.client.HTTPException, ValueError) as error:
            line["error"] = str(error) or repr(error)
            if connection is not None:
                connection.close()
            connection = None
        line["took"] = time.monotonic() - begin
        print(json.dumps(line), flush=True)
        due = max(due + interval, time.monotonic())
        time.sleep(max(0.0, due - time.monotonic()))


if __name__ == "__main__":
    WHERE = (sys.argv[2], int(sys.argv[3]))
    if sys.argv[1] == "write":
        go_on(WHERE, 0.2, lambda number, connection: put(WHERE, number, connection))
    else:
        go_on(WHERE, 0.1, lambda number, connection: read(WHERE, connection))
