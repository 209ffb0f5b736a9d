#!/usr/bin/env bash
# Peak memory of packs beside its prediction: resident memory of a process from before the data set is there to the files of its trials, one process for each case.
# usage: benchmarks/memory.sh [--cases "MODEL,BATCH,SLOTS,LANES ..."] [--save]      --save writes benchmarks/results/memory-<date>.md
set -euo pipefail
cd "$(dirname "$0")/.."
command="benchmarks/memory.sh $*"
cases="mlp,128,1,1 mlp,128,4,1 mlp,32,8,1 mlp,32,2,2 mlp,1024,2,1 gelu,512,2,1 wide,128,1,1 wide,128,3,1 tiny,128,16,1 tiny,32,32,1 tiny,32,8,2 smallconv,64,8,1 conv,64,1,1 conv,64,4,1"
save=no
while [ $# -gt 0 ]; do
  case "$1" in
    --cases) cases=$2; shift 2 ;;
    --save) save=yes; shift ;;
    *) echo "unknown option $1; see the head of $0" >&2; exit 2 ;;
  esac
done
dotnet build -c Release benchmarks/planning -v q --nologo >&2
program=benchmarks/planning/bin/Release/net10.0/planning

report() {
  echo "# Peak memory of packs beside its prediction"
  echo
  echo "- date $(date -u +%F), commit $(git rev-parse --short HEAD)$([ -z "$(git status --porcelain)" ] || echo ' with changes')"
  echo "- processor $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1), Linux $(uname -r); 10,000 made-up images, Adam, every trial with a seed of its own"
  echo "- measured: growth of the resident memory to its highest, what the allocator keeps included; libraries were loaded and warmed up before"
  echo "- command: \`$command\`"
  echo
  echo "| model | batch | slots | lanes | predicted MB | measured MB | predicted / measured |"
  echo "| --- | --- | --- | --- | --- | --- | --- |"
  for case in $cases; do
    IFS=, read -r model batch slots lanes <<<"$case"
    "$program" memory "$model" "$batch" "$slots" "$lanes" |
      sed -nE "s/.*\"predicted\":([0-9]+),\"peak\":([0-9]+).*/\1 \2/p" |
      awk -v head="| $model | $batch | $slots | $lanes |" '{ printf "%s %.1f | %.1f | %.2f |\n", head, $1 / 1e6, $2 / 1e6, $1 / $2 }'
  done
}
if [ "$save" = yes ]; then
  mkdir -p benchmarks/results
  report | tee "benchmarks/results/memory-$(date -u +%F).md"
else
  report
fi
