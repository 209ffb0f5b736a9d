#!/usr/bin/env bash
# The probe's choice of lanes, slots and threads beside the best of all shapes, each measured three times in turn and for longer than the probe may take.
# usage: benchmarks/probe.sh [--threads N] [--device cpu|cuda] [--cases "MODEL,BATCH ..."] [--save]      --save writes benchmarks/results/probe-<date>.md
set -euo pipefail
cd "$(dirname "$0")/.."
command="benchmarks/probe.sh $*"
threads=$(nproc) device=cpu cases="mlp,32 tiny,32 tiniest,32 smallconv,64" save=no
while [ $# -gt 0 ]; do
  case "$1" in
    --threads) threads=$2; shift 2 ;;
    --device) device=$2; shift 2 ;;
    --cases) cases=$2; shift 2 ;;
    --save) save=yes; shift ;;
    *) echo "unknown option $1; see the head of $0" >&2; exit 2 ;;
  esac
done
dotnet build -c Release benchmarks/planning -v q --nologo >&2
program=benchmarks/planning/bin/Release/net10.0/planning

report() {
  echo "# The probe's choice beside the best of all shapes"
  echo
  echo "- date $(date -u +%F), commit $(git rev-parse --short HEAD)$([ -z "$(git status --porcelain)" ] || echo ' with changes')"
  echo "- processor $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1), $threads threads, device $device, Linux $(uname -r), OPENBLAS_CORETYPE=${OPENBLAS_CORETYPE:-unset}, load average before $(cut -d' ' -f1-3 /proc/loadavg)"
  echo "- lanes x slots (threads of each lane); rates in updates of single trials per second; \"of best\": the chosen shape's rate in the long measurement beside that of the best shape"
  echo "- command: \`$command\`"
  echo
  echo "| model | batch | probe s | shapes tried | all | chosen | of best | best | its rate | one trial, one thread | rule of thumb | of best |"
  echo "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"
  for case in $cases; do
    IFS=, read -r model batch <<<"$case"
    "$program" probe "$model" "$batch" "$threads" "$device" | python3 -c '
import json, sys
r = json.loads(sys.stdin.readline())
print("| %s | %s | %.1f | %d | %d | %s | %.2f | %s | %.0f | %.0f | %s | %.2f |" % (sys.argv[1], sys.argv[2], r["seconds"], r["tried"], r["all"], r["chosen"], r["share"], r["best"], r["bestRate"], r["solo"], r["rule"], r["ruleShare"]))' "$model" "$batch"
  done
}
if [ "$save" = yes ]; then
  mkdir -p benchmarks/results
  report | tee "benchmarks/results/probe-$(date -u +%F).md"
else
  report
fi
