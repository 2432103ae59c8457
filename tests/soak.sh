#!/usr/bin/env bash
# A mixture of hits, misses, names that do not exist, damaged messages, TCP and TLS through a build of choice, between peers that are
# asked in clear and one that is asked over TLS: no sanitizer report, no wrong or missing answer, memory flat, a clean stop.
#   tests/soak.sh [--build DIR] (--questions N | --seconds S)      defaults: --build build/dev --questions 1000000
# Long runs: tests/soak.sh --build build/dev --questions 1000000; tests/soak.sh --build build/tsan --seconds 300
set -euo pipefail
cd "$(dirname "$0")/.."
build=build/dev how=--questions amount=1000000
while [ $# -gt 0 ]; do
    case $1 in
        --build) build=$2 ;;
        --questions | --seconds) how=$1 amount=$2 ;;
        *) echo "unknown option $1" >&2; exit 2 ;;
    esac
    shift 2
done
work=$(mktemp -d)
pids=()
trap 'for p in "${pids[@]}"; do kill "$p" 2>/dev/null || true; done; wait 2>/dev/null || true; rm -rf "$work"' EXIT

# Sanitizers keep freed memory in a quarantine; a small one lets a leak show in the resident size.
export ASAN_OPTIONS=quarantine_size_mb=8:malloc_context_size=8:detect_leaks=1
export TSAN_OPTIONS=halt_on_error=0:exitcode=66
port=${PEERZONE_SOAK_PORT:-5390}
net=127.$((64 + RANDOM % 187)).$((RANDOM % 256)) # one of its own, whatever else runs now
tls_port=$((port + 463))
command -v openssl > /dev/null || { echo "soak: openssl is not installed"; exit 2; }
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=soak -addext subjectAltName=DNS:soak.test \
    -keyout "$work/tls.key" -out "$work/tls.crt" 2> "$work/openssl.log" || { cat "$work/openssl.log"; exit 1; }
for i in 1 2; do
    cat > "$work/peer$i.yaml" <<YAML
cluster: {name: peer$i}
workers: 1
listen: {dns: ["$net.1$i:$port"]}
zones:
  westus.svc.cluster.local: {records: ["* 5 A 10.2.9.9", "only.nx 5 A 10.2.9.8"]}
YAML
done
cat > "$work/peer3.yaml" <<YAML
cluster: {name: peer3}
workers: 1
listen: {dns: ["$net.13:$port"], tls: ["$net.13:$tls_port"]}
tls: {certificate: $work/tls.crt, key: $work/tls.key}
zones:
  northeurope.svc.cluster.local: {records: ["* 5 A 10.2.9.9", "only.nx 5 A 10.2.9.8"]}
YAML
cat > "$work/server.yaml" <<YAML
cluster: {name: soak}
workers: 2
listen: {dns: ["$net.1:$port"], tls: ["$net.1:$tls_port"]}
tls: {certificate: $work/tls.crt, key: $work/tls.key}
cache: {size: 4MiB}
peers:
  westus: {zones: [westus.svc.cluster.local], endpoints: ["$net.11:$port", "$net.12:$port"]}
  northeurope:
    zones: [northeurope.svc.cluster.local]
    endpoints: ["$net.13:$tls_port"]
    transport: tls
    tls: {server_name: soak.test, ca: $work/tls.crt}
YAML
for name in peer1 peer2 peer3 server; do
    "$build/peerzone" serve --config "$work/$name.yaml" 2> "$work/$name.log" &
    pids+=($!)
    for _ in $(seq 200); do grep -q ' serving ' "$work/$name.log" && break; sleep 0.05; done
    grep -q ' serving ' "$work/$name.log" || { cat "$work/$name.log"; echo "soak: $name did not start"; exit 1; }
done
server=${pids[3]}
resident() { awk '/^VmRSS/ {print $2}' "/proc/$server/status"; }

load=$build/tests/soak_load
[ -x "$load" ] || load=build/dev/tests/soak_load # the release preset builds no tests
ask=("$load" $net.1 "$port" "$tls_port" westus.svc.cluster.local,northeurope.svc.cluster.local)
"${ask[@]}" --questions 60000 # warm: the cache is full, pools and buffers have grown
before=$(resident)
failed=0
"${ask[@]}" "$how" "$amount" || failed=1
after=$(resident)
echo "soak: resident $((before / 1024)) MiB after the warm-up, $((after / 1024)) MiB at the end"
[ $((after - before)) -lt 32768 ] || { echo "soak: memory grew by $(((after - before) / 1024)) MiB"; failed=1; }
for i in 0 1 2 3; do
    kill -TERM "${pids[$i]}"
    wait "${pids[$i]}" || { echo "soak: exit status $? instead of 0"; failed=1; }
done
pids=()
if grep -lE 'Sanitizer|runtime error' "$work"/*.log; then
    grep -hE -A 25 'Sanitizer|runtime error' "$work"/*.log | head -n 80
    failed=1
fi
grep -h ' counters ' "$work/server.log" | sed 's/^/soak: /'
for counter in tls_resumed upstream_tls_replies; do
    grep -q " $counter=" "$work/server.log" || { echo "soak: TLS took no part: no $counter"; failed=1; }
done
[ $failed = 0 ] && echo "soak: no report, every answer right"
exit $failed
