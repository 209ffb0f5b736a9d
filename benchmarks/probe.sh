#!/usr/bin/env bash
# The probe's choice of lanes, slots and threads beside the best of all shapes, each measured three times in turn and for longer than the probe may take.
# usage: benchmarks/probe.sh [--threads N] [--device cpu|cuda] [--cases "MODEL,BATCH ..."] [--save]      --save writes benchmarks/results/probe-<date>.md
# shellcheck source=benchmarks/shared/report.sh
source "$(dirname "$0")/shared/report.sh"
threads=$(nproc) device=cpu cases="mlp,32 tiny,32 tiniest,32 smallconv,64"
read_options "threads device cases" "" "" "$@"
build_benchmark planning
program=benchmarks/planning/bin/Release/net10.0/planning

report() {
  head_of "The probe's choice beside the best of all shapes" \
    "$threads threads, device $device" \
    "lanes x slots (threads of each lane); rates in updates of single trials per second; \"of best\": the chosen shape's rate in the long measurement beside that of the best shape"
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
publish probe
