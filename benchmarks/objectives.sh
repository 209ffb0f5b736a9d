#!/usr/bin/env bash
# Every objective and remedy of a VAE, and the conditional family, on the same sprites: bound, disentanglement and mismatch of the aggregate posterior side by side.
# usage: benchmarks/objectives.sh [--count 5000] [--epochs 40] [--latent 8] [--save]
# Needs python3 without any package. VAE=PROGRAM runs another build. --save writes benchmarks/results/objectives-<date>.md.
# shellcheck source=benchmarks/shared/report.sh
source "$(dirname "$0")/shared/report.sh"
count=5000 epochs=40 latent=8 vae=${VAE:-./vae}
read_options "count epochs latent" "" "" "$@"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# name, what is added to the model, what is added to training
settings=(
  "elbo||objective: elbo"
  "beta 4||objective: elbo, beta: 4"
  "free bits||objective: elbo, free_bits: 0.25"
  "capacity||objective: elbo, capacity: 10, capacity_epochs: $((epochs / 2)), capacity_weight: 100"
  "cyclical||objective: elbo, kl_schedule: cyclical"
  "iwae, k = 5||objective: iwae"
  "beta-TC, 4||objective: tc, beta: 4"
  "FactorVAE, 10||objective: factor, factor_gamma: 10, discriminator_width: 128, discriminator_layers: 4"
  "MMD, 1000||objective: mmd"
  "conditional|family: conditional, |objective: elbo"
)
for number in "${!settings[@]}"; do
  IFS='|' read -r name model training <<<"${settings[$number]}"
  cat > "$work/$number.yaml" <<YAML
version: 1
name: objective-$number
dataset: { source: sprites, count: $count, size: 32, holdout: 0.2 }
model: { ${model}encoder: [256, 128], latent: $latent }
training: { epochs: $epochs, batch: 64, learning_rate: 1e-3, evaluate_every: $epochs, $training }
search: { method: grid, parameters: { training.seed: { values: [1] } } }
YAML
  "$vae" sweep run "$work/$number.yaml" --home "$work/home-$number" >&2
  "$vae" model evaluate last/0 --home "$work/home-$number" --samples 100 --metrics bound,log_likelihood,aggregate_posterior,mig --json > "$work/$number.json"
  echo "$name" > "$work/$number.name"
done

report() {
  head_of "Objectives side by side" \
    "sprites of 32 x 32, $count of them, the last fifth held out; MLP 1024-256-128-$latent, Bernoulli, batch 64, Adam 1e-3, $epochs epochs, seed 1: one seed, so small differences mean nothing" \
    "ELBO and rate at beta = 1 without penalties, L_100 the importance-weighted bound of 100 draws, marginal KL that of the aggregate posterior to the prior; nats per image" \
    "conditional: given the shape of each sprite"
  echo "| objective | ELBO | L_100 | rate | marginal KL | MIG | active units of $latent |"
  echo "| --- | ---: | ---: | ---: | ---: | ---: | ---: |"
  python3 - "$work" "${#settings[@]}" <<'PY'
import json, sys

for number in range(int(sys.argv[2])):
    found = {one["name"]: one["value"] for one in json.load(open(f"{sys.argv[1]}/{number}.json"))["metrics"]}
    name = open(f"{sys.argv[1]}/{number}.name").read().strip()
    show = lambda key, digits: f"{found[key]:.{digits}f}" if key in found else ""
    print(f"| {name} | {show('elbo', 2)} | {show('log_likelihood', 2)} | {show('rate', 2)} | {show('marginal_kl', 2)} | {show('mig', 3)} | {show('active_units', 0)} |")
PY
}
publish objectives
