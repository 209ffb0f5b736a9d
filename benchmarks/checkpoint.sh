#!/usr/bin/env bash
# What checkpoints cost and what they save, with real processes: the time of a trial with the default budget beside one without checkpoints, in turns; bytes, how long training stood still, how long a
# sweep whose processes were all killed, or that was stopped by Ctrl-C, takes from `vae sweep resume` to its first new step, and how many steps it trains again.
# usage: benchmarks/checkpoint.sh [--rounds 5] [--case small|large] [--only overhead|kill|stop] [--readings FILE] [--report] [--save]
# Readings are appended to FILE (default: artifacts/checkpoint.jsonl), so that a long measurement can be made in pieces; --report measures nothing and prints what FILE holds.
# VAE_PROGRAM names another build. Needs python3 without any package. --save writes benchmarks/results/checkpoint-<date>.md.
# shellcheck source=benchmarks/shared/report.sh
source "$(dirname "$0")/shared/report.sh"
readings=artifacts/checkpoint.jsonl
read_options "readings" "rounds case only" "report" "$@"
python=${PYTHON:-python3}
program=${VAE_PROGRAM:-src/Cli/bin/Release/net10.0/vae}
if ! given --report; then
  [ -x "$program" ] || ./vae --version >/dev/null
  mkdir -p "$(dirname "$readings")"
  "$python" benchmarks/checkpoint/measure.py --vae "$program" --readings "$readings" "${arguments[@]}" >&2
fi

report() {
  head_of "Checkpoints: what they cost and what they save" \
    "one worker of one thread beside the coordinator; store and checkpoints on one disk; measured in pieces"
  "$python" benchmarks/checkpoint/report.py "$readings"
}
publish checkpoint
