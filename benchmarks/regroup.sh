#!/usr/bin/env bash
# What a lost rank costs its gang: one process per rank on this machine, one of them killed with -9 again and again while they train; time until the survivors have applied their next act, and until a new process has joined them.
# usage: benchmarks/regroup.sh [--kills 50] [--ranks 3] [--save]
# The runner is the benchmark itself, so these are the engine's own times, without a coordinator. --save writes benchmarks/results/regroup-<date>.md.
# shellcheck source=benchmarks/shared/report.sh
source "$(dirname "$0")/shared/report.sh"
 kills=50 ranks=3
read_options "kills ranks" "" "" "$@"
build_benchmark regroup

report() {
  head_of "Loss and join of a rank, without a coordinator" \
    "$ranks processes of one thread, MLP 784-512-256-16, batch 128, Adam; $kills kills with -9 at random times, each followed by a new process that joins"
  for engine in messagepack shared_memory; do
    echo '```'
    benchmarks/regroup/bin/Release/net10.0/regroup --engine "$engine" --kills "$kills" --ranks "$ranks"
    echo '```'
  done
}
publish regroup
