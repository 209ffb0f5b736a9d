#!/usr/bin/env bash
# A sweep of 60 small trials on two workers of this machine while its coordinator is killed (-9) at random instants and started again at once, beside the same sweep undisturbed: trials lost or begun again, steps trained
# twice, how long workers stood still, how long recovery took, and whether the winner is the same.
# usage: benchmarks/coordinator-kills.sh [--kills 200] [--trials 60] [--epochs N] [--gap 3] [--seed 1] [--store postgres://...] [--calm FILE] [--keep] [--save]
# VAE_PROGRAM names another build. --save writes benchmarks/results/recovery-coordinator-<date>.md. Needs python3 without any package.
set -euo pipefail
cd "$(dirname "$0")/.."
command="benchmarks/coordinator-kills.sh $*"
save=no arguments=()
while [ $# -gt 0 ]; do
  case "$1" in
    --kills | --trials | --epochs | --gap | --seed | --store | --calm) arguments+=("$1" "$2"); shift 2 ;;
    --keep) arguments+=("$1"); shift ;;
    --save) save=yes; shift ;;
    *) echo "unknown option $1; see the head of $0" >&2; exit 2 ;;
  esac
done
program=${VAE_PROGRAM:-src/Cli/bin/Release/net10.0/vae}
[ -x "$program" ] || ./vae --version >/dev/null

report() {
  echo "# A coordinator that is killed while a sweep runs"
  echo
  echo "- date $(date -u +%F), commit $(git rev-parse --short HEAD)$([ -z "$(git status --porcelain -- . ':!benchmarks/results')" ] || echo ' with changes')"
  echo "- processor $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1), $(nproc) cores, Linux $(uname -r), load average before $(cut -d' ' -f1-3 /proc/loadavg)"
  echo "- one coordinator and two workers of one thread each on this machine; sprites of 16 x 16, MLP 256-64-4, batch 64"
  echo "- command: \`$command\`"
  echo
  "${PYTHON:-python3}" benchmarks/recovery/coordinator_kills.py --vae "$program" "${arguments[@]}"
}
if [ "$save" = yes ]; then
  report | tee "benchmarks/results/recovery-coordinator-$(date -u +%F).md"
else
  report
fi
