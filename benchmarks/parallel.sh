#!/usr/bin/env bash
# Data-parallel training with two processes on this machine: beside PyTorch DDP over Gloo, with overlap and without, and with one worker at half speed.
# usage: benchmarks/parallel.sh [--rounds 3] [--part throughput|network|uneven] [--only ROW] [--images FILE.gz] [--save]
# Needs two cores and, for the first part, python3 with torch (Debian: apt-get install --no-install-recommends python3-torch python3-numpy).
# --save writes benchmarks/results/parallel-<date>.md.
# shellcheck source=benchmarks/shared/report.sh
source "$(dirname "$0")/shared/report.sh"

read_options "" "rounds part only images" "" "$@"
need_torch
build_benchmark parallel

report() {
  head_of "Data-parallel training with two processes" \
    "$(versions), the same libtorch and OpenBLAS on both sides, one thread for each process, each process on a core of its own" \
    "MLP 784-512-256-16 on dynamically binarised images; conv 64 x 64, channels 32-32-64-64, hidden 256, latent 10; Adam; loss read in every step on both sides; medians over rounds, ratios of neighbouring runs"
  "$python" benchmarks/parallel/compare.py --ours benchmarks/parallel/bin/Release/net10.0/parallelstep --python "$python" "${arguments[@]}"
}
publish parallel
