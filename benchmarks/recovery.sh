#!/usr/bin/env bash
# What the loss of a worker costs: three data-parallel workers train, one is killed with SIGKILL in mid-step. Ours (survivors form the next ring) beside PyTorch's torchrun (all restart from the
# last checkpoint), in turns on this machine.
# usage: benchmarks/recovery.sh [--rounds 10] [--readings FILE] [--only ours|torchrun] [--report] [--save]
# Readings are appended to FILE (default: artifacts/recovery.jsonl), so that a long measurement can be made in pieces; --report measures nothing and prints what FILE holds.
# Needs python3 with torch for torchrun (Debian: apt-get install --no-install-recommends python3-torch python3-numpy). --save writes benchmarks/results/recovery-<date>.md.
set -euo pipefail
cd "$(dirname "$0")/.."
save=no measure=yes readings=artifacts/recovery.jsonl arguments=()
while [ $# -gt 0 ]; do
  case "$1" in
    --save) save=yes; shift ;;
    --report) measure=no; shift ;;
    --readings) readings=$2; shift 2 ;;
    --rounds | --only) arguments+=("$1" "$2"); shift 2 ;;
    *) echo "unknown option $1; see the head of $0" >&2; exit 2 ;;
  esac
done
python=${PYTHON:-/usr/bin/python3}
"$python" -c 'import torch' 2>/dev/null || { echo "$python has no torch: apt-get install --no-install-recommends python3-torch python3-numpy" >&2; exit 1; }
mkdir -p "$(dirname "$readings")"
if [ "$measure" = yes ]; then
  [ -x src/Cli/bin/Release/net10.0/vae ] || dotnet build -c Release src/Cli -v q --nologo >&2
  "$python" benchmarks/recovery/measure.py --vae src/Cli/bin/Release/net10.0/vae --python "$python" --readings "$readings" "${arguments[@]}" >&2
fi

report() {
  echo "# What the loss of a worker costs"
  echo
  echo "- date $(date -u +%F), commit $(git rev-parse --short HEAD)$([ -z "$(git status --porcelain)" ] || echo ' with changes')"
  echo "- processor $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1), $(nproc) cores, Linux $(uname -r)"
  echo "- $(dotnet --version | sed 's/^/.NET SDK /'), PyTorch $("$python" -c 'import torch; print(torch.__version__)'), OPENBLAS_CORETYPE=${OPENBLAS_CORETYPE:-unset}, one thread for each process"
  echo "- three workers on this one machine (so three processes share $(nproc) cores), MLP 784-512-256-16, global batch 128, Adam; one worker, any rank, is killed with SIGKILL while it trains"
  echo "- command: \`benchmarks/recovery.sh\`, its rounds made in several pieces, the sides in turns"
  echo
  "$python" benchmarks/recovery/report.py "$readings"
}
if [ "$save" = yes ]; then
  report | tee "benchmarks/results/recovery-$(date -u +%F).md"
else
  report
fi
