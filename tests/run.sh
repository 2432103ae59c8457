#!/usr/bin/env bash
# Builds the `dev` preset (ASan + UBSan, warnings are errors) and runs the tests. Installs the Debian packages that are missing when
# it runs as root. Optional tools (other makers' servers, CoreDNS by Go) are used when they can be had; what was skipped is told at the end.
#   tests/run.sh [--long] [CTEST_ARGUMENT…]
#     --long   also what takes minutes by itself, or repeats (label `long` in tests/CMakeLists.txt): what CI runs
set -euo pipefail
cd "$(dirname "$0")/.."
. deploy/packages.sh

chosen=(-LE '^long$')
for argument in "$@"; do
    shift
    case $argument in
        --long) chosen=() ;;
        -h | --help) sed -n '2,/^[^#]/s/^# //p' "$0"; exit 0 ;;
        *) set -- "$@" "$argument" ;;
    esac
done

# shellcheck disable=SC2086
need_packages $build_packages $test_packages
# One that is missing in some release of Debian must not keep the others away.
# shellcheck disable=SC2086
if [ "$(id -u)" = 0 ] && ! need_packages $server_packages; then
    for package in $server_packages; do need_packages "$package" || echo "No $package: its tests are skipped"; done
fi

began=$SECONDS
[ -f build/dev/build.ninja ] || cmake --preset dev > /dev/null
cmake --build --preset dev
echo "Built in $((SECONDS - began)) s"

# CoreDNS is not in Debian. Its build takes minutes, so it happens here, once, outside of any test's own time.
if [ ! -x build/tools/coredns ] && ! command -v coredns > /dev/null && command -v go > /dev/null; then
    echo "Building CoreDNS (once)"
    GOBIN=$PWD/build/tools timeout 900 go install github.com/coredns/coredns@v1.15.0 > build/coredns.log 2>&1 ||
        { tail -n 3 build/coredns.log; echo "CoreDNS did not build: its tests are skipped"; }
fi

# Most tests wait for something most of the time, so more of them run than there are cores; those that measure run alone.
status=0
ctest --preset dev --output-on-failure --parallel $((2 * $(nproc) + 2)) "${chosen[@]}" "$@" 2>&1 | tee build/ctest.log || status=$?
reasons=$(grep -hoE 'SKIPPED: .*' build/dev/Testing/Temporary/LastTest.log 2>/dev/null | sort -u || true)
if [ -n "$reasons" ]; then
    printf '\nSkipped, and why:\n%s\n\n' "${reasons//SKIPPED: /  }"
    sed -n '/tests passed/,$p' build/ctest.log # the summary stays what is read last
fi
exit $status
