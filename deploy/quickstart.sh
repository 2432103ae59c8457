#!/usr/bin/env bash
# peerzone in two minutes: three regions on loopback addresses, each with its own cluster.local, joined by peerzone and asked with dig.
# Installs the Debian packages (as root, when some are missing), builds, shows, checks every answer, cleans up. Ports above 1024.
#   ./deploy/quickstart.sh
set -euo pipefail
cd "$(dirname "$0")/.."
. deploy/packages.sh

headline() { printf '\n\033[1m== %s\033[0m\n' "$*"; }
say() { printf '   %s\n' "$*"; }
die() {
    printf '\n!! %s\n' "$*" >&2
    for log in "$work"/*.log; do [ -s "$log" ] && { echo "--- ${log##*/}"; tail -n 5 "$log"; } >&2; done
    exit 1
}

headline "Packages and build"
# shellcheck disable=SC2086
need_packages $build_packages bind9-dnsutils
[ -f build/release/build.ninja ] || cmake --preset release > /dev/null
cmake --build --preset release | tail -n 1
peerzone=$PWD/build/release/peerzone
say "$("$peerzone" --version)"

work=$(mktemp -d)
declare -A pid=()
cleanup() {
    trap - EXIT
    for p in "${pid[@]}"; do kill -CONT "$p" 2>/dev/null || true; kill "$p" 2>/dev/null || true; done
    wait 2>/dev/null || true
    rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

port=${PEERZONE_QUICKSTART_PORT:-5300}
regions=(eastus westus northeurope)
declare -A net=([eastus]=1 [westus]=2 [northeurope]=3)   # region N: kube-dns at 127.77.N.10 and .11, peerzone at 127.77.N.53

# The cluster's own DNS: what CoreDNS would answer for a CockroachDB StatefulSet of three pods.
cluster_dns() { # REGION INSTANCE
    local n=${net[$1]} ns=$1
    cat > "$work/$1-dns$2.yaml" <<YAML
cluster: {name: $1-dns$2, zone: cluster.local}
workers: 1
listen: {dns: ["127.77.$n.1$2:$port"], admin: off}
zones:
  cluster.local:
    records:
      # headless Service: one address per pod
      - cockroachdb.$ns.svc 5 A 10.$n.0.10
      - cockroachdb.$ns.svc 5 A 10.$n.0.11
      - cockroachdb.$ns.svc 5 A 10.$n.0.12
      # the pods of the StatefulSet
      - cockroachdb-0.cockroachdb.$ns.svc 5 A 10.$n.0.10
      - cockroachdb-1.cockroachdb.$ns.svc 5 A 10.$n.0.11
      - cockroachdb-2.cockroachdb.$ns.svc 5 A 10.$n.0.12
      # what \`cockroach start --join\` looks up
      - _grpc._tcp.cockroachdb.$ns.svc 5 SRV 0 33 26257 cockroachdb-0.cockroachdb.$ns.svc
      - _grpc._tcp.cockroachdb.$ns.svc 5 SRV 0 33 26257 cockroachdb-1.cockroachdb.$ns.svc
      - _grpc._tcp.cockroachdb.$ns.svc 5 SRV 0 33 26257 cockroachdb-2.cockroachdb.$ns.svc
      # the ClusterIP Service for clients
      - cockroachdb-public.$ns.svc 5 A 10.$n.96.20
YAML
}

# The region's peerzone: its own names go to its own DNS, each other region's names to that region's DNS.
region_peerzone() { # REGION
    local n=${net[$1]} other
    {
        echo "cluster: {name: $1, zone: cluster.local}"
        echo "workers: 1"
        echo "listen: {dns: [\"127.77.$n.53:$port\"], admin: \"127.77.$n.53:9153\"}"
        echo "local:"
        echo "  forward: {endpoints: [\"127.77.$n.10:$port\", \"127.77.$n.11:$port\"]}"
        echo "peers:"
        for other in "${regions[@]}"; do
            [ "$other" = "$1" ] && continue
            echo "  $other:"
            echo "    zones: [$other.svc.cluster.local]"
            echo "    endpoints: [\"127.77.${net[$other]}.10:$port\", \"127.77.${net[$other]}.11:$port\"]"
        done
    } > "$work/$1.yaml"
}

start() { # NAME
    "$peerzone" check "$work/$1.yaml" > "$work/$1.check" 2>&1 || die "peerzone check $1.yaml: $(cat "$work/$1.check")"
    "$peerzone" serve --config "$work/$1.yaml" 2> "$work/$1.log" &
    pid[$1]=$!
    for _ in $(seq 100); do
        grep -q ' serving ' "$work/$1.log" && return 0
        kill -0 "${pid[$1]}" 2>/dev/null || die "$1 did not start"
        sleep 0.05
    done
    die "$1 is not ready after 5 s"
}

# ask REGION NAME TYPE: the whole reply in $reply, the short answer in $answer, RCODE in $rcode, time in $ms
ask() {
    local begin=${EPOCHREALTIME/./}
    reply=$(dig +time=3 +tries=1 +nocookie -p "$port" "@127.77.${net[$1]}.53" "$2" "$3") || true
    ms=$(((${EPOCHREALTIME/./} - begin) / 1000))
    rcode=$(sed -n 's/.*status: \([A-Z]*\),.*/\1/p' <<< "$reply")
    answer=$(awk '/^;; ANSWER SECTION/ {on = 1; next} /^$/ {on = 0} on {$1 = $2 = $3 = $4 = ""; sub(/^ +/, ""); print}' <<< "$reply" | sort)
    ede=$(sed -n 's/^; EDE: //p' <<< "$reply")
}
expect() { # REGION NAME TYPE EXPECTED_ANSWER
    ask "$1" "$2" "$3"
    [ "$rcode" = NOERROR ] && [ "$answer" = "$4" ] || die "$2 $3 from $1: expected '$4', got $rcode '$answer' $ede"
    say "$1 asks $2 $3 -> $(paste -sd' ' <<< "$answer")"
}

headline "Three regions start: two cluster DNS servers and one peerzone each"
for region in "${regions[@]}"; do
    cluster_dns "$region" 0; cluster_dns "$region" 1; region_peerzone "$region"
    start "$region-dns0"; start "$region-dns1"
done
for region in "${regions[@]}"; do # they ask each other's DNS servers from their start on
    start "$region"
    say "$region: cluster.local at 127.77.${net[$region]}.10 and .11, peerzone for its pods at 127.77.${net[$region]}.53:$port"
done
say "the whole configuration of eastus:"
sed 's/^/     /' "$work/eastus.yaml"

headline "Every region resolves every other region (and itself)"
for from in "${regions[@]}"; do
    for to in "${regions[@]}"; do
        expect "$from" "cockroachdb-1.cockroachdb.$to.svc.cluster.local" A "10.${net[$to]}.0.11"
    done
done


headline "What a CockroachDB node of eastus needs from westus"
expect eastus cockroachdb.westus.svc.cluster.local A $'10.2.0.10\n10.2.0.11\n10.2.0.12'
expect eastus _grpc._tcp.cockroachdb.westus.svc.cluster.local SRV "0 33 26257 cockroachdb-0.cockroachdb.westus.svc.cluster.local.
0 33 26257 cockroachdb-1.cockroachdb.westus.svc.cluster.local.
0 33 26257 cockroachdb-2.cockroachdb.westus.svc.cluster.local."
expect eastus cockroachdb-public.westus.svc.cluster.local A 10.2.96.20

headline "The search list: a pod of eastus asks for the short name cockroachdb-0.cockroachdb.westus (ndots:5)"
walk=NXDOMAIN
for suffix in eastus.svc.cluster.local svc.cluster.local; do
    ask eastus "cockroachdb-0.cockroachdb.westus.$suffix" A
    say "cockroachdb-0.cockroachdb.westus.$suffix -> $rcode $answer (${ms} ms)"
    [ "$suffix" = svc.cluster.local ] && walk=NOERROR
    [ "$rcode" = "$walk" ] || die "expected $walk"
done

headline "One of westus's two DNS servers goes silent: answers go on"
kill -STOP "${pid[westus-dns0]}"
for name in cockroachdb-0.cockroachdb cockroachdb-2.cockroachdb cockroachdb-public; do
    ask northeurope "$name.westus.svc.cluster.local" A
    [ "$rcode" = NOERROR ] && [ -n "$answer" ] || die "$name: $rcode $ede"
    say "northeurope asks $name.westus.svc.cluster.local A -> $answer (${ms} ms)"
done
kill -CONT "${pid[westus-dns0]}"

headline "The whole region westus stops: a new name gets an answer that says why, the other region is unmoved"
for server in westus-dns0 westus-dns1 westus; do
    kill "${pid[$server]}"; wait "${pid[$server]}" || die "$server did not stop cleanly"
    unset "pid[$server]"
done
ask eastus cockroachdb-7.cockroachdb.westus.svc.cluster.local A
[ "$rcode" = SERVFAIL ] && grep -q 'peer=westus' <<< "$ede" || die "expected SERVFAIL with an extended error that names westus, got $rcode $ede"
[ "$ms" -lt 2000 ] || die "the failure took $ms ms"
grep -E 'status:|EDE' <<< "$reply" | sed 's/^/   /'
say "after ${ms} ms"
expect eastus cockroachdb-0.cockroachdb.northeurope.svc.cluster.local A 10.3.0.10

headline "What eastus knows by now: peerzone status --config eastus.yaml (http://127.77.${net[eastus]}.53:9153/ in a browser)"
"$peerzone" status --config "$work/eastus.yaml" > "$work/status" || die "peerzone status: $(cat "$work/status")"
grep -q '^westus ' "$work/status" || die "peerzone status does not name westus"
sed 's/^/   /' "$work/status"

headline "Done"
say "Your own: cp config/sidecar.yaml my.yaml; edit it; build/release/peerzone check my.yaml; build/release/peerzone serve --config my.yaml"
