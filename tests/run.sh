#!/usr/bin/env bash
# Builds the `dev` preset (ASan + UBSan, warnings are errors) and runs every test. Installs the Debian packages that are missing when
# it runs as root. Optional tools (NSD, Knot, CoreDNS by Go) are used when they can be had; what was skipped is told at the end.
#   tests/run.sh [CTEST_ARGUMENT…]
set -euo pipefail
cd "$(dirname "$0")/.."
. deploy/packages.sh

# shellcheck disable=SC2086
need_packages $build_packages libgtest-dev libgmock-dev python3 bind9-dnsutils
# shellcheck disable=SC2086
[ "$(id -u)" != 0 ] || need_packages nsd knot unbound ccache iproute2 etcd-server prometheus || echo "Some optional servers are missing: their tests are skipped"

[ -f build/dev/build.ninja ] || cmake --preset dev > /dev/null
cmake --build --preset dev

# CoreDNS is not in Debian. Its build takes minutes, so it happens here, once, outside of any test's own time.
if [ ! -x build/tools/coredns ] && ! command -v coredns > /dev/null && command -v go > /dev/null; then
    echo "Building CoreDNS (once)"
    GOBIN=$PWD/build/tools timeout 900 go install github.com/coredns/coredns@v1.15.0 > build/coredns.log 2>&1 ||
        { tail -n 3 build/coredns.log; echo "CoreDNS did not build: its tests are skipped"; }
fi

status=0
ctest --preset dev --output-on-failure "$@" 2>&1 | tee build/ctest.log || status=$?
reasons=$(grep -hoE 'SKIPPED: .*' build/dev/Testing/Temporary/LastTest.log 2>/dev/null | sort -u || true)
if [ -n "$reasons" ]; then
    printf '\nSkipped, and why:\n%s\n\n' "${reasons//SKIPPED: /  }"
    sed -n '/tests passed/,$p' build/ctest.log # the summary stays what is read last
fi
exit $status
