#!/usr/bin/env bash
# VQ-VAE on MNIST: perplexity, codes in use, reconstruction error and bound against the size of the codebook; and pictures: reconstructions and images from the learned prior.
# usage: benchmarks/vq.sh --images IMAGES.gz --labels LABELS.gz [--codes 16,64,256,512] [--seeds 1,2,3] [--epochs 10] [--save]
# IMAGES.gz, LABELS.gz: 10,000 images of MNIST in IDX format: 8,000 train, the last 2,000 are held out. Needs python3 without any package. VAE=PROGRAM runs another build.
# --save writes benchmarks/results/vq-<date>.md and, beside it, the pictures of the first seed of the largest codebook.
# shellcheck source=benchmarks/shared/report.sh
source "$(dirname "$0")/shared/report.sh"
images='' labels='' codes=16,64,256,512 seeds=1,2,3 epochs=10 channels="16, 32" size=16 width=64 rate=2e-3 revival=1 decay=0.95 vae=${VAE:-./vae}
read_options "images labels codes seeds epochs channels size width rate revival decay" "" "" "$@"
images=$(realpath "${images:?--images IMAGES.gz is missing}")
labels=$(realpath "${labels:?--labels LABELS.gz is missing}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cat > "$work/sweep.yaml" <<YAML
version: 1
name: vq
dataset: { source: idx, images: $images, labels: $labels, holdout: 0.2, binarize: dynamic }
model: { family: vq, architecture: conv, channels: [$channels], code_size: $size, code_prior_width: $width }
training: { epochs: $epochs, batch: 64, learning_rate: $rate, code_revival: $revival, code_decay: $decay, evaluate_every: $epochs }
search: { method: grid, parameters: { model.codes: { values: [$codes] }, training.seed: { values: [$seeds] } } }
objective: { metric: elbo }
YAML
"$vae" sweep run "$work/sweep.yaml" --home "$work/home" >&2
trial=0
for count in ${codes//,/ }; do
  for seed in ${seeds//,/ }; do
    "$vae" model evaluate "last/$trial" --home "$work/home" --metrics bound,reconstruction_error --json > "$work/$count-$seed.json"
    trial=$((trial + 1))
  done
done
largest=$((trial - $(tr ',' '\n' <<<"$seeds" | wc -l)))
"$vae" model reconstruct "last/$largest" --home "$work/home" --count 20 --out "$work/reconstructions.png" >&2
"$vae" model generate "last/$largest" --home "$work/home" --count 40 --out "$work/samples.png" >&2

report() {
  head_of "VQ-VAE: size of the codebook" \
    "the 10,000 test images of MNIST: 8,000 train, the last 2,000 are held out; dynamic binarisation" \
    "convolutions [$channels] to a map of 7 x 7 positions, codes of $size numbers, prior $width wide, Bernoulli, batch 64, Adam $rate, commitment 0.25, code_decay $decay, code_revival $revival, $epochs epochs; seeds $seeds, one number for each" \
    "perplexity and codes in use: over all held-out rows and positions; reconstruction error: mean square of the pixels' difference, 0 to 1; distortion, rate (learned prior) and ELBO in nats per image; uniform: what a uniform prior would pay"
  echo "| codes | perplexity | in use | reconstruction error | distortion | rate | uniform | ELBO |"
  echo "| ---: | --- | --- | --- | --- | --- | ---: | --- |"
  python3 - "$work" "$codes" "$seeds" <<'PY'
import json, math, sys

work, codes, seeds = sys.argv[1], sys.argv[2].split(","), sys.argv[3].split(",")
for count in codes:
    runs = [{one["name"]: one["value"] for one in json.load(open(f"{work}/{count}-{seed}.json"))["metrics"]} for seed in seeds]
    row = lambda key, digits: ", ".join(f"{run[key]:.{digits}f}" for run in runs)
    print(f"| {count} | {row('perplexity', 1)} | {row('codes_in_use', 0)} | {row('reconstruction_error', 4)} | {row('distortion', 2)} | {row('rate', 2)} | {49 * math.log(int(count)):.2f} | {row('elbo', 2)} |")
PY
  if [ "$save" = yes ]; then
    cp "$work/reconstructions.png" "benchmarks/results/vq-$(date -u +%F)-reconstructions.png"
    cp "$work/samples.png" "benchmarks/results/vq-$(date -u +%F)-samples.png"
    printf '\n%s codes, seed %s: held-out images, each above its reconstruction; below, images from the learned prior.\n\n' "${codes##*,}" "${seeds%%,*}"
    printf '![Reconstructions](vq-%s-reconstructions.png)\n\n![Samples](vq-%s-samples.png)\n' "$(date -u +%F)" "$(date -u +%F)"
  fi
}
publish vq
