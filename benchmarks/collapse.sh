#!/usr/bin/env bash
# A setting whose posterior collapses, and the same with each remedy: active units, units whose KL is below 0.01 nats, ELBO and the importance-weighted log-likelihood side by side.
# usage: benchmarks/collapse.sh [--seeds 1,2,3] [--epochs 40] [--beta 24] [--latent 16] [--rate 1e-3] [--count 4000] [--size 32] [--save]
# Needs python3 without any package. VAE=PROGRAM runs another build. --save writes benchmarks/results/collapse-<date>.md.
# shellcheck source=benchmarks/shared/report.sh
source "$(dirname "$0")/shared/report.sh"
seeds=1,2,3 epochs=40 beta=24 latent=16 rate=1e-3 count=4000 size=32 encoder="256, 256, 256" activation=relu vae=${VAE:-./vae}
read_options "seeds epochs beta latent rate count size encoder activation" "" "" "$@"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
rise=$((epochs / 2))

# run NAME, with what the remedy adds to `training` on standard input.
run() {
  local name=$1 trial=0 seed
  cat > "$work/$name.yaml" <<YAML
version: 1
name: $name
dataset: { source: sprites, count: $count, size: $size, holdout: 0.2 }
model: { architecture: mlp, encoder: [$encoder], activation: $activation, latent: $latent }
training:
  epochs: $epochs
  batch: 64
  learning_rate: $rate
  beta: $beta
  evaluate_every: $epochs
$(sed 's/^/  /')
search: { method: grid, parameters: { training.seed: { values: [$seeds] } } }
YAML
  "$vae" sweep run "$work/$name.yaml" --home "$work/home-$name" >&2
  for seed in ${seeds//,/ }; do
    "$vae" model evaluate "last/$trial" --home "$work/home-$name" --seed 1 --samples 100 --metrics bound,log_likelihood --json > "$work/$name-$seed.json"
    trial=$((trial + 1))
  done
}

run none <<<"kl_schedule: constant"
run linear <<<"kl_schedule: linear
kl_warmup_epochs: $rise"
run cyclical <<<"kl_schedule: cyclical
kl_cycles: 4"
run free_bits <<<"kl_schedule: constant
free_bits: 0.25"
run both <<<"kl_schedule: linear
kl_warmup_epochs: $rise
free_bits: 0.25"

report() {
  head_of "Posterior collapse and its remedies" \
    "sprites of $size x $size, $count of them, the last fifth held out; MLP $((size * size))-[$encoder]-$latent with $activation, Bernoulli, batch 64, Adam $rate, beta $beta, $epochs epochs; seeds $seeds, one number for each" \
    "collapsed units: mean KL below 0.01 nats; active units: variance of the posterior mean above 0.01; ELBO and L_100 (importance-weighted bound of 100 draws) at beta = 1 on the held-out rows, nats per image"
  echo "| remedy | sweep-file lines | collapsed of $latent | active units | ELBO | L_100 | rate |"
  echo "| --- | --- | --- | --- | --- | --- | --- |"
  python3 - "$work" "$seeds" "$rise" <<'PY'
import json, sys

work, seeds, rise = sys.argv[1], sys.argv[2].split(","), sys.argv[3]
remedies = {"none": ("none", "kl_schedule: constant"), "linear": ("annealing, linear", f"kl_warmup_epochs: {rise}"), "cyclical": ("annealing, cyclical", "kl_schedule: cyclical, kl_cycles: 4"),
            "free_bits": ("free bits", "free_bits: 0.25"), "both": ("linear annealing and free bits", f"kl_warmup_epochs: {rise}, free_bits: 0.25")}
for name, (title, lines) in remedies.items():
    runs = [json.load(open(f"{work}/{name}-{seed}.json")) for seed in seeds]
    metrics = [{one["name"]: one["value"] for one in run["metrics"]} for run in runs]
    collapsed = [sum(rate < 0.01 for rate in run["rate_per_dimension"]) for run in runs]
    row = lambda key, digits: ", ".join(f"{metric[key]:.{digits}f}" for metric in metrics)
    print(f"| {title} | `{lines}` | {', '.join(map(str, collapsed))} | {row('active_units', 0)} | {row('elbo', 2)} | {row('log_likelihood', 2)} | {row('rate', 2)} |")
PY
}
publish collapse
