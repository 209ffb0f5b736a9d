#!/usr/bin/env bash
# A linear VAE against the closed form of its optimum, probabilistic PCA (Tipping and Bishop 1999; Lucas et al. 2019): the same likelihood is expected.
# usage: benchmarks/ppca.sh IMAGES.gz [--latent 16] [--epochs 1500] [--save]
# 10,000 images in IDX format; the first 8,000 train. Needs python3 with numpy for the closed form. VAE_PROGRAM names another program than ./vae.
# --save writes benchmarks/results/ppca-<date>.md.
set -euo pipefail
cd "$(dirname "$0")/.."
images=$(realpath "${1:?usage: benchmarks/ppca.sh IMAGES.gz [--latent 16] [--epochs 1500] [--save]}")
shift
command="benchmarks/ppca.sh $(basename "$images") $*"
latent=16 epochs=1500 save=no
while [ $# -gt 0 ]; do
  case "$1" in
    --latent) latent=$2; shift 2 ;;
    --epochs) epochs=$2; shift 2 ;;
    --save) save=yes; shift ;;
    *) echo "unknown option $1; see the head of $0" >&2; exit 2 ;;
  esac
done
vae=${VAE_PROGRAM:-./vae}
python=${PYTHON:-/usr/bin/python3}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat > "$work/sweep.yaml" <<YAML
version: 1
name: ppca
dataset: { source: idx, images: $images, holdout: 0.2 }
model: { encoder: [], decoder: [], latent: $latent, likelihood: gaussian }
training: { epochs: $epochs, batch: 500, learning_rate: 1e-3, evaluate_every: 100 }
YAML
"$vae" sweep run "$work/sweep.yaml" --home "$work/home" --workers 1 --threads 1 >&2
"$vae" model evaluate best:last --home "$work/home" --samples 100 --metrics bound,log_likelihood --out "$work/evaluation.json" >&2

report() {
  echo "# A linear VAE and probabilistic PCA"
  echo
  echo "- date $(date -u +%F), commit $(git rev-parse --short HEAD)$([ -z "$(git status --porcelain)" ] || echo ' with changes')"
  echo "- the 10,000 test images of MNIST as grey values of 0 to 1, first 8,000 to train on, last 2,000 held out; no hidden layers, $latent latents, Gaussian likelihood with one learned variance; Adam 1e-3, batch 500, $epochs epochs"
  echo "- closed form: the maximum-likelihood solution on the 8,000 training images (eigenvectors of their covariance), its likelihood of the 2,000 held-out ones; nats per image, a density"
  echo "- command: \`$command\`"
  echo
  "$python" - "$images" "$work/evaluation.json" "$latent" <<'PY'
import gzip, json, sys
import numpy as np

raw = np.frombuffer(gzip.open(sys.argv[1]).read(), np.uint8)[16:].reshape(-1, 784) / 255.0
train, test, q = raw[:8000], raw[8000:], int(sys.argv[3])
mean = train.mean(0)
values, vectors = np.linalg.eigh(np.cov((train - mean).T, bias=True))
values, vectors = values[::-1], vectors[:, ::-1]
noise = values[q:].mean()
covariance = vectors[:, :q] @ np.diag(values[:q] - noise) @ vectors[:, :q].T + noise * np.eye(784)
_, logdet = np.linalg.slogdet(covariance)
away = test - mean
closed = np.mean(-0.5 * (784 * np.log(2 * np.pi) + logdet + np.sum(away @ np.linalg.inv(covariance) * away, 1)))
found = {m["name"]: m["value"] for m in json.load(open(sys.argv[2]))["metrics"]}
print("| | nats per image | distance from the closed form |\n| --- | --- | --- |")
print(f"| probabilistic PCA, closed form | {closed:.2f} | |")
for name in ("elbo", "log_likelihood"):
    print(f"| linear VAE, {name} | {found[name]:.2f} | {abs(found[name] - closed) / abs(closed):.3%} |")
PY
}
if [ "$save" = yes ]; then
  mkdir -p benchmarks/results
  report | tee "benchmarks/results/ppca-$(date -u +%F).md"
else
  report
fi
