// Broken configurations, each with every line that `peerzone check` prints for it.
#include "unit/config/broken_support.hpp"

namespace peerzone::config {
namespace {

TEST_P(BrokenConfig, SaysEveryProblemWithItsPlace) {
    const Loaded loaded = load_text(GetParam().yaml, "pz.yaml");
    EXPECT_THAT(problem_lines(loaded), testing::ElementsAreArray(GetParam().lines));
    EXPECT_FALSE(loaded.config.has_value());
}

const Broken kDocuments[] = {
    {"Empty",
     "",
     {"pz.yaml:1:1: the file is empty (hint: start from config/peerzone.example.yaml)"}},
    {"OnlyComments",
     R"(# nothing
)",
     {"pz.yaml:1:1: the file is empty (hint: start from config/peerzone.example.yaml)"}},
    {"AList",
     R"(- peers
)",
     {"pz.yaml:1:1: a mapping is expected, not a list (hint: write 'key: value' lines below it)"}},
    {"AText",
     R"(peers
)",
     {"pz.yaml:1:1: a mapping is expected, not a text (hint: write 'key: value' lines below it)"}},
    {"TabIndented",
     R"(cache:
	size: 1MiB
	max_ttl: 1h
)",
     {"pz.yaml:2:6: this is not YAML: illegal map value (hint: indent with spaces; YAML allows no "
      "tabs there)"}},
    {"OpenBracket",
     R"(listen:
  dns: [127.0.0.1:53
)",
     {"pz.yaml:2:8: this '[' is never closed (hint: the file ends before its ']'; is it "
      "complete?)"}},
    {"ColonInText",
     R"(zones:
  x.test: file: a.zone
)",
     {"pz.yaml:2:15: this is not YAML: illegal map value (hint: put a text that holds ': ' into "
      "quotes, and check the indentation)"}},
    {"NotUtf8",
     "cluster:\n  name: \xff\n",
     {"pz.yaml:2:9: this is not UTF-8 text (hint: save the file as UTF-8)"}},
    {"TwoDocuments",
     R"(workers: 1
---
workers: 2
)",
     {"pz.yaml:2:1: a second YAML document starts here (hint: one file holds one configuration)"}},
    {"UnknownAlias",
     R"(workers: *none
)",
     {"pz.yaml:1:10: this is not YAML: the referenced anchor is not defined (hint: a text that "
      "starts with '*' or '&' needs quotes)"}},
    {"AliasInItsAnchor",
     R"(peers: &p {a: *p}
)",
     {"pz.yaml:1:15: an alias stands inside its own anchor"}},
    {"Tag",
     R"(workers: !include other.yaml
)",
     {"pz.yaml:1:10: the YAML tag '!include' has no meaning here"}},
    {"DuplicateKeys",
     R"(workers: 1
cache: {size: 1MiB, size: 2MiB}
workers: 2
)",
     {"pz.yaml:2:21: cache.size: the key 'size' is given twice (hint: it is on line 2 already)",
      "pz.yaml:3:1: workers: the key 'workers' is given twice (hint: it is on line 1 already)"}},
    {"KeyThatIsNoText",
     R"(? [a, b]
: 1
)",
     {"pz.yaml:1:3: a key must be a text, not a list"}},
};
INSTANTIATE_TEST_SUITE_P(Documents, BrokenConfig, testing::ValuesIn(kDocuments), name_of);

const Broken kKeys[] = {
    {"Misspelt",
     R"(peers:
  westus:
    zones: [w.test]
    endpoint: [10.2.0.10]
)",
     {"pz.yaml:2:3: peers.westus: 'endpoints' is missing (hint: at least one address or host name)",
      "pz.yaml:4:5: peers.westus.endpoint: unknown key 'endpoint' (hint: did you mean "
      "'endpoints'?)"}},
    {"NotSupportedYet",
     R"(cache: {save: here}
clusterset: {zone: clusterset.local}
local: {kubernetes: {}}
)",
     {"pz.yaml:1:9: cache.save: unknown key 'save' (hint: not supported yet)",
      "pz.yaml:2:1: clusterset: unknown key 'clusterset' (hint: not supported yet)",
      "pz.yaml:3:9: local.kubernetes: unknown key 'kubernetes' (hint: not supported yet)"}},
    {"InTheWrongPlace",
     R"(max_ttl: 1h
cache: {peers: {}}
)",
     {"pz.yaml:1:1: max_ttl: unknown key 'max_ttl' (hint: 'max_ttl' belongs to cache)",
      "pz.yaml:2:9: cache.peers: unknown key 'peers' (hint: 'peers' belongs to the top level)"}},
    {"FromNowhere",
     R"(log: {colour: red}
)",
     {"pz.yaml:1:7: log.colour: unknown key 'colour' (hint: known here: level "
      "and queries)"}},
};
INSTANTIATE_TEST_SUITE_P(Keys, BrokenConfig, testing::ValuesIn(kKeys), name_of);

