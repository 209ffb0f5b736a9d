#!/usr/bin/env bash
# Lanes of one process beside processes of one lane: as many packs at a time as there are cores, one thread each, alternately.
# usage: benchmarks/lanes.sh [--rounds 3] [--seconds 2] [--cases "MODEL,BATCH,SLOTS ..."] [--save]      --save writes benchmarks/results/lanes-<date>.md
# shellcheck source=benchmarks/shared/report.sh
source "$(dirname "$0")/shared/report.sh"
rounds=3 seconds=2 cases="mlp,32,1 tiny,32,4 smallconv,64,1"
read_options "rounds seconds cases" "" "" "$@"
build_benchmark planning

report() {
  head_of "Lanes of one process beside processes of one lane" \
    "as many packs at a time as cores, one thread each; updates of single trials per second, medians of $rounds rounds of $seconds s; resident memory of all processes together"
  python3 - "$rounds" "$seconds" "$cases" <<'PYTHON'
import json, os, statistics, subprocess, sys
rounds, seconds, cases = int(sys.argv[1]), sys.argv[2], sys.argv[3].split()
program, cores = "benchmarks/planning/bin/Release/net10.0/planning", os.cpu_count()

def run(processes, lanes, model, batch, slots):
    started = [subprocess.Popen([program, "rate", model, batch, str(lanes), slots, "1", seconds], stdout=subprocess.PIPE, text=True) for _ in range(processes)]
    results = [json.loads(process.communicate()[0]) for process in started]
    return sum(r["rate"] for r in results), sum(r["resident"] for r in results) / 1e6

print("| model | batch | slots | lanes: steps/s | MB | processes: steps/s | MB | lanes / processes |")
print("| --- | --- | --- | --- | --- | --- | --- | --- |")
for case in cases:
    model, batch, slots = case.split(",")
    sides = {"lanes": [], "processes": []}
    for _ in range(rounds):
        sides["lanes"].append(run(1, cores, model, batch, slots))
        sides["processes"].append(run(cores, 1, model, batch, slots))
    (a, b), (c, d) = [(statistics.median(x[0] for x in side), statistics.median(x[1] for x in side)) for side in sides.values()]
    print(f"| {model} | {batch} | {slots} | {a:.0f} | {b:.0f} | {c:.0f} | {d:.0f} | {a / c:.2f} |")
PYTHON
}
publish lanes
