#!/usr/bin/env bash
# A training step beside eager PyTorch (and two processes beside DistributedDataParallel over Gloo), alternately in one run on this machine.
# usage: benchmarks/training.sh [--rounds 5] [--steps 200] [--images FILE.gz] [--only mlp,128,1] [--packs 4,16] [--layers 8,16,32,64] [--save]
# --packs adds K trials as one model beside one trial alone, for each K given (about a minute each).
# --layers adds the products of fully connected layers with so many rows beside those of the BLAS.
# Needs python3 with torch (Debian: apt-get install --no-install-recommends python3-torch python3-numpy). --save writes benchmarks/results/training-<date>.md.
# shellcheck source=benchmarks/shared/report.sh
source "$(dirname "$0")/shared/report.sh"
 packs="" layers=""
read_options "packs layers" "rounds steps images only" "" "$@"
need_torch
build_benchmark training

report() {
  head_of "A training step beside eager PyTorch" \
    "$(versions), the same libtorch and OpenBLAS on both sides, one thread for each process" \
    "MLP 784-512-256-16 on dynamically binarised images; conv 64 x 64, channels 32-32-64-64, hidden 256, latent 10; Adam; loss read in every step on both sides"
  "$python" benchmarks/training/compare.py --ours benchmarks/training/bin/Release/net10.0/trainstep --python "$python" "${arguments[@]}"
  if [ -n "$layers" ]; then
    echo
    echo "Fully connected layers of 784-512-256-16 with few rows in a batch, one thread: our products beside those of the BLAS, alternately, weights from memory."
    echo
    OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 benchmarks/training/bin/Release/net10.0/trainstep --threads 1 --layers "$layers"
  fi
  [ -n "$packs" ] || return 0
  echo
  echo "Packs: K trials as one model on one thread, beside the same trial alone, alternately; \`shared\`: one seed, so all trials have the same rows and noise; \`own\`: a seed for each."
  echo
  OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 benchmarks/training/bin/Release/net10.0/trainstep --packs "$packs"
}
publish training
