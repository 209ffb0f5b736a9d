#!/usr/bin/env bash
# How well a model finds a digit that it was never shown: AUROC for each digit left out of training, by latent size.
# usage: benchmarks/anomaly.sh --images IMAGES.gz --labels LABELS.gz [--epochs 20] [--latents 2,32] [--digits 0,1,2,3,4,5,6,7,8,9] [--samples 16] [--save]
# IMAGES.gz, LABELS.gz: 10,000 images of MNIST and their labels in IDX format. Of the first 8,000 those of the other digits train (dataset.exclude_labels); the last 2,000 are
# scored, and those of the digit that was left out are the anomalies. Needs python3 without any package. VAE=PROGRAM runs another build.
# --save writes benchmarks/results/anomaly-<date>.md.
# shellcheck source=benchmarks/shared/report.sh
source "$(dirname "$0")/shared/report.sh"
images='' labels='' epochs=20 latents=2,32 digits=0,1,2,3,4,5,6,7,8,9 samples=16 vae=${VAE:-./vae}
read_options "images labels epochs latents digits samples" "" "" "$@"
images=$(realpath "${images:?--images IMAGES.gz is missing}")
labels=$(realpath "${labels:?--labels LABELS.gz is missing}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for digit in ${digits//,/ }; do
  cat > "$work/sweep.yaml" <<YAML
version: 1
name: without-$digit
dataset: { source: idx, images: $images, labels: $labels, holdout: 0.2, binarize: dynamic, exclude_labels: [$digit] }
model: { family: vae, architecture: mlp, encoder: [512, 256], likelihood: bernoulli }
training: { epochs: $epochs, batch: 128, optimizer: adam, learning_rate: 1e-3, beta: 1, seed: 1, evaluate_every: $epochs }
search: { method: grid, parameters: { model.latent: { values: [$latents] } } }
YAML
  "$vae" sweep run "$work/sweep.yaml" --home "$work/home-$digit" >&2
  trial=0
  for latent in ${latents//,/ }; do
    "$vae" model anomaly "last/$trial" --home "$work/home-$digit" --threshold 0 --samples "$samples" --out "$work/anomaly.png" --json > "$work/scores-$digit-$latent.json"
    trial=$((trial + 1))
  done
done

report() {
  head_of "Anomalies: a digit left out of training" \
    "the 10,000 test images of MNIST: of the first 8,000 all but one digit train (\`dataset.exclude_labels\`), dynamic binarisation; the last 2,000, of all digits, are scored" \
    "MLP 784-512-256-d, Bernoulli, batch 128, Adam 1e-3, beta 1, $epochs epochs, seed 1: one seed, so differences of a few hundredths mean nothing" \
    "AUROC of the digit that was left out against the nine others; 0.5 is chance, below it the strange digit looks more ordinary than the ordinary ones" \
    "score: -ELBO (distortion + rate, $samples draws of z for each image), and its two parts alone" \
    "the published figures are another project's, with its own network and data: they are here for the pattern over the digits"
  python3 - "$work" "$digits" "$latents" <<'PY'
import json, sys

work, digits, latents = sys.argv[1], sys.argv[2].split(","), sys.argv[3].split(",")
# Tonnaer's thesis, table 3.3, for d = 2 and d = 32.
published = {"2": [.96, .73, .97, .94, .73, .92, .95, .77, .92, .66], "32": [.81, .09, .92, .87, .78, .86, .87, .51, .89, .58]}
for latent in latents:
    print(f"## d = {latent}\n")
    print("| digit left out | AUROC by -ELBO | by distortion | by rate | Tonnaer, table 3.3 |")
    print("| ---: | ---: | ---: | ---: | ---: |")
    totals = []
    for digit in digits:
        scores = json.load(open(f"{work}/scores-{digit}-{latent}.json"))
        totals.append([scores[f"auroc_{part}"] for part in ("total", "distortion", "rate")])
        known = f"{published[latent][int(digit)]:.2f}" if latent in published else ""
        print(f"| {digit} | " + " | ".join(f"{value:.3f}" for value in totals[-1]) + f" | {known} |")
    known = f"{sum(published[latent]) / 10:.2f}" if latent in published and len(digits) == 10 else ""
    print("| mean | " + " | ".join(f"{sum(column) / len(column):.3f}" for column in zip(*totals)) + f" | {known} |\n")
    ranked = sorted(zip((total for total, *_ in totals), digits), reverse=True)
    print(f"By -ELBO: best a {ranked[0][1]} ({ranked[0][0]:.3f}), worst a {ranked[-1][1]} ({ranked[-1][0]:.3f}).\n")
PY
  echo "The score works where the digit has much ink to get wrong, and fails where a thin stroke costs few nats whoever draws it: such an image is cheap for a model that never saw its like."
}
publish anomaly
