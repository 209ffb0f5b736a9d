#!/usr/bin/env bash
# The held-out curve of one MLP on MNIST, trained by one worker process and by two: the same curve is expected from both.
# usage: benchmarks/mnist.sh IMAGES.gz [--epochs 20] [--save]
# IMAGES.gz: 10,000 images in IDX format; the first 8,000 train. --save writes benchmarks/results/mnist-<date>.md.
# shellcheck source=benchmarks/shared/report.sh
source "$(dirname "$0")/shared/report.sh"
images=$(realpath "${1:?usage: benchmarks/mnist.sh IMAGES.gz [--epochs 20] [--save]}")
shift
epochs=20
read_options "epochs" "" "" "$@"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for workers in 1 2; do
  cat > "$work/sweep-$workers.yaml" <<YAML
version: 1
name: mnist-$workers-workers
dataset: { source: idx, images: $images, holdout: 0.2, binarize: dynamic }
model: { family: vae, architecture: mlp, encoder: [512, 256], latent: 16, likelihood: bernoulli }
training: { epochs: $epochs, batch: 128, optimizer: adam, learning_rate: 1e-3, beta: 1, seed: 1 }
resources: { workers_per_pack: $workers }
YAML
  ./vae sweep run "$work/sweep-$workers.yaml" --home "$work/home-$workers" --workers "$workers" --threads 1 >&2
done

report() {
  head_of "MNIST, one worker and two" \
    "the 10,000 test images of MNIST, first 8,000 to train on, last 2,000 held out, dynamic binarisation; MLP 784-512-256-16, batch 128, Adam 1e-3, beta 1, one thread for each worker" \
    "held-out ELBO at beta = 1, one sample of z for each row, nats per image"
  python3 - "$work" <<'PY'
import csv, glob, sys

def curve(workers):
    path, = glob.glob(f"{sys.argv[1]}/home-{workers}/sweeps/*/trials/0000/curves.csv")
    rows = list(csv.DictReader(open(path)))
    return [r for r in rows if r["kind"] == "train"], [r for r in rows if r["kind"] == "held_out"]

(steps1, one), (steps2, two) = curve(1), curve(2)
print("| epoch | ELBO, 1 worker | ELBO, 2 workers | distortion | rate | active units |")
print("| --- | --- | --- | --- | --- | --- |")
for a, b in zip(one, two):
    print(f"| {a['epoch']} | {float(a['elbo']):.3f} | {float(b['elbo']):.3f} | {float(a['distortion']):.2f} | {float(a['rate']):.2f} | {a['active_units']} |")
worst = lambda n: max(abs(float(a["loss"]) - float(b["loss"])) / abs(float(a["loss"])) for a, b in zip(steps1[:n], steps2[:n]))
print()
print(f"Largest relative difference of the training loss between 1 and 2 workers: {worst(200):.1e} over the first 200 steps, {worst(len(steps1)):.1e} over all {len(steps1)}.")
print(f"Training time: {float(one[-1]['seconds']):.1f} s with 1 worker, {float(two[-1]['seconds']):.1f} s with 2.")
PY
}
publish mnist
