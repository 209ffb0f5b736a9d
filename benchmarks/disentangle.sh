#!/usr/bin/env bash
# How far the weight of the rate disentangles the factors of sprites: MIG, FactorVAE score, DCI and SAP for each beta over some seeds, beside what it costs in ELBO, and traversals of one model for each beta.
# usage: benchmarks/disentangle.sh [--betas 1,4,8] [--seeds 1,2,3] [--count 10000] [--size 32] [--epochs 60] [--latent 10] [--architecture conv] [--save]
# Needs python3 without any package. VAE=PROGRAM runs another build. --save writes benchmarks/results/disentangle-<date>.md and a picture for each beta beside it.
# shellcheck source=benchmarks/shared/report.sh
source "$(dirname "$0")/shared/report.sh"
betas=1,4,8 seeds=1,2,3 count=10000 size=32 epochs=60 latent=10 architecture=conv vae=${VAE:-./vae}
read_options "betas seeds count size epochs latent architecture" "" "" "$@"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat > "$work/sweep.yaml" <<YAML
version: 1
name: disentangle
dataset: { source: sprites, count: $count, size: $size, holdout: 0.1 }
model: { architecture: $architecture, latent: $latent }
training: { epochs: $epochs, batch: 64, learning_rate: 5e-4, kl_warmup_epochs: $((epochs / 10)), evaluate_every: $epochs }
search: { method: grid, parameters: { training.beta: { values: [$betas] }, training.seed: { values: [$seeds] } } }
YAML
"$vae" sweep run "$work/sweep.yaml" --home "$work/home" >&2
trial=0
for beta in ${betas//,/ }; do
  shown=no
  for seed in ${seeds//,/ }; do
    "$vae" model evaluate "last/$trial" --home "$work/home" --seed 1 --metrics bound,mig,factor_vae_score,dci,sap --json > "$work/$beta-$seed.json"
    if [ "$shown" = no ]; then "$vae" model traverse "last/$trial" --home "$work/home" --out "$work/traversal-$beta.png" >&2; fi
    shown=yes
    trial=$((trial + 1))
  done
done

report() {
  head_of "Disentanglement of sprites by beta" \
    "sprites of $size x $size, $count of them, the last tenth held out; their factors: shape, scale, rotation, x, y; $architecture with $latent latents, Bernoulli, batch 64, Adam 5e-4, $epochs epochs, the rate warmed up over the first tenth" \
    "seeds $seeds; mean and standard deviation over them; measures on 10,000 sprites drawn for it, those of \`docs/evaluation.md\`; ELBO at beta = 1, nats per image" \
    "no model can know the rotation of a square or an ellipse, so no score reaches 1"
  python3 - "$work" "$betas" "$seeds" <<'PY'
import json, statistics as s, sys

work, betas, seeds = sys.argv[1], sys.argv[2].split(","), sys.argv[3].split(",")
names = [("mig", "MIG"), ("factor_vae_score", "FactorVAE score"), ("dci", "DCI"), ("sap", "SAP"), ("elbo", "ELBO"), ("rate", "rate"), ("active_units", "active units")]
print("| beta | " + " | ".join(title for _, title in names) + " |")
print("| ---: |" + " ---: |" * len(names))
for beta in betas:
    runs = []
    for seed in seeds:
        found = json.load(open(f"{work}/{beta}-{seed}.json"))
        runs.append({one["name"]: one["value"] for one in found["metrics"]})
    cells = []
    for name, _ in names:
        values = [run[name] for run in runs]
        digits = 1 if name in ("active_units", "elbo", "rate") else 3
        cells.append(f"{s.mean(values):.{digits}f}" + (f" ({s.stdev(values):.{digits}f})" if len(values) > 1 else ""))
    print(f"| {beta} | " + " | ".join(cells) + " |")
PY
  for beta in ${betas//,/ }; do
    if [ "${save:-no}" = yes ]; then cp "$work/traversal-$beta.png" "benchmarks/results/disentangle-$(date -u +%F)-beta-$beta.png"; fi
    echo; echo "Traversals at beta $beta, seed ${seeds%%,*}, one row for each latent in the order of its rate: [disentangle-$(date -u +%F)-beta-$beta.png](disentangle-$(date -u +%F)-beta-$beta.png)"
  done
}
publish disentangle
