#!/usr/bin/env bash
# A training step beside eager PyTorch (and two processes beside DistributedDataParallel over Gloo), alternately in one run on this machine.
# usage: benchmarks/training.sh [--rounds 5] [--steps 200] [--images FILE.gz] [--only mlp,128,1] [--packs 4,16] [--save]
# --packs adds K trials as one model beside one trial alone, for each K given (about a minute each).
# Needs python3 with torch (Debian: apt-get install --no-install-recommends python3-torch python3-numpy). --save writes benchmarks/results/training-<date>.md.
set -euo pipefail
cd "$(dirname "$0")/.."
command="benchmarks/training.sh"
for argument in "$@"; do command+=" ${argument##*/}"; done # A report must not show where this checkout lies.
save=no packs="" arguments=()
while [ $# -gt 0 ]; do
  case "$1" in
    --save) save=yes; shift ;;
    --packs) packs=$2; shift 2 ;;
    --rounds | --steps | --images | --only) arguments+=("$1" "$2"); shift 2 ;;
    *) echo "unknown option $1; see the head of $0" >&2; exit 2 ;;
  esac
done
python=${PYTHON:-/usr/bin/python3}
"$python" -c 'import torch' 2>/dev/null || { echo "$python has no torch: apt-get install --no-install-recommends python3-torch python3-numpy" >&2; exit 1; }
dotnet build -c Release benchmarks/training -v q --nologo >&2

report() {
  echo "# A training step beside eager PyTorch"
  echo
  echo "- date $(date -u +%F), commit $(git rev-parse --short HEAD)$([ -z "$(git status --porcelain)" ] || echo ' with changes')"
  echo "- processor $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1), $(nproc) cores, Linux $(uname -r), load average before $(cut -d' ' -f1-3 /proc/loadavg)"
  echo "- $(dotnet --version | sed 's/^/.NET SDK /'), PyTorch $("$python" -c 'import torch; print(torch.__version__)'), the same libtorch and OpenBLAS on both sides, OPENBLAS_CORETYPE=${OPENBLAS_CORETYPE:-unset}, one thread for each process"
  echo "- MLP 784-512-256-16 on dynamically binarised images; conv 64 x 64, channels 32-32-64-64, hidden 256, latent 10; Adam; loss read in every step on both sides"
  echo "- command: \`$command\`"
  echo
  "$python" benchmarks/training/compare.py --ours benchmarks/training/bin/Release/net10.0/trainstep --python "$python" "${arguments[@]}"
  [ -n "$packs" ] || return 0
  echo
  echo "Packs: K trials as one model on one thread, beside the same trial alone, alternately; \`shared\`: one seed, so all trials have the same rows and noise; \`own\`: a seed for each."
  echo
  OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 benchmarks/training/bin/Release/net10.0/trainstep --packs "$packs"
}
if [ "$save" = yes ]; then
  mkdir -p benchmarks/results
  report | tee "benchmarks/results/training-$(date -u +%F).md"
else
  report
fi
