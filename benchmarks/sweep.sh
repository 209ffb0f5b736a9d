#!/usr/bin/env bash
# A sweep of 16 trials (4 betas x 4 learning rates, batch 32, 500 steps each) beside one PyTorch process for each trial, as many at a time as there are
# cores, start-up counted on both sides, alternately.
# usage: benchmarks/sweep.sh IMAGES.gz [--rounds 3] [--model mlp|tiny|tiniest] [--steps 500] [--trials 16] [--device cpu|cuda] [--one-at-a-time] [--save]
# IMAGES.gz: 10,000 images in IDX format; the first 8,000 train. --one-at-a-time: the peer trains one trial after the other, as on one GPU.
# --save writes benchmarks/results/sweep-<date>.md. Needs python3 with torch (Debian: python3-torch python3-numpy).
set -euo pipefail
cd "$(dirname "$0")/.."
images=$(realpath "${1:?usage: benchmarks/sweep.sh IMAGES.gz [--rounds 3] [--model mlp|tiny|tiniest] [--save]}")
shift
command="benchmarks/sweep.sh $(basename "$images") $*"
save=no arguments=()
while [ $# -gt 0 ]; do
  case "$1" in
    --rounds | --model | --steps | --trials | --device) arguments+=("$1" "$2"); shift 2 ;;
    --one-at-a-time) arguments+=("$1"); shift ;;
    --save) save=yes; shift ;;
    *) echo "unknown option $1; see the head of $0" >&2; exit 2 ;;
  esac
done
python=${PYTHON:-/usr/bin/python3}
"$python" -c 'import torch' 2>/dev/null || { echo "$python has no torch: apt-get install --no-install-recommends python3-torch python3-numpy" >&2; exit 1; }
./vae --version >/dev/null # Builds what is missing, so that no build is timed.

report() {
  echo "# A sweep of small trials beside one PyTorch process for each"
  echo
  echo "- date $(date -u +%F), commit $(git rev-parse --short HEAD 2>/dev/null || echo unknown)$([ -z "$(git status --porcelain -- . ':!benchmarks/results' 2>/dev/null)" ] || echo ' with changes')"
  echo "- processor $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1), $(nproc) cores, Linux $(uname -r), load average before $(cut -d' ' -f1-3 /proc/loadavg)"
  echo "- PyTorch $("$python" -c 'import torch; print(torch.__version__)'), OPENBLAS_CORETYPE=${OPENBLAS_CORETYPE:-unset}, one thread for each PyTorch process"
  echo "- both sides: start-up, loading, 8,000 rows to train on, Adam, dynamic binarisation, one evaluation on 2,000 held-out rows for each trial, weights saved; ours also draws two pictures for each trial and keeps every step's losses"
  echo "- command: \`$command\`"
  echo
  "$python" benchmarks/sweep/compare.py --images "$images" --python "$python" "${arguments[@]}"
}
if [ "$save" = yes ]; then
  mkdir -p benchmarks/results
  report | tee "benchmarks/results/sweep-$(date -u +%F).md"
else
  report
fi
