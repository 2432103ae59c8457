// Mistakes that people make, each with what is said about it: problems and warnings.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "unit/config/config_support.hpp"

namespace peerzone::config {
namespace {

struct Mistake {
    const char* name;
    std::string yaml;
    std::vector<std::string> lines;
};

void PrintTo(const Mistake& mistake, std::ostream* out) {
    *out << mistake.name;
}

class Mistakes : public testing::TestWithParam<Mistake> {};

TEST_P(Mistakes, AreNamedWithTheirPlaceAndWhatToDo) {
    const Loaded loaded = load_text(GetParam().yaml, "pz.yaml");
    std::vector<std::string> lines = problem_lines(loaded);
    for (const Problem& warning : loaded.warnings) lines.push_back(warning.to_text());
    EXPECT_THAT(lines, testing::ElementsAreArray(GetParam().lines));
    EXPECT_EQ(loaded.config.has_value(), loaded.problems.empty());
}

std::string name_of(const testing::TestParamInfo<Mistake>& info) {
    return info.param.name;
}

const Mistake kText[] = {
    {"IndentedFirstLine",
     "  cluster: {name: eastus}\npeers: {}\n",
     {"pz.yaml:1:3: the first line is indented, deeper than line 2 (hint: keys of the same level "
      "start in the same column)"}},
    {"IndentedFirstLineBehindComments",
     "# eastus\n\n cluster:\n   name: eastus\nworkers: 1\n",
     {"pz.yaml:3:2: the first line is indented, deeper than line 5 (hint: keys of the same level "
      "start in the same column)"}},
    {"NoBreakSpaces",
     "cache:\n\xc2\xa0\xc2\xa0size: 1MiB\nlog: {level:\xe2\x80\xafinfo} # a\xc2\xa0 comment\n"
     "cluster: {name: \"\xc2\xa0\"}\n",
     {"pz.yaml:2:1: a no-break space (U+00A0), which is a letter for YAML (hint: write an ordinary "
      "space; those come with copying from a web page)",
      "pz.yaml:3:13: a no-break space (U+202F), which is a letter for YAML (hint: write an "
      "ordinary "
      "space; those come with copying from a web page)",
      "pz.yaml:4:17: cluster.name: '\xc2\xa0' is not a name for a cluster, peer or view (hint: 1 "
      "to "
      "63 letters, digits, '-', '_' or '.')"}},
    {"Nul",
     std::string("workers: 1\ncluster: {name: a\0b}\n", 33),
     {"pz.yaml:2:18: a NUL octet: this is not text (hint: save the file as UTF-8)"}},
    {"Utf16",
     std::string("\xff\xfew\0o\0", 6),
     {"pz.yaml:1:1: this is UTF-16 text (hint: save the file as UTF-8)"}},
    {"ControlCharacter",
     "workers: \x1b[1m1\n",
     {"pz.yaml:1:10: a control character (0x1b) (hint: remove it)"}},
    {"JsonThatEndsEarly",
     "{\"cluster\": {\"name\": \"eastus\"},\n \"cache\": {\"size\": \"1MiB\"",
     {"pz.yaml:2:11: this '{' is never closed (hint: the file ends before its '}'; is it "
      "complete?)"}},
    {"JsonThatEndsInAText",
     "{\"cluster\": {\"name\": \"east",
     {"pz.yaml:1:22: the quoted text that begins here never ends (hint: close its quote; is the "
      "file complete?)"}},
    {"BracketsThatCross",
     "listen: {dns: [\"127.0.0.1:53\"}\nworkers: 1\n",
     {"pz.yaml:1:30: this '}' meets the '[' of line 1 (hint: a ']' is missing before it)"}},
    {"AnApostropheIsNoQuote",
     "cluster: {name: it's\n",
     {"pz.yaml:1:10: this '{' is never closed (hint: the file ends before its '}'; is it "
      "complete?)"}},
};
INSTANTIATE_TEST_SUITE_P(Text, Mistakes, testing::ValuesIn(kText), name_of);

const Mistake kForeign[] = {
    {"ConfigMap",
     R"(apiVersion: v1
kind: ConfigMap
metadata: {name: peerzone}
data:
  peerzone.yaml: |
    workers: 1
)",
     {"pz.yaml:1:1: this is a Kubernetes object (kind 'ConfigMap'), not the configuration in it "
      "(hint: the configuration is what stands below data.'peerzone.yaml' (line 5): give that as a "
      "file of its own)"}},
    {"Deployment",
     "{apiVersion: apps/v1, kind: Deployment}\n",
     {"pz.yaml:1:1: this is a Kubernetes object (kind 'Deployment'), not the configuration in it "
      "(hint: give the configuration as a file of its own)"}},
    {"Manifests",
     "apiVersion: v1\nkind: Namespace\n---\napiVersion: v1\nkind: ConfigMap\n",
     {"pz.yaml:1:1: this is a manifest with several Kubernetes objects (hint: give the "
      "configuration as a file of its own)"}},
    {"Corefile",
     R"(# managed
.:53 {
    errors
    health {
       lameduck 5s
    }
    kubernetes cluster.local in-addr.arpa ip6.arpa {
       pods insecure
    }
    forward . /etc/resolv.conf
}
)",
     {"pz.yaml:1:1: this is a CoreDNS Corefile, not a configuration of peerzone (hint: a stub zone "
      "becomes a peer, `forward .` becomes forward: start from config/peerzone.example.yaml)"}},
    {"CorefileOnALine",
     "westus.svc.cluster.local:53 { errors cache 10 forward . 10.2.0.10 }\n",
     {"pz.yaml:1:1: this is a CoreDNS Corefile, not a configuration of peerzone (hint: a stub zone "
      "becomes a peer, `forward .` becomes forward: start from config/peerzone.example.yaml)"}},
    {"MergeKeys",
     R"(forward:
  .: &common {endpoints: [192.0.2.53]}
  a.test:
    <<: *common
)",
     {"pz.yaml:3:3: forward.\"a.test\": 'endpoints' is missing (hint: at least one address or host "
      "name)",
      "pz.yaml:4:5: forward.\"a.test\": merge keys ('<<') are not taken (hint: write the keys out; "
      "an alias may stand for a whole value: tls: *name)"}},
};
INSTANTIATE_TEST_SUITE_P(Foreign, Mistakes, testing::ValuesIn(kForeign), name_of);

