#!/usr/bin/env bash
# A sweep of 16 trials (4 betas x 4 learning rates, batch 32, 500 steps each) beside one PyTorch process for each trial, as many at a time as there are
# cores, start-up counted on both sides, alternately.
# usage: benchmarks/sweep.sh IMAGES.gz [--rounds 3] [--model mlp|tiny|tiniest] [--steps 500] [--trials 16] [--device cpu|cuda] [--one-at-a-time] [--save]
# IMAGES.gz: 10,000 images in IDX format; the first 8,000 train. --one-at-a-time: the peer trains one trial after the other, as on one GPU.
# --save writes benchmarks/results/sweep-<date>.md. Needs python3 with torch (Debian: python3-torch python3-numpy).
# shellcheck source=benchmarks/shared/report.sh
source "$(dirname "$0")/shared/report.sh"
images=$(realpath "${1:?usage: benchmarks/sweep.sh IMAGES.gz [--rounds 3] [--model mlp|tiny|tiniest] [--save]}")
shift
read_options "" "rounds model steps trials device" "one-at-a-time" "$@"
need_torch
./vae --version >/dev/null # Builds what is missing, so that no build is timed.

report() {
  head_of "A sweep of small trials beside one PyTorch process for each" \
    "$(versions), one thread for each PyTorch process" \
    "both sides: start-up, loading, 8,000 rows to train on, Adam, dynamic binarisation, one evaluation on 2,000 held-out rows for each trial, weights saved; ours also draws two pictures for each trial and keeps every step's losses"
  "$python" benchmarks/sweep/compare.py --images "$images" --python "$python" "${arguments[@]}"
}
publish sweep
