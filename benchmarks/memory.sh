#!/usr/bin/env bash
# Peak memory of packs beside its prediction: resident memory of a process from before the data set is there to the files of its trials, one process for each case.
# usage: benchmarks/memory.sh [--cases "MODEL,BATCH,SLOTS,LANES ..."] [--save]      --save writes benchmarks/results/memory-<date>.md
# shellcheck source=benchmarks/shared/report.sh
source "$(dirname "$0")/shared/report.sh"
cases="mlp,128,1,1 mlp,128,4,1 mlp,32,8,1 mlp,32,2,2 mlp,1024,2,1 gelu,512,2,1 wide,128,1,1 wide,128,3,1 tiny,128,16,1 tiny,32,32,1 tiny,32,8,2 smallconv,64,8,1 conv,64,1,1 conv,64,4,1"
read_options "cases" "" "" "$@"
build_benchmark planning
program=benchmarks/planning/bin/Release/net10.0/planning

report() {
  head_of "Peak memory of packs beside its prediction" \
    "10,000 made-up images, Adam, every trial with a seed of its own" \
    "measured: growth of the resident memory to its highest, what the allocator keeps included; libraries were loaded and warmed up before"
  echo "| model | batch | slots | lanes | predicted MB | measured MB | predicted / measured |"
  echo "| --- | --- | --- | --- | --- | --- | --- |"
  for case in $cases; do
    IFS=, read -r model batch slots lanes <<<"$case"
    "$program" memory "$model" "$batch" "$slots" "$lanes" |
      sed -nE "s/.*\"predicted\":([0-9]+),\"peak\":([0-9]+).*/\1 \2/p" |
      awk -v head="| $model | $batch | $slots | $lanes |" '{ printf "%s %.1f | %.1f | %.2f |\n", head, $1 / 1e6, $2 / 1e6, $1 / $2 }'
  done
}
publish memory
