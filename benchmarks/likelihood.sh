#!/usr/bin/env bash
# Held-out log-likelihood on MNIST by importance sampling: VAE, IWAE with k = 5 and 50, VampPrior and ladder over several seeds, beside PyTorch with the same settings.
# usage: benchmarks/likelihood.sh IMAGES.gz LABELS.gz [--kinds vae,iwae5,iwae50,vamp,ladder] [--seeds 1,2,3] [--epochs 20] [--samples 1000] [--pytorch vae,iwae5] [--pytorch_seeds 1] [--work FOLDER] [--save]
# 10,000 images in IDX format; the first 8,000 train. --pytorch names what PyTorch trains too, `none` for nothing, --pytorch_seeds how often (default: all seeds). With --work what is computed stays
# in FOLDER, and what is there is not computed again. VAE=PROGRAM runs another build.
usage="usage: benchmarks/likelihood.sh IMAGES.gz LABELS.gz [--kinds ...] [--seeds 1,2,3] [--epochs 20] [--samples 1000] [--pytorch vae,iwae5] [--save]"
images=$(realpath "${1:?$usage}")
labels=$(realpath "${2:?$usage}")
# shellcheck source=benchmarks/shared/report.sh
source "$(dirname "$0")/shared/report.sh"
kinds=vae,iwae5,iwae50,vamp,ladder seeds=1,2,3 epochs=20 samples=1000 pytorch=vae,iwae5 pytorch_seeds='' work='' vae=${VAE:-./vae}
read_options "kinds seeds epochs samples pytorch pytorch_seeds work" "" "" "${@:3}"
[ "$pytorch" = none ] && pytorch=
[ -n "$pytorch_seeds" ] || pytorch_seeds=$seeds
[ -z "$pytorch" ] || need_torch
if [ -z "$work" ]; then
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
fi
mkdir -p "$work"

# What a kind adds to the model and to the training.
model_of() {
  case "$1" in
    vamp) echo "encoder: [200, 200], latent: 50, prior: vamp, pseudo_inputs: 200, activation: leaky_relu" ;;
    ladder) echo "family: ladder, ladder: [50, 10], encoder: [200, 100], activation: leaky_relu" ;;
    *) echo "encoder: [200, 200], latent: 50, activation: tanh" ;;
  esac
}

training_of() {
  case "$1" in
    iwae*) echo ", objective: iwae, importance_samples: ${1#iwae}" ;;
    ladder | vamp) echo ", kl_warmup_epochs: $epochs" ;;
    *) ;;
  esac
}

for kind in ${kinds//,/ }; do
  [ ! -s "$work/$kind-${seeds##*,}.json" ] || continue
  cat > "$work/$kind.yaml" <<YAML
version: 1
name: $kind
dataset: { source: idx, images: $images, labels: $labels, holdout: 0.2, binarize: dynamic }
model: { $(model_of "$kind") }
training: { epochs: $epochs, batch: 20, learning_rate: 1e-3, evaluate_every: $epochs$(training_of "$kind") }
search: { method: grid, parameters: { training.seed: { values: [$seeds] } } }
YAML
  "$vae" sweep run "$work/$kind.yaml" --home "$work/home-$kind" >&2
  trial=0
  for seed in ${seeds//,/ }; do
    "$vae" model evaluate "last/$trial" --home "$work/home-$kind" --seed 1 --samples "$samples" --metrics bound,log_likelihood --json > "$work/$kind-$seed.json"
    trial=$((trial + 1))
  done
done

for kind in ${pytorch//,/ }; do
  for seed in ${pytorch_seeds//,/ }; do
    [ ! -s "$work/pytorch-$kind-$seed.json" ] || continue
    "$python" benchmarks/likelihood/pytorch_iwae.py "$images" --k "$(sed 's/[^0-9]//g;s/^$/1/' <<<"$kind")" --seed "$seed" --epochs "$epochs" --samples "$samples" > "$work/pytorch-$kind-$seed.json"
  done
done

report() {
  head_of "Held-out likelihood on MNIST" \
    "the 10,000 test images of MNIST, first 8,000 to train on, last 2,000 held out; dynamic binarisation. Evaluated on one draw of the held-out bits, the same for all models of this program; PyTorch draws its own" \
    "784-200-200-50 and back, tanh (Burda et al. 2016 with one stochastic layer); Adam 1e-3, batch 20, $epochs epochs, beta 1. vamp: 200 pseudo-inputs. ladder: latents of 50 and 10 above dense layers of 200 and 100. These two have leaky ReLU and a KL warm-up over all epochs: with tanh, all of their units collapse at once and stay so; their distance to the others is therefore not that of prior and family alone" \
    "the papers train on 60,000 images for far longer; their figures are no comparison, but their order is" \
    "log p(x): importance-weighted estimate with $samples draws per row, nats per image, mean over the rows; its standard error over rows is about 0.8 and mostly common to all models. Figures by seed ($seeds), then their mean"
  python3 - "$work" "$kinds" "$pytorch" "$seeds" "$pytorch_seeds" <<'PY'
import json, sys

work, kinds, pytorch, seeds, pytorch_seeds = sys.argv[1], *(argument.split(",") if argument else [] for argument in sys.argv[2:])
means = {}

def metrics(kind, seed, prefix=""):
    found = json.load(open(f"{work}/{prefix}{kind}-{seed}.json"))
    return {one["name"]: one["value"] for one in found["metrics"]} | {"layers": found.get("rate_per_layer", [])}

def line(title, kind, prefix=""):
    runs = [metrics(kind, seed, prefix) for seed in (pytorch_seeds if prefix else seeds)]
    values = [run["log_likelihood"] for run in runs]
    means[prefix + kind] = values
    each = lambda key, digits: ", ".join(f"{run[key]:.{digits}f}" for run in runs)
    print(f"| {title} | {each('log_likelihood', 2)} | {sum(values) / len(values):.2f} | {each('elbo', 2)} | {each('rate', 2)} | {each('active_units', 0)} |")

print("\n| model | log p(x) | mean | ELBO | rate | active units |")
print("| --- | --- | ---: | --- | --- | --- |")
for kind in kinds: line(kind, kind)
for kind in pytorch: line(f"{kind}, PyTorch, seed {', '.join(pytorch_seeds)}", kind, "pytorch-")
for kind in kinds:
    for seed in seeds:
        if layers := metrics(kind, seed)["layers"]:
            print(f"\n{kind}, seed {seed}, nats by layer, data side first: " + ", ".join(f"{layer['layer']} {layer['rate']:.2f} ({layer['units'] - layer['inactive_units']} of {layer['units']} units)" for layer in layers))
ordered = [kind for kind in ("vae", "iwae5", "iwae50") if kind in means]
for low, high in zip(ordered, ordered[1:]):
    gains = [b - a for a, b in zip(means[low], means[high])]
    verdict = "above at every seed" if min(gains) > 0 else "NOT above at every seed"
    print(f"\n{high} is {verdict}: by {', '.join(f'{gain:+.2f}' for gain in gains)} nats over {low}.")
PY
}
publish likelihood
