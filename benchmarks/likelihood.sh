#!/usr/bin/env bash
# Held-out log-likelihood of a VAE on MNIST by importance sampling, and what else vae model evaluate tells of it.
# usage: benchmarks/likelihood.sh IMAGES.gz LABELS.gz [--epochs 30] [--samples 5000] [--save]
# 10,000 images in IDX format; the first 8,000 train. VAE_PROGRAM names another program than ./vae. --save writes benchmarks/results/likelihood-<date>.md.
set -euo pipefail
cd "$(dirname "$0")/.."
usage="usage: benchmarks/likelihood.sh IMAGES.gz LABELS.gz [--epochs 30] [--samples 5000] [--save]"
images=$(realpath "${1:?$usage}")
labels=$(realpath "${2:?$usage}")
shift 2
command="benchmarks/likelihood.sh $(basename "$images") $(basename "$labels") $*"
epochs=30 samples=5000 save=no
while [ $# -gt 0 ]; do
  case "$1" in
    --epochs) epochs=$2; shift 2 ;;
    --samples) samples=$2; shift 2 ;;
    --save) save=yes; shift ;;
    *) echo "unknown option $1; see the head of $0" >&2; exit 2 ;;
  esac
done
vae=${VAE_PROGRAM:-./vae}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat > "$work/sweep.yaml" <<YAML
version: 1
name: likelihood
dataset: { source: idx, images: $images, labels: $labels, holdout: 0.2, binarize: dynamic }
model: { encoder: [200, 200], activation: tanh, latent: 50 }
training: { epochs: $epochs, batch: 20, learning_rate: 1e-3, evaluate_every: 5 }
YAML
"$vae" sweep run "$work/sweep.yaml" --home "$work/home" --workers 1 --threads 1 >&2
"$vae" model evaluate best:last --home "$work/home" --samples "$samples" > "$work/evaluation.txt"

report() {
  echo "# Held-out likelihood on MNIST"
  echo
  echo "- date $(date -u +%F), commit $(git rev-parse --short HEAD)$([ -z "$(git status --porcelain)" ] || echo ' with changes')"
  echo "- the 10,000 test images of MNIST, first 8,000 to train on, last 2,000 held out; dynamic binarisation, the held-out bits drawn once by the seed"
  echo "- the network of Burda et al. 2016 with one stochastic layer: 784-200-200-50, tanh; Adam 1e-3, batch 20, $epochs epochs, beta 1. Their figures are for 60,000 training images and are no comparison."
  echo "- command: \`$command\`"
  echo
  echo '```'
  tail -n +2 "$work/evaluation.txt"
  echo '```'
}
if [ "$save" = yes ]; then
  mkdir -p benchmarks/results
  report | tee "benchmarks/results/likelihood-$(date -u +%F).md"
else
  report
fi
