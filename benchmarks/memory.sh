#!/usr/bin/env bash
# Peak memory of packs beside its prediction: resident memory of a process from before the data set is there to the files of its trials, a fresh process for each run of a case; the median of several.
# usage: benchmarks/memory.sh [--cases "MODEL,BATCH,SLOTS,LANES ..."] [--runs N] [--save]      --save writes benchmarks/results/memory-<date>.md
# shellcheck source=benchmarks/shared/report.sh
source "$(dirname "$0")/shared/report.sh"
cases="mlp,128,1,1 mlp,128,4,1 mlp,32,8,1 mlp,32,2,2 mlp,1024,2,1 gelu,512,2,1 wide,128,1,1 wide,128,3,1 tiny,128,16,1 tiny,32,32,1 tiny,32,8,2"
cases+=" smallconv,64,8,1 conv,64,1,1 conv,64,4,1 conv,64,1,2 resnet,64,1,1 resnet,64,4,1"
cases+=" mlp+iwae5,128,1,1 mlp+iwae5,128,4,1 mlp+iwae50,128,1,1 mlp+iwae50,20,1,1 mlp+tc,128,1,1 mlp+tc,128,4,1 mlp+mmd,128,1,1 mlp+mmd,128,4,1 mlp+factor,128,1,1 mlp+factor,128,2,1 mlp+vamp,128,1,1 mlp+vamp,128,4,1"
cases+=" conditional,128,1,1 conditional,128,4,1 m2,128,1,1 m2,128,4,1 ladder,128,1,1 ladder,128,4,1 ladder+iwae5,128,1,1 vq,128,1,1 vq,128,4,1 vqconv,64,1,1 vqconv,64,4,1"
runs=3
read_options "cases runs" "" "" "$@"
build_benchmark planning
program=benchmarks/planning/bin/Release/net10.0/planning

# predicted and measured bytes of each run of a case; they are no times, so the runs may stand beside each other
readings() {
  local model batch slots lanes
  IFS=, read -r model batch slots lanes <<<"$1"
  for _ in $(seq "$runs"); do
    "$program" memory "$model" "$batch" "$slots" "$lanes" | sed -nE 's/.*"predicted":([0-9]+),"peak":([0-9]+).*/\1 \2/p' &
  done
  wait
}

report() {
  head_of "Peak memory of packs beside its prediction" \
    "10,000 made-up images, Adam, every trial with a seed of its own; all trials of a pack end together, all packs of a process, too" \
    "measured: growth of the resident memory to its highest, from before the data set is there (libraries were loaded and warmed up) until models and files of all trials are; median of $runs fresh processes, and their range"
  echo "| model | batch | slots | lanes | predicted MB | measured MB | from | to | predicted / measured |"
  echo "| --- | --- | --- | --- | --- | --- | --- | --- | --- |"
  for case in $cases; do
    readings "$case" | sort -n -k2 | awk -v head="| ${case//,/ | } |" '
      { predicted = $1; measured[NR] = $2 }
      END {
        if (NR == 0) exit 1
        middle = (measured[int((NR + 1) / 2)] + measured[int(NR / 2) + 1]) / 2
        printf "%s %.1f | %.1f | %.1f | %.1f | %.2f |\n", head, predicted / 1e6, middle / 1e6, measured[1] / 1e6, measured[NR] / 1e6, predicted / middle
      }'
  done
}
publish memory
