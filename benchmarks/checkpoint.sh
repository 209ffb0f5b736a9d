#!/usr/bin/env bash
# What checkpoints cost and what they save, with real processes: the time of a trial with the default budget beside one without checkpoints, in turns; bytes, how long training stood still, how long a
# sweep whose processes were all killed, or that was stopped by Ctrl-C, takes from `vae sweep resume` to its first new step, and how many steps it trains again.
# usage: benchmarks/checkpoint.sh [--rounds 5] [--case small|large] [--only overhead|kill|stop] [--readings FILE] [--report] [--save]
# Readings are appended to FILE (default: artifacts/checkpoint.jsonl), so that a long measurement can be made in pieces; --report measures nothing and prints what FILE holds.
# VAE_PROGRAM names another build. Needs python3 without any package. --save writes benchmarks/results/checkpoint-<date>.md.
set -euo pipefail
cd "$(dirname "$0")/.."
save=no measure=yes readings=artifacts/checkpoint.jsonl arguments=()
while [ $# -gt 0 ]; do
  case "$1" in
    --save) save=yes; shift ;;
    --report) measure=no; shift ;;
    --readings) readings=$2; shift 2 ;;
    --rounds | --case | --only) arguments+=("$1" "$2"); shift 2 ;;
    *) echo "unknown option $1; see the head of $0" >&2; exit 2 ;;
  esac
done
python=${PYTHON:-python3}
program=${VAE_PROGRAM:-src/Cli/bin/Release/net10.0/vae}
if [ "$measure" = yes ]; then
  [ -x "$program" ] || ./vae --version >/dev/null
  mkdir -p "$(dirname "$readings")"
  "$python" benchmarks/checkpoint/measure.py --vae "$program" --readings "$readings" "${arguments[@]}" >&2
fi

report() {
  echo "# Checkpoints: what they cost and what they save"
  echo
  echo "- date $(date -u +%F), commit $(git rev-parse --short HEAD)$([ -z "$(git status --porcelain -- . ':!benchmarks/results')" ] || echo ' with changes')"
  echo "- processor $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1), $(nproc) cores, Linux $(uname -r)"
  echo "- one worker of one thread beside the coordinator; store and checkpoints on one disk; command: \`benchmarks/checkpoint.sh\`, in pieces"
  echo
  "$python" benchmarks/checkpoint/report.py "$readings"
}
if [ "$save" = yes ]; then
  report | tee "benchmarks/results/checkpoint-$(date -u +%F).md"
else
  report
fi