const Mistake kIndentation[] = {
    {"KeysOfAPeerBesideIt",
     R"(peers:
  westus:
  zones: [w.test]
  endpoints: [10.2.0.10]
  eastus: {zones: [e.test], endpoints: [10.3.0.10]}
)",
     {"pz.yaml:3:3: peers.zones: 'zones' is a key of a peer, not the name of one (hint: indent it "
      "below 'westus' on line 2)"}},
    {"KeysOfAPeerWithoutAName",
     R"(peers:
  zones: [w.test]
  endpoints: [10.2.0.10]
)",
     {"pz.yaml:2:3: peers.zones: 'zones' is a key of a peer, not the name of one (hint: the name "
      "comes first: westus: {zones: …})"}},
    {"APeerBesidePeers",
     R"(peers:
westus:
  zones: [w.test]
  endpoints: [10.2.0.10]
)",
     {"pz.yaml:2:1: westus: unknown key 'westus' (hint: indent it below 'peers' on line 1)",
      "pz.yaml:1:1: warning: peers: is empty, as if it were not there (hint: indent below it what "
      "belongs to it, or remove the key)"}},
    {"KeysOfASectionBesideIt",
     R"(cache:
size: 1MiB
peers:
  westus:
    zones: [w.test]
    endpoints: [10.2.0.10]
    stale:
    max_age: 1d
)",
     {"pz.yaml:2:1: size: unknown key 'size' (hint: indent it below 'cache' on line 1)",
      "pz.yaml:8:5: peers.westus.max_age: unknown key 'max_age' (hint: indent it below 'stale' on "
      "line 7)",
      "pz.yaml:1:1: warning: cache: is empty, as if it were not there (hint: indent below it what "
      "belongs to it, or remove the key)",
      "pz.yaml:7:5: warning: peers.westus.stale: is empty, as if it were not there (hint: indent "
      "below it what belongs to it, or remove the key)"}},
    {"ForwardWithoutASuffix",
     "forward: {endpoints: [192.0.2.53]}\n",
     {"pz.yaml:1:11: forward.endpoints: 'endpoints' is a key of a suffix, not the name of one "
      "(hint: the name comes first: \".\": {endpoints: …})"}},
    {"EmptySectionsAndLists",
     R"(bootstrap:
listen: {dns: , tls: }
local: {}
peers:
  westus: {zones: [w.test], endpoints: [10.2.0.10], reverse: }
views:
)",
     {"pz.yaml:1:1: warning: bootstrap: is empty, as if it were not there (hint: indent below it "
      "what belongs to it, or remove the key)",
      "pz.yaml:2:10: warning: listen.dns: is empty, as if it were not there (hint: indent below it "
      "what belongs to it, or remove the key)",
      "pz.yaml:2:17: warning: listen.tls: is empty, as if it were not there (hint: indent below it "
      "what belongs to it, or remove the key)",
      "pz.yaml:3:8: warning: local: is empty, as if it were not there (hint: indent below it what "
      "belongs to it, or remove the key)",
      "pz.yaml:5:53: warning: peers.westus.reverse: is empty, as if it were not there (hint: "
      "indent "
      "below it what belongs to it, or remove the key)",
      "pz.yaml:6:1: warning: views: is empty, as if it were not there (hint: indent below it what "
      "belongs to it, or remove the key)"}},
    {"ListsThatMustNotBeEmpty",
     "peers: {westus: {zones: , endpoints: }}\n",
     {"pz.yaml:1:18: peers.westus.zones: a list is expected, not nothing (hint: write its value "
      "behind it, or remove the key)",
      "pz.yaml:1:27: peers.westus.endpoints: a list is expected, not nothing (hint: write its "
      "value "
      "behind it, or remove the key)"}},
};
INSTANTIATE_TEST_SUITE_P(Indentation, Mistakes, testing::ValuesIn(kIndentation), name_of);

