#!/usr/bin/env bash
# A sweep of 60 small trials on two workers of this machine while its coordinator is killed (-9) at random instants and started again at once, beside the same sweep undisturbed: trials lost or begun again, steps trained
# twice, how long workers stood still, how long recovery took, and whether the winner is the same.
# usage: benchmarks/coordinator-kills.sh [--kills 200] [--trials 60] [--epochs N] [--gap 3] [--seed 1] [--store postgres://...] [--calm FILE] [--keep] [--save]
# --store postgres://USER@HOST/DATABASE: on that server each of the two runs makes a database of its own and drops it afterwards (needs psql).
# VAE_PROGRAM names another build. --save writes benchmarks/results/recovery-coordinator-<date>.md. Needs python3 without any package.
# shellcheck source=benchmarks/shared/report.sh
source "$(dirname "$0")/shared/report.sh"

read_options "" "kills trials epochs gap seed store calm" "keep" "$@"
program=${VAE_PROGRAM:-src/Cli/bin/Release/net10.0/vae}
[ -x "$program" ] || ./vae --version >/dev/null

report() {
  head_of "A coordinator that is killed while a sweep runs" \
    "one coordinator and two workers of one thread each on this machine; sprites of 16 x 16, MLP 256-64-4, batch 64"
  "${PYTHON:-python3}" benchmarks/recovery/coordinator_kills.py --vae "$program" "${arguments[@]}"
}
publish recovery-coordinator
