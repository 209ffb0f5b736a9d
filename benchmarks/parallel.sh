#!/usr/bin/env bash
# Data-parallel training with two processes on this machine: beside PyTorch DDP over Gloo, with overlap and without, and with one worker at half speed.
# usage: benchmarks/parallel.sh [--rounds 3] [--part throughput|network|uneven] [--only ROW] [--images FILE.gz] [--save]
# Needs two cores and, for the first part, python3 with torch (Debian: apt-get install --no-install-recommends python3-torch python3-numpy).
# --save writes benchmarks/results/parallel-<date>.md.
set -euo pipefail
cd "$(dirname "$0")/.."
command="benchmarks/parallel.sh"
for argument in "$@"; do command+=" ${argument##*/}"; done # A report must not show where this checkout lies.
save=no arguments=()
while [ $# -gt 0 ]; do
  case "$1" in
    --save) save=yes; shift ;;
    --rounds | --part | --only | --images) arguments+=("$1" "$2"); shift 2 ;;
    *) echo "unknown option $1; see the head of $0" >&2; exit 2 ;;
  esac
done
python=${PYTHON:-/usr/bin/python3}
"$python" -c 'import torch' 2>/dev/null || { echo "$python has no torch: apt-get install --no-install-recommends python3-torch python3-numpy" >&2; exit 1; }
dotnet build -c Release benchmarks/parallel -v q --nologo >&2

report() {
  echo "# Data-parallel training with two processes"
  echo
  echo "- date $(date -u +%F), commit $(git rev-parse --short HEAD)$([ -z "$(git status --porcelain)" ] || echo ' with changes')"
  echo "- processor $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1), $(nproc) cores, Linux $(uname -r), load average before $(cut -d' ' -f1-3 /proc/loadavg)"
  echo "- $(dotnet --version | sed 's/^/.NET SDK /'), PyTorch $("$python" -c 'import torch; print(torch.__version__)'), the same libtorch and OpenBLAS on both sides, OPENBLAS_CORETYPE=${OPENBLAS_CORETYPE:-unset}, one thread for each process, each process on a core of its own"
  echo "- MLP 784-512-256-16 on dynamically binarised images; conv 64 x 64, channels 32-32-64-64, hidden 256, latent 10; Adam; loss read in every step on both sides; medians over rounds, ratios of neighbouring runs"
  echo "- command: \`$command\`"
  echo
  "$python" benchmarks/parallel/compare.py --ours benchmarks/parallel/bin/Release/net10.0/parallelstep --python "$python" "${arguments[@]}"
}
if [ "$save" = yes ]; then
  mkdir -p benchmarks/results
  report | tee "benchmarks/results/parallel-$(date -u +%F).md"
else
  report
fi