const Broken kValues[] = {
    {"Cluster",
     R"(cluster:
  name: east us
  zone: .
)",
     {"pz.yaml:2:9: cluster.name: 'east us' is not a name for a cluster, peer or view (hint: 1 to "
      "63 letters, digits, '-', '_' or '.')",
      "pz.yaml:3:9: cluster.zone: the root cannot be a cluster's zone (hint: usually "
      "cluster.local)"}},
    {"Workers",
     R"(workers: 65
)",
     {"pz.yaml:1:10: workers: '65' is not within 1 and 64 (hint: auto, or a number of threads from "
      "1 to 64)"}},
    {"WorkersNoNumber",
     R"(workers: many
)",
     {"pz.yaml:1:10: workers: 'many' is not a whole number (hint: auto, or a number of threads "
      "from 1 to 64)"}},
    {"NothingWhereATextBelongs",
     R"(workers:
)",
     {"pz.yaml:1:1: workers: a text is expected, not nothing (hint: write its value behind it, or "
      "remove the key)"}},
    {"AdminAddress",
     R"(listen: {admin: localhost}
)",
     {"pz.yaml:1:17: listen.admin: 'localhost' is not an IP address (hint: off, or one address "
      "such as 127.0.0.1:9153)"}},
    {"AdminTakesTheAddressOfDns",
     R"(listen: {dns: ["127.0.0.1:53"], admin: "127.0.0.1:53"}
)",
     {"pz.yaml:1:40: listen.admin: '127.0.0.1:53' is listed twice"}},
    {"WrongTypes",
     R"(cluster: eastus
listen: {dns: 127.0.0.1:53}
peers: [westus]
cache: {size: [1MiB]}
)",
     {"pz.yaml:1:10: cluster: a mapping is expected, not a text (hint: write 'key: value' lines "
      "below it)",
      "pz.yaml:2:15: listen.dns: a list is expected, not a text (hint: write [127.0.0.1:53])",
      "pz.yaml:3:8: peers: a mapping is expected, not a list (hint: write 'key: value' lines below "
      "it)",
      "pz.yaml:4:15: cache.size: a text is expected, not a list (hint: a text that starts with '[' "
      "needs quotes, such as \"[::1]:53\")"}},
    {"Durations",
     R"(cache:
  max_ttl: 3600
  negative_max_ttl: 2h
limits:
  tcp_idle: 1500ms
  tcp_write_stall: 0s
)",
     {"pz.yaml:2:12: cache.max_ttl: '3600' is not a duration (hint: a whole number with its unit: "
      "250ms, 5s, 1m, 1h or 1d)",
      "pz.yaml:3:21: cache.negative_max_ttl: '2h' is not within 0s and 1h",
      "pz.yaml:5:13: limits.tcp_idle: '1500ms' is not a whole number of seconds (hint: such as 1s)",
      "pz.yaml:6:20: limits.tcp_write_stall: '0s' is not within 1s and 1h"}},
    {"Sizes",
     R"(cache: {size: 64MB}
limits: {tcp_write_queue_max: 64KiB}
)",
     {"pz.yaml:1:15: cache.size: '64MB' is not a size (hint: did you mean '64MiB'?)",
      "pz.yaml:2:31: limits.tcp_write_queue_max: '64KiB' is not within 128KiB and 1GiB"}},
    {"CacheTooSmall",
     R"(cache: {size: 1023KiB}
)",
     {"pz.yaml:1:15: cache.size: '1023KiB' is not within 1MiB and 1024GiB"}},
    {"Limits",
     R"(limits:
  tcp_connections_max: 10
  tcp_connections_per_client_max: 11
  in_flight_per_upstream_max: 0
  waiters_per_question_max: -1
  waiters_per_upstream_max: 99999999999999999999
)",
     {"pz.yaml:3:35: limits.tcp_connections_per_client_max: 11 is more than tcp_connections_max, "
      "which is 10",
      "pz.yaml:4:31: limits.in_flight_per_upstream_max: '0' is not within 1 and 65536",
      "pz.yaml:5:29: limits.waiters_per_question_max: '-1' is not a whole number",
      "pz.yaml:6:29: limits.waiters_per_upstream_max: '99999999999999999999' is not within 1 and "
      "1000000"}},
    {"LogLevel",
     R"(log: {level: warn}
)",
     {"pz.yaml:1:14: log.level: 'warn' is not one of debug, info, warning and error (hint: did you "
      "mean 'warning'?)"}},
    {"UnsetVariable",
     R"(cluster: {name: "${PEERZONE_TEST_UNSET}"}
)",
     {"pz.yaml:1:17: cluster.name: the environment variable PEERZONE_TEST_UNSET is not set "
      "(hint: set it for the process, or write $${ for a literal ${)"}},
    {"BrokenVariable",
     R"(cluster: {name: "${REGION"}
)",
     {"pz.yaml:1:17: cluster.name: '${REGION' holds a '${' that begins no ${NAME} (hint: write $${ "
      "for a literal ${)"}},
};
INSTANTIATE_TEST_SUITE_P(Values, BrokenConfig, testing::ValuesIn(kValues), name_of);

}  // namespace
}  // namespace peerzone::config