std::string peer(const std::string& endpoint) {
    return "peers: {w: {zones: [w.test], endpoints: ['" + endpoint + "']}}\n";
}
constexpr char kEndpoint[] = "pz.yaml:1:42: peers.w.endpoints[0]: ";

const Mistake kValues[] = {
    {"Ipv6AndPortThatAreAnAddress",
     peer("fd00:2::a:53"),
     {std::string(kEndpoint) +
      "'fd00:2::a:53' can be read in two ways: address and port need brackets (hint: write "
      "\"[fd00:2::a]:53\", or \"[fd00:2::a:53]\" if all of it is the address)"}},
    {"Ipv6AndPortThatAreNone",
     peer("fd00:1:2:3:4:5:6:7:53"),
     {std::string(kEndpoint) +
      "'fd00:1:2:3:4:5:6:7:53' is an IPv6 address with a port, but without brackets (hint: write "
      "\"[fd00:1:2:3:4:5:6:7]:53\")"}},
    {"Ipv6AndALongPort",
     peer("fd00::1:15353"),
     {std::string(kEndpoint) +
      "'fd00::1:15353' is an IPv6 address with a port, but without brackets (hint: write "
      "\"[fd00::1]:15353\")"}},
    {"Ipv6ToListenOn",
     "listen: {dns: ['::1:5300', ':::53', '::53'], admin: '::1:9153'}\n",
     {"pz.yaml:1:16: listen.dns[0]: '::1:5300' can be read in two ways: address and port need "
      "brackets (hint: write \"[::1]:5300\", or \"[::1:5300]\" if all of it is the address)",
      "pz.yaml:1:28: listen.dns[1]: ':::53' is an IPv6 address with a port, but without brackets "
      "(hint: write \"[::]:53\")",
      "pz.yaml:1:37: listen.dns[2]: '::53' can be read in two ways: address and port need brackets "
      "(hint: write \"[::]:53\", or \"[::53]\" if all of it is the address)",
      "pz.yaml:1:53: listen.admin: '::1:9153' can be read in two ways: address and port need "
      "brackets (hint: write \"[::1]:9153\", or \"[::1:9153]\" if all of it is the address)"}},
    {"Ipv6AddressesThatAreMeant",
     "peers: {w: {zones: [w.test], endpoints: ['fd00::53', '2001:4860:4860::8888', "
     "'[fd00:2::a:53]', 'fd00:10:96::a', '2620:fe::9', '2001:db8::1:2345']}}\n",
     {}},
    {"OthersWaysToWriteAPort",
     peer("10.2.0.10#5353"),
     {std::string(kEndpoint) +
      "'10.2.0.10#5353' is not an address or host name (hint: write '10.2.0.10:5353')"}},
    {"UnboundsWay",
     peer("fd00::1@53"),
     {std::string(kEndpoint) +
      "'fd00::1@53' is not an address or host name (hint: write '[fd00::1]:53')"}},
    {"Schemes",
     peer("tls://10.2.0.10"),
     {std::string(kEndpoint) +
      "'tls://10.2.0.10' is not an address or host name (hint: write '10.2.0.10' and transport: "
      "tls)"}},
    {"SchemesWhereThereIsNoTransport",
     "bootstrap: ['tls://10.2.0.10', 'udp://[fd00::1]:5353']\n",
     {"pz.yaml:1:13: bootstrap[0]: 'tls://10.2.0.10' is not an address or host name (hint: write "
      "'10.2.0.10')",
      "pz.yaml:1:32: bootstrap[1]: 'udp://[fd00::1]:5353' is not an address or host name (hint: "
      "write '[fd00::1]:5353')"}},
    {"RespelledItWouldBeRefusedToo",
     "peers: {w: {zones: [w.test], endpoints: ['https://dns.example.com/dns-query', "
     "'10.2.0.10#dns', 'dns@10.2.0.10@53', 'tls://']}}\n",
     {"pz.yaml:1:42: peers.w.endpoints[0]: 'https://dns.example.com/dns-query' is not an address "
      "or "
      "host name (hint: such as 10.2.0.10, \"[fd00::1]:5353\" or dns.example.com:53)",
      "pz.yaml:1:79: peers.w.endpoints[1]: '10.2.0.10#dns' is not an address or host name (hint: "
      "such as 10.2.0.10, \"[fd00::1]:5353\" or dns.example.com:53)",
      "pz.yaml:1:96: peers.w.endpoints[2]: 'dns@10.2.0.10@53' is not an address or host name "
      "(hint: such as 10.2.0.10, \"[fd00::1]:5353\" or dns.example.com:53)",
      "pz.yaml:1:116: peers.w.endpoints[3]: 'tls://' is not an address or host name (hint: such as "
      "10.2.0.10, \"[fd00::1]:5353\" or dns.example.com:53)"}},
    {"ResolvConf",
     "forward: {.: {endpoints: ['/etc/resolv.conf', 'reslov.conf:/etc/resolv.conf']}}\n",
     {"pz.yaml:1:27: forward.\".\".endpoints[0]: '/etc/resolv.conf' is not an address or host name "
      "(hint: did you mean 'resolv.conf:/etc/resolv.conf'?)",
      "pz.yaml:1:47: forward.\".\".endpoints[1]: 'reslov.conf:/etc/resolv.conf' is not an address "
      "or host name (hint: did you mean 'resolv.conf:/etc/resolv.conf'?)"}},
    {"MissingResolvConf",
     "bootstrap: [192.0.2.53]\nforward: {.: {endpoints: ['resolv.conf:/none/resolv.conf']}}\n",
     {"pz.yaml:2:27: warning: forward.\".\".endpoints[0]: cannot read /none/resolv.conf: No such "
      "file or directory (hint: it is looked at each second, and used as soon as it is there)"}},
    {"Words",
     R"(workers: atuo
listen: {admin: none}
log: {level: INFO, queries: error}
peers:
  w: {zones: [w.test], endpoints: [10.2.0.10], transport: dot, hedge: no}
  v: {zones: [v.test], endpoints: [10.2.0.10], transport: UPD, hedge: true}
  u: {zones: [u.test], endpoints: [{svr: _dns._udp.u.test}]}
)",
     {"pz.yaml:1:10: workers: 'atuo' is not a whole number (hint: did you mean 'auto'?)",
      "pz.yaml:2:17: listen.admin: 'none' is not an IP address (hint: did you mean 'off'?)",
      "pz.yaml:3:14: log.level: 'INFO' is not one of debug, info, warning and error (hint: did you "
      "mean 'info'?)",
      "pz.yaml:3:29: log.queries: 'error' is not one of off, errors and all (hint: did you mean "
      "'errors'?)",
      "pz.yaml:5:59: peers.w.transport: 'dot' is not one of auto, udp, tcp and tls (hint: did you "
      "mean 'tls'?)",
      "pz.yaml:5:71: peers.w.hedge: 'no' is not one of on and off (hint: did you mean 'off'?)",
      "pz.yaml:6:59: peers.v.transport: 'UPD' is not one of auto, udp, tcp and tls (hint: did you "
      "mean 'udp'?)",
      "pz.yaml:6:71: peers.v.hedge: 'true' is not one of on and off (hint: did you mean 'on'?)",
      "pz.yaml:7:36: peers.u.endpoints[0]: a text or srv is expected, not a mapping (hint: did you "
      "mean 'srv'?)"}},
    {"TrustedForwarders",
     "trusted_forwarders: [10.1.0.10, dnsdist.example, 10.1.0.1/16, 10.1.0.10/32, "
     "'10.1.0.10:53']\n",
     {"pz.yaml:1:33: trusted_forwarders[1]: 'dnsdist.example' is not an IP address (hint: such as "
      "10.1.0.0/16 or fd00:1::/64)",
      "pz.yaml:1:50: trusted_forwarders[2]: '10.1.0.1/16' has bits set behind its prefix length "
      "(hint: write 10.1.0.0/16)",
      "pz.yaml:1:63: trusted_forwarders[3]: '10.1.0.10/32' is listed twice",
      "pz.yaml:1:77: trusted_forwarders[4]: '10.1.0.10:53' is not an IP address (hint: such as "
      "10.1.0.0/16 or fd00:1::/64)"}},
    {"TrustedForwardersThatAreAll",
     "trusted_forwarders: [10.0.0.0/8, 0.0.0.0/0, '::/0']\n",
     {"pz.yaml:1:34: warning: trusted_forwarders[1]: '0.0.0.0/0' trusts every client: each may "
      "choose its own view (hint: name the addresses that the forwarders ask from)",
      "pz.yaml:1:45: warning: trusted_forwarders[2]: '::/0' trusts every client: each may choose "
      "its own view (hint: name the addresses that the forwarders ask from)"}},
    {"TrustedForwardersInAView",
     "views: [{clients: [10.0.0.0/8], trusted_forwarders: [10.1.0.10]}]\ntrusted_forwarder: []\n",
     {"pz.yaml:1:33: views[0].trusted_forwarders: unknown key 'trusted_forwarders' (hint: "
      "'trusted_forwarders' belongs to the top level)",
      "pz.yaml:2:1: trusted_forwarder: unknown key 'trusted_forwarder' (hint: did you mean "
      "'trusted_forwarders'?)"}},
    {"TrustedForwardersLeftOut", "trusted_forwarders: []\n", {}},
    {"Units",
     "cache: {size: 64 MB, max_ttl: 5min, negative_max_ttl: 30 Seconds}\nlimits: {tcp_idle: 10}\n",
     {"pz.yaml:1:15: cache.size: '64 MB' is not a size (hint: did you mean '64MiB'?)",
      "pz.yaml:1:31: cache.max_ttl: '5min' is not a duration (hint: did you mean '5m'?)",
      "pz.yaml:1:55: cache.negative_max_ttl: '30 Seconds' is not a duration (hint: did you mean "
      "'30s'?)",
      "pz.yaml:2:20: limits.tcp_idle: '10' is not a duration (hint: a whole number with its unit: "
      "250ms, 5s, 1m, 1h or 1d)"}},
};
INSTANTIATE_TEST_SUITE_P(Values, Mistakes, testing::ValuesIn(kValues), name_of);

TEST(ManyMistakes, OnlyTheFirstUnknownKeysOfAMappingHaveHints) {
    std::string yaml = "cache:\n";
    for (int i = 0; i < 25; ++i) yaml += "  nonsense" + std::to_string(i) + ": 1\n";
    const Loaded loaded = load_text(yaml + "log: {levle: info}\n", "pz.yaml");
    ASSERT_EQ(loaded.problems.size(), 26u);
    EXPECT_NE(loaded.problems[19].hint, "");
    EXPECT_EQ(loaded.problems[20].hint, "");
    EXPECT_EQ(loaded.problems[25].hint, "did you mean 'level'?");
}

}  // namespace
}  // namespace peerzone::config
