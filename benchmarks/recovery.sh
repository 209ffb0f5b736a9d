#!/usr/bin/env bash
# What the loss of a worker costs: three data-parallel workers train, one is killed with SIGKILL in mid-step. Ours (survivors form the next ring) beside PyTorch's torchrun (all restart from the
# last checkpoint), in turns on this machine.
# usage: benchmarks/recovery.sh [--rounds 10] [--readings FILE] [--only ours|torchrun] [--report] [--save]
# Readings are appended to FILE (default: artifacts/recovery.jsonl), so that a long measurement can be made in pieces; --report measures nothing and prints what FILE holds.
# Needs python3 with torch for torchrun (Debian: apt-get install --no-install-recommends python3-torch python3-numpy). --save writes benchmarks/results/recovery-<date>.md.
# shellcheck source=benchmarks/shared/report.sh
source "$(dirname "$0")/shared/report.sh"
readings=artifacts/recovery.jsonl
read_options "readings" "rounds only" "report" "$@"
need_torch
if ! given --report; then
  mkdir -p "$(dirname "$readings")"
  [ -x src/Cli/bin/Release/net10.0/vae ] || dotnet build -c Release src/Cli -v q --nologo >&2
  "$python" benchmarks/recovery/measure.py --vae src/Cli/bin/Release/net10.0/vae --python "$python" --readings "$readings" "${arguments[@]}" >&2
fi

report() {
  head_of "What the loss of a worker costs" \
    "$(versions), one thread for each process" \
    "three workers on this one machine (so three processes share $(nproc) cores), MLP 784-512-256-16, global batch 128, Adam; one worker, any rank, is killed with SIGKILL while it trains"
  "$python" benchmarks/recovery/report.py "$readings"
}
publish recovery
