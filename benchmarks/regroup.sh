#!/usr/bin/env bash
# What a lost rank costs its gang: one process per rank on this machine, one of them killed with -9 again and again while they train; time until the survivors have applied their next act, and until a new process has joined them.
# usage: benchmarks/regroup.sh [--kills 50] [--ranks 3] [--save]
# The runner is the benchmark itself, so these are the engine's own times, without a coordinator. --save writes benchmarks/results/regroup-<date>.md.
set -euo pipefail
cd "$(dirname "$0")/.."
command="benchmarks/regroup.sh $*"
save=no kills=50 ranks=3
while [ $# -gt 0 ]; do
  case "$1" in
    --save) save=yes; shift ;;
    --kills) kills=$2; shift 2 ;;
    --ranks) ranks=$2; shift 2 ;;
    *) echo "unknown option $1; see the head of $0" >&2; exit 2 ;;
  esac
done
dotnet build -c Release benchmarks/regroup -v q --nologo >&2

report() {
  echo "# Loss and join of a rank, without a coordinator"
  echo
  echo "- date $(date -u +%F), commit $(git rev-parse --short HEAD)$([ -z "$(git status --porcelain)" ] || echo ' with changes')"
  echo "- processor $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1), $(nproc) cores, Linux $(uname -r), load average before $(cut -d' ' -f1-3 /proc/loadavg)"
  echo "- $ranks processes of one thread, MLP 784-512-256-16, batch 128, Adam; $kills kills with -9 at random times, each followed by a new process that joins"
  echo "- command: \`$command\`"
  echo
  for engine in messagepack shared_memory; do
    echo '```'
    benchmarks/regroup/bin/Release/net10.0/regroup --engine "$engine" --kills "$kills" --ranks "$ranks"
    echo '```'
  done
}
if [ "$save" = yes ]; then
  mkdir -p benchmarks/results
  report | tee "benchmarks/results/regroup-$(date -u +%F).md"
else
  report
fi
