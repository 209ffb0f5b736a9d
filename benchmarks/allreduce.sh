#!/usr/bin/env bash
# All-reduce against PyTorch's Gloo, alternately in one run on this machine: through shared memory, and over TCP.
# usage: benchmarks/allreduce.sh [--repeats 5] [--seconds 0.5] [--ranks "2 4"] [--sizes BYTES,BYTES] [--engines "shared_memory messagepack"]
#                                [--lines FILE] [--no-build] [--save]
# Needs python3 with torch (Debian: apt-get install --no-install-recommends python3-torch python3-numpy). --save writes benchmarks/results/allreduce-<date>.md.
# --lines FILE adds what is measured to FILE and reports all that stands there, so that a long measurement can be made in pieces; --repeats 0 only reports.
# shellcheck source=benchmarks/shared/report.sh
source "$(dirname "$0")/shared/report.sh"

repeats=5 seconds=0.5 ranks="2 4" engines="shared_memory messagepack" lines="" sizes=4096,262144,1048576,4194304,16777216,67108864
read_options "repeats seconds ranks sizes engines lines" "" "no-build" "$@"
need_torch

given --no-build || build_benchmark allreduce
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

report() {
  head_of "All-reduce against PyTorch's Gloo on one host" \
    "$(versions)" \
    "TCP congestion control: system default $(cat /proc/sys/net/ipv4/tcp_congestion_control), which Gloo uses; ours chooses by a short measurement (below its table)"
  "$python" benchmarks/allreduce/table.py < "$lines"
}
publish allreduce
