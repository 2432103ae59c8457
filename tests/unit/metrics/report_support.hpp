// A report as a running server would make it, with everything in it that can go wrong in a text.
#pragma once

#include "peerzone/metrics/report.hpp"

namespace peerzone::metrics::testing {

inline Report sample(const Counters& counters) {
    using namespace std::chrono_literals;
    Report report;
    report.version = "0.1.0";
    report.node = "00c0ffee00c0ffee";
    report.cluster = "eastus";
    report.config_file = "/etc/peerzone.yaml";
    report.started = WallTime(1'700'000'000s);
    report.config_loaded = report.started + 1h;
    report.now = report.started + 90061s;
    report.ready = true;
    report.cache = {.entries = 12, .bytes = 3'500'000, .stored = 40, .evicted = 2};
    report.counters = {&counters};

    UpstreamReport peer;
    peer.name = "westus";
    peer.kind = "peer";
    peer.zones = {"westus.svc.cluster.local", "a.test", "b.test", "c.test"};
    peer.state = "partitioned";
    peer.since = report.now - 123s;
    peer.in_flight = 3;
    peer.hedges = 7;
    peer.stale_answers = 120;
    peer.failed_at_once = 9;
    peer.shed = 6;
    EndpointReport silent;
    silent.address = "10.2.0.10:53";
    silent.source = "dns-lb.westus.example.com";
    silent.state = "suspect";
    silent.transport = "udp only";
    silent.rtt = 61'200us;
    silent.reach = "udp only";
    silent.probe = "no reply";
    silent.since = report.now - 90s;
    silent.p95 = 80ms;
    silent.last_reply = report.now - 95s;
    silent.probes = 40;
    silent.hedges = 5;
    silent.hedges_won = 2;
    silent.questions = 1200;
    silent.replies = 1188;
    silent.failures = {{"timeout", 10}, {"servfail", 2}};
    silent.probe_failures = {{"timeout", 4}};
    silent.last_error = "SERVFAIL: \"<script>alert(1)</script>\" \\ & more";
    silent.last_error_at = report.now - 61s;
    EndpointReport fresh;
    fresh.address = "[fd00:2::10]:53";
    fresh.source = "[fd00:2::10]:53";
    fresh.state = "unusable";
    fresh.probe = "SERVFAIL";
    fresh.transport = "tls";
    fresh.up = true;
    peer.endpoints = {silent, fresh};
    peer.sources = {{.source = "dns-lb.westus.example.com",
                     .addresses = 1,
                     .good_at = report.now - 10s,
                     .error = "no reply"}};

    UpstreamReport forward;
    forward.name = ".";
    forward.kind = "forward";
    forward.zones = {"."};
    forward.state = "healthy";
    forward.held = true;
    forward.pending = "dns.example.com: not resolved yet";
    report.upstreams = {peer, forward};
    return report;
}

}  // namespace peerzone::metrics::testing
