#!/usr/bin/env bash
# Held-out log-likelihood on MNIST by importance sampling: VAE, IWAE with k = 5 and 50, VampPrior and ladder over several seeds, all with the same settings, beside PyTorch with these settings.
# usage: benchmarks/likelihood.sh IMAGES.gz LABELS.gz [--kinds vae,iwae5,iwae50,vamp,ladder] [--seeds 1,2,3] [--epochs 20] [--warmup 20] [--samples 1000] [--rows 2000] [--many 5000] [--many_rows 0]
#        [--start_epochs 2] [--start_pytorch vae,vamp,ladder] [--pytorch vae,iwae5,iwae50,vamp,ladder] [--pytorch_seeds 1] [--work FOLDER] [--save]
# 10,000 images in IDX format; the first 8,000 train. --pytorch names what PyTorch trains too, `none` for nothing, --pytorch_seeds how often (default: all seeds). --many_rows takes --many draws of so many held-out
# rows too, --start_epochs compares where decoders begin after so many epochs, 0 for neither. With --work what is computed stays in FOLDER, and what is there is not computed again. VAE=PROGRAM runs another build.
usage="usage: benchmarks/likelihood.sh IMAGES.gz LABELS.gz [--kinds ...] [--seeds 1,2,3] [--epochs 20] [--warmup 20] [--samples 1000] [--pytorch vae,iwae5] [--save]"
images=$(realpath "${1:?$usage}")
labels=$(realpath "${2:?$usage}")
# shellcheck source=benchmarks/shared/report.sh
source "$(dirname "$0")/shared/report.sh"
kinds=vae,iwae5,iwae50,vamp,ladder seeds=1,2,3 epochs=20 warmup='' samples=1000 rows=2000 many=5000 many_rows=0 start_epochs=2 start_pytorch=vae,vamp,ladder pytorch=vae,iwae5,iwae50,vamp,ladder pytorch_seeds='' work='' vae=${VAE:-./vae}
read_options "kinds seeds epochs warmup samples rows many many_rows start_epochs start_pytorch pytorch pytorch_seeds work" "" "" "${@:3}"
[ "$pytorch" = none ] && pytorch=
[ -n "$pytorch_seeds" ] || pytorch_seeds=$seeds
[ -n "$warmup" ] || warmup=$epochs
[ -z "$pytorch" ] || need_torch
if [ -z "$work" ]; then
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
fi
mkdir -p "$work"

# What a kind adds to the model and to the training.
model_of() {
  case "$1" in
    vamp) echo "encoder: [200, 200], latent: 50, prior: vamp, pseudo_inputs: 200" ;;
    ladder) echo "family: ladder, ladder: [50, 10], encoder: [200, 100]" ;;
    *) echo "encoder: [200, 200], latent: 50" ;;
  esac
}

training_of() { case "$1" in iwae*) echo ", objective: iwae, importance_samples: ${1#iwae}" ;; *) ;; esac; }

# sweep NAME KIND EPOCHS WARM-UP MODEL PARAMETERS: trains and leaves the sweep in a home of its own.
sweep() {
  [ ! -f "$work/$1.done" ] || return 0
  cat > "$work/$1.yaml" <<YAML
version: 1
name: $1
dataset: { source: idx, images: $images, labels: $labels, holdout: 0.2, binarize: dynamic }
model: { $(model_of "$2"), activation: tanh$5 }
training: { epochs: $3, batch: 20, learning_rate: 1e-3, kl_warmup_epochs: $4, evaluate_every: $3$(training_of "$2") }
search: { method: grid, parameters: { $6 } }
YAML
  "$vae" sweep run "$work/$1.yaml" --home "$work/home-$1" >&2
  touch "$work/$1.done"
}

# evaluate HOME TRIAL FILE OPTION...: unless the file is there.
evaluate() {
  [ -s "$work/$3" ] || "$vae" model evaluate "last/$2" --home "$work/home-$1" --seed 1 --json "${@:4}" > "$work/$3.part"
  [ -s "$work/$3" ] || mv "$work/$3.part" "$work/$3"
}

# peer FILE OPTION...: the same in PyTorch, unless the file is there.
peer() {
  [ -s "$work/$1" ] || "$python" benchmarks/likelihood/pytorch_models.py "$images" "${@:2}" > "$work/$1.part"
  [ -s "$work/$1" ] || mv "$work/$1.part" "$work/$1"
}

for kind in ${kinds//,/ }; do
  sweep "$kind" "$kind" "$epochs" "$warmup" ", output_bias: data" "training.seed: { values: [$seeds] }"
  trial=0
  for seed in ${seeds//,/ }; do
    evaluate "$kind" "$trial" "$kind-$seed.json" --samples "$samples" --rows "$rows" --metrics bound,log_likelihood
    [ "$many_rows" = 0 ] || evaluate "$kind" "$trial" "many-$kind-$seed.json" --samples "$many" --rows "$many_rows" --metrics log_likelihood
    trial=$((trial + 1))
  done
done

for kind in ${pytorch//,/ }; do
  for seed in ${pytorch_seeds//,/ }; do
    peer "pytorch-$kind-$seed.json" --kind "$kind" --seed "$seed" --epochs "$epochs" --warmup "$warmup" --samples "$samples" --rows "$rows"
  done
done

starts=
[ "$start_epochs" = 0 ] || starts=vae,vamp,ladder
for kind in ${starts//,/ }; do
  sweep "start-$kind" "$kind" "$start_epochs" 0 "" "model.output_bias: { values: [random, data] }"
  trial=0
  for bias in random data; do
    evaluate "start-$kind" "$trial" "start-$kind-$bias.json" --metrics bound
    [[ -z $pytorch || ,$start_pytorch, != *",$kind,"* ]] || peer "start-pytorch-$kind-$bias.json" --kind "$kind" --epochs "$start_epochs" --bias "$bias" --samples 1
    trial=$((trial + 1))
  done
done

report() {
  head_of "Held-out likelihood on MNIST" \
    "the 10,000 test images of MNIST, first 8,000 to train on, last 2,000 held out, of which the first $rows are evaluated; dynamic binarisation. Evaluated on one draw of the held-out bits, the same for all models of this program; PyTorch draws its own" \
    "one setting for all: 784-200-200-50 and back, tanh (Burda et al. 2016 with one stochastic layer); last bias at the mean image (output_bias: data); Adam 1e-3, batch 20, $epochs epochs, KL warm-up over the first $warmup of them, beta 1 at the end. vamp: 200 pseudo-inputs, nearly black at first. ladder: latents of 50 and 10 above dense layers of 200 and 100" \
    "PyTorch: plain code of the same formulas, settings and initial distributions (benchmarks/likelihood/pytorch_models.py), its own random numbers" \
    "the papers train on 60,000 images for far longer; their figures are no comparison, but their order is" \
    "log p(x): importance-weighted estimate with $samples draws per row, nats per image, mean over the rows; its standard error over rows is about $(awk "BEGIN { printf \"%.1f\", 31 / sqrt($rows) }") and mostly common to all models. Figures by seed ($seeds), then their mean. The estimate lies below log p(x), the more so the fewer of the draws count (1 / sum of squared normalised weights, median row)"
  python3 benchmarks/likelihood/table.py --work "$work" --kinds "$kinds" --pytorch "$pytorch" --seeds "$seeds" --pytorch_seeds "$pytorch_seeds" --many "$many" --many_rows "$many_rows" --starts "$starts" --start_epochs "$start_epochs"
}
publish likelihood
