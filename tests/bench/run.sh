#!/usr/bin/env bash
# peerzone beside Unbound, dnsdist, Knot Resolver, BIND, dnsmasq and CoreDNS (those that are here), and the echo floor.
#   tests/bench/run.sh [--rounds N] [--seconds S] [--names N] [--servers a,b] [--readme] [WORKLOAD…]     --help names the workloads
#   tests/bench/run.sh micro [GOOGLE_BENCHMARK_OPTION…]                                          the steps of a hit, each alone
# Builds what it needs with the release preset into build/bench/, and leaves bench.json and bench.md there. As root it installs Debian
# packages that are missing. $PEERZONE names another peerzone to measure; $COREDNS a CoreDNS; $PEERZONE_ECHO an echo (ADDRESS PORT) or
# $PEERZONE_ECHO_SOURCE its C source, to be the floor.
set -euo pipefail
cd "$(dirname "$0")/../.."
. deploy/packages.sh

for argument in "$@"; do # answered before anything is installed or built
    case $argument in -h | --help)
        sed -n '2,/^[^#]/s/^# //p' "$0"
        echo
        python3 -B tests/bench/bench.py --help 2> /dev/null || true # micro needs no Python, so it may not be here
        exit 0 ;;
    esac
done

# shellcheck disable=SC2086
need_packages $build_packages $test_packages libbenchmark-dev openssl util-linux
[ "$(id -u)" != 0 ] || need_packages unbound dnsdist knot-resolver bind9 dnsmasq-base ||
    echo "Some servers are missing: they are not measured"

[ -f build/bench/release/build.ninja ] || cmake --preset release -B build/bench/release -DPEERZONE_BUILD_TESTS=ON > /dev/null
if [ "${1:-}" = micro ]; then
    shift
    cmake --build build/bench/release --target bench_micro
    exec build/bench/release/tests/bench/bench_micro "$@"
fi
targets=(bench_load bench_responder bench_floor)
[ -n "${PEERZONE:-}" ] || targets+=(peerzone)
cmake --build build/bench/release --target "${targets[@]}"
python3 -B tests/bench/bench.py --peerzone "${PEERZONE:-build/bench/release/peerzone}" --tools build/bench/release/tests/bench \
    --out build/bench "$@"
echo
sed -n '/^| workload/,/^$/p' build/bench/bench.md
echo "All of it: build/bench/bench.md, build/bench/bench.json"
