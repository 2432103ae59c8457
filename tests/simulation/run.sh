#!/bin/sh
# Runs SEEDS scenarios, one a seed, by hand: a million takes hours, and half of them in two shells with --from.
#
# usage: run.sh SEEDS [--from N]       the seeds N (1) to N + SEEDS - 1, those of seeds.txt before them
#        run.sh --seed N [--trace]     one, with a line for everything that happens
# BUILD (build/dev): where the program was built: cmake --build build/dev --target simulation
set -eu
here=$(cd "$(dirname "$0")" && pwd)
program=$here/../../${BUILD:-build/dev}/tests/simulation/simulation
case ${1:-} in
    "") sed -n '2,6p' "$0" | cut -c3-; exit 2 ;;
    --*) exec "$program" "$@" ;;
esac
seeds=$1
shift
exec "$program" --list "$here/seeds.txt" --count "$seeds" "$@"
