#!/usr/bin/env bash
# All-reduce against PyTorch's Gloo, alternately in one run on this machine: through shared memory, and over TCP.
# usage: benchmarks/allreduce.sh [--repeats 5] [--seconds 0.5] [--ranks "2 4"] [--sizes BYTES,BYTES] [--engines "shared_memory messagepack"]
#                                [--lines FILE] [--no-build] [--save]
# Needs python3 with torch (Debian: apt-get install --no-install-recommends python3-torch python3-numpy). --save writes benchmarks/results/allreduce-<date>.md.
# --lines FILE adds what is measured to FILE and reports all that stands there, so that a long measurement can be made in pieces; --repeats 0 only reports.
set -euo pipefail
cd "$(dirname "$0")/.."

repeats=5 seconds=0.5 ranks="2 4" engines="shared_memory messagepack" save=no build=yes lines="" sizes=4096,262144,1048576,4194304,16777216,67108864
command="benchmarks/allreduce.sh $*"
while [ $# -gt 0 ]; do
  case "$1" in
    --repeats) repeats=$2; shift 2 ;;
    --seconds) seconds=$2; shift 2 ;;
    --ranks) ranks=$2; shift 2 ;;
    --sizes) sizes=$2; shift 2 ;;
    --engines) engines=$2; shift 2 ;;
    --lines) lines=$2; shift 2 ;;
    --no-build) build=no; shift ;;
    --save) save=yes; shift ;;
    *) echo "unknown option $1; see the head of $0" >&2; exit 2 ;;
  esac
done
python=${PYTHON:-/usr/bin/python3}
"$python" -c 'import torch' 2>/dev/null || { echo "$python has no torch: apt-get install --no-install-recommends python3-torch python3-numpy" >&2; exit 1; }

[ "$build" = no ] || dotnet build -c Release benchmarks/allreduce -v q --nologo >&2
ours=benchmarks/allreduce/bin/Release/net10.0/allreduce
if [ -z "$lines" ]; then
  lines=$(mktemp)
  trap 'rm -f "$lines"' EXIT
fi
touch "$lines"
# A line of another program of the same round is what a line is compared with.
keep() { sed "s/^{/{\"round\": \"$round\", /" >> "$lines"; }
for ((i = 1; i <= repeats; i++)); do
  round=$(date +%s%N)
  for n in $ranks; do
    echo "round $i of $repeats, $n ranks" >&2
    for engine in $engines; do "$ours" --ranks "$n" --sizes "$sizes" --seconds "$seconds" --engine "$engine" | keep; done
    "$python" benchmarks/allreduce/gloo.py --ranks "$n" --sizes "$sizes" --seconds "$seconds" | keep
  done
done

commit="$(git rev-parse --short HEAD)$([ -z "$(git status --porcelain)" ] || echo ' with changes')"
report() {
  echo "# All-reduce against PyTorch's Gloo on one host"
  echo
  echo "- date $(date -u +%F), commit $commit"
  echo "- processor $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1), $(nproc) cores, Linux $(uname -r), load average $(cut -d' ' -f1-3 /proc/loadavg)"
  echo "- $(dotnet --version | sed 's/^/.NET SDK /'), PyTorch $("$python" -c 'import torch; print(torch.__version__)')"
  echo "- TCP congestion control: system default $(cat /proc/sys/net/ipv4/tcp_congestion_control), which Gloo uses; ours chooses by a short measurement (below its table)"
  echo "- command: \`$command\`"
  echo
  "$python" benchmarks/allreduce/table.py < "$lines"
}
if [ "$save" = yes ]; then
  mkdir -p benchmarks/results
  report | tee "benchmarks/results/allreduce-$(date -u +%F).md"
else
  report
fi
