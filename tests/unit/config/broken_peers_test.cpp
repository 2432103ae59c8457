// Peers that are broken, each with every line that `peerzone check` prints for it.
#include "unit/config/broken_support.hpp"

namespace peerzone::config {
namespace {

class BrokenPeers : public BrokenConfig {};

TEST_P(BrokenPeers, SaysEveryProblemWithItsPlace) {
    const Loaded loaded = load_text(GetParam().yaml, "pz.yaml");
    EXPECT_THAT(problem_lines(loaded), testing::ElementsAreArray(GetParam().lines));
    EXPECT_FALSE(loaded.config.has_value());
}

const Broken kPeers[] = {
    {"NothingGiven",
     R"(peers:
  westus:
)",
     {"pz.yaml:2:3: peers.westus: 'endpoints' is missing (hint: at least one address or host "
      "name)",
      "pz.yaml:2:3: peers.westus: 'zones' is missing (hint: the zones this peer answers, such as "
      "[westus.svc.cluster.local], or alias, such as westus.internal, for a cluster that calls "
      "itself as this one does)"}},
    {"EmptyLists",
     R"(peers:
  westus: {zones: [], endpoints: []}
)",
     {"pz.yaml:2:19: peers.westus.zones: the list is empty (hint: a peer without zones is never "
      "asked)",
      "pz.yaml:2:34: peers.westus.endpoints: the list is empty (hint: at least one address or host "
      "name)"}},
    {"Names",
     R"(peers:
  local: {zones: [a.test], endpoints: [10.2.0.10]}
  west us: {zones: [b.test], endpoints: [10.2.0.10]}
)",
     {"pz.yaml:2:3: peers.local: 'local' means this cluster, not a peer (hint: give the peer "
      "another name)",
      "pz.yaml:3:3: peers.\"west us\": 'west us' is not a name for a cluster, peer or view (hint: "
      "1 to 63 letters, digits, '-', '_' or '.')"}},
    {"Zones",
     R"(peers:
  westus:
    zones: [x..y, "*.test", ., bücher.test, a b, [c]]
    endpoints: [10.2.0.10]
)",
     {"pz.yaml:3:13: peers.westus.zones[0]: 'x..y' is not a domain name (hint: labels of 1 to 63 "
      "octets between dots, 253 octets in all)",
      "pz.yaml:3:19: peers.westus.zones[1]: '*.test' is not a domain name (hint: a zone holds "
      "every name below it: write it without the '*.')",
      "pz.yaml:3:29: peers.westus.zones[2]: a peer cannot answer the root (hint: use forward for "
      "everything else)",
      "pz.yaml:3:32: peers.westus.zones[3]: 'bücher.test' is not a domain name (hint: write "
      "international names in their xn-- form)",
      "pz.yaml:3:46: peers.westus.zones[4]: 'a b' is not a domain name (hint: letters, digits, '-' "
      "and '_' between dots)",
      "pz.yaml:3:51: peers.westus.zones[5]: a text is expected, not a list (hint: a text that "
      "starts with '[' needs quotes, such as \"[::1]:53\")"}},
    {"Endpoints",
     R"(peers:
  westus:
    zones: [w.test]
    endpoints:
      - 10.2.0.300
      - 10.2.0.10:0
      - 10.2.0.10:66000
      - dns.example.com:x
      - bad host
      - 0.0.0.0
      - resolv.conf:/etc/resolv.conf
)",
     {"pz.yaml:5:9: peers.westus.endpoints[0]: '10.2.0.300' is not an IP address (hint: such as "
      "10.2.0.10, 10.2.0.10:5353 or \"[fd00::1]:53\")",
      "pz.yaml:6:9: peers.westus.endpoints[1]: '10.2.0.10:0' has port 0 (hint: such as 10.2.0.10, "
      "10.2.0.10:5353 or \"[fd00::1]:53\")",
      "pz.yaml:7:9: peers.westus.endpoints[2]: port '66000' is not a number from 0 to 65535 (hint: "
      "such as 10.2.0.10, 10.2.0.10:5353 or \"[fd00::1]:53\")",
      "pz.yaml:8:9: peers.westus.endpoints[3]: port 'x' is not a whole number",
      "pz.yaml:9:9: peers.westus.endpoints[4]: 'bad host' is not an address or host name (hint: "
      "such as 10.2.0.10, \"[fd00::1]:5353\" or dns.example.com:53)",
      "pz.yaml:10:9: peers.westus.endpoints[5]: '0.0.0.0' is not the address of one host",
      "pz.yaml:11:9: peers.westus.endpoints[6]: resolv.conf names this host's own DNS servers, not "
      "a peer's (hint: write the peer's addresses or a host name)"}},
    {"BareIpv6Endpoint",
     R"(peers:
  westus:
    zones: [w.test]
    endpoints:
      - [::1]:53
)",
     {"pz.yaml:5:14: this is not YAML: end of sequence not found (hint: an IPv6 address with a "
      "port needs quotes: \"[::1]:53\")"}},
    {"EndpointKinds",
     R"(peers:
  westus:
    zones: [w.test]
    endpoints:
      - kubernetes: {service: kube-system/kube-dns}
      - address: 10.2.0.10
      -
      - {}
)",
     {"pz.yaml:5:9: peers.westus.endpoints[0].kubernetes: unknown kind of endpoint 'kubernetes' "
      "(hint: not supported yet)",
      "pz.yaml:6:9: peers.westus.endpoints[1]: a text or srv is expected, not a mapping (hint: an "
      "address or a host name, each with an optional port, or srv: _dns._udp.example.com)",
      "pz.yaml:7:7: peers.westus.endpoints[2]: a text is expected, not nothing (hint: write its "
      "value behind it, or remove the key)",
      "pz.yaml:8:9: peers.westus.endpoints[3]: a text or srv is expected, not a mapping (hint: an "
      "address or a host name, each with an optional port, or srv: _dns._udp.example.com)"}},
    {"EndpointSrv",
     R"(peers:
  westus:
    zones: [w.test]
    endpoints:
      - srv: dns.example.com
      - srv: _dns._udp
      - srv: _dns.udp.example.com
      - srv: _dns._udp.exa mple.com
      - srv: [_dns._udp.example.com]
      - {srv: _dns._udp.example.com, port: 53}
      - srv:
)",
     {"pz.yaml:5:14: peers.westus.endpoints[0].srv: 'dns.example.com' is not the name of a service "
      "(hint: _service._protocol.domain, such as _dns._udp.example.com)",
      "pz.yaml:6:14: peers.westus.endpoints[1].srv: '_dns._udp' is not the name of a service "
      "(hint: _service._protocol.domain, such as _dns._udp.example.com)",
      "pz.yaml:7:14: peers.westus.endpoints[2].srv: '_dns.udp.example.com' is not the name of a "
      "service (hint: _service._protocol.domain, such as _dns._udp.example.com)",
      "pz.yaml:8:14: peers.westus.endpoints[3].srv: '_dns._udp.exa mple.com' is not the name of a "
      "service (hint: _service._protocol.domain, such as _dns._udp.example.com)",
      "pz.yaml:9:14: peers.westus.endpoints[4].srv: a text is expected, not a list (hint: a text "
      "that starts with '[' needs quotes, such as \"[::1]:53\")",
      "pz.yaml:10:38: peers.westus.endpoints[5].port: unknown key 'port' (hint: the records of the "
      "name say the port)",
      "pz.yaml:11:9: peers.westus.endpoints[6].srv: a text is expected, not nothing (hint: write "
      "its "
      "value behind it, or remove the key)"}},
    {"BootstrapSrv",
     R"(bootstrap:
  - srv: _dns._udp.example.com
)",
     {"pz.yaml:2:10: bootstrap[0].srv: srv needs somebody to resolve it (hint: write an address "
      "here)"}},
    {"EndpointSrvTwice",
     R"(peers:
  westus:
    zones: [w.test]
    endpoints: [{srv: _dns._udp.example.com}, {srv: _DNS._udp.example.com.}]
)",
     {"pz.yaml:4:47: peers.westus.endpoints[1]: 'srv:_DNS._udp.example.com' is listed twice"}},
    {"EndpointTwice",
     R"(peers:
  westus:
    zones: [w.test]
    endpoints: [10.2.0.10, 10.2.0.10:53, dns.Example.com, DNS.example.com:53]
)",
     {"pz.yaml:4:28: peers.westus.endpoints[1]: '10.2.0.10:53' is listed twice",
      "pz.yaml:4:59: peers.westus.endpoints[3]: 'DNS.example.com:53' is listed twice"}},
    {"TransportAndTimes",
     R"(peers:
  westus:
    zones: [w.test]
    endpoints: [10.2.0.10]
    transport: dot
    deadline: 5s
    negative_ttl: 2h
  eastus:
    zones: [e.test]
    endpoints: [10.3.0.10]
    transport: upd
    deadline: 99ms
    negative_ttl: 500ms
)",
     {"pz.yaml:5:16: peers.westus.transport: 'dot' is not one of auto, udp, tcp and tls (hint: did "
      "you mean 'tls'?)",
      "pz.yaml:6:15: peers.westus.deadline: '5s' is not within 100ms and 4500ms",
      "pz.yaml:7:19: peers.westus.negative_ttl: '2h' is not within 0s and 1h",
      "pz.yaml:11:16: peers.eastus.transport: 'upd' is not one of auto, udp, tcp and tls (hint: "
      "did you "
      "mean 'udp'?)",
      "pz.yaml:12:15: peers.eastus.deadline: '99ms' is not within 100ms and 4500ms",
      "pz.yaml:13:19: peers.eastus.negative_ttl: '500ms' is not a whole number of seconds (hint: "
      "such as 1s)"}},
    {"Stale",
     R"(peers:
  westus:
    zones: [w.test]
    endpoints: [10.2.0.10]
    stale: {max_age: 8d, answer_ttl: 0s, max_aeg: 1d}
)",
     {"pz.yaml:5:22: peers.westus.stale.max_age: '8d' is not within 0s and 7d",
      "pz.yaml:5:38: peers.westus.stale.answer_ttl: '0s' is not within 1s and 1h",
      "pz.yaml:5:42: peers.westus.stale.max_aeg: unknown key 'max_aeg' (hint: did you mean "
      "'max_age'?)"}},
    {"Reverse",
     R"(peers:
  westus:
    zones: [w.test]
    endpoints: [10.2.0.10]
    reverse: [10.2.0.1/16, 10.2.0.0/33, westus, 10.3.0.0/16, 10.3.0.0/16]
)",
     {"pz.yaml:5:15: peers.westus.reverse[0]: '10.2.0.1/16' has bits set behind its prefix length "
      "(hint: write 10.2.0.0/16)",
      "pz.yaml:5:28: peers.westus.reverse[1]: prefix length '33' is not a number from 0 to 32 "
      "(hint: such as 10.1.0.0/16 or fd00:1::/64)",
      "pz.yaml:5:41: peers.westus.reverse[2]: 'westus' is not an IP address (hint: such as "
      "10.1.0.0/16 or fd00:1::/64)",
      "pz.yaml:5:62: peers.westus.reverse[4]: '10.3.0.0/16' is listed twice"}},
};
INSTANTIATE_TEST_SUITE_P(Peers, BrokenPeers, testing::ValuesIn(kPeers), name_of);

}  // namespace
}  // namespace peerzone::config
