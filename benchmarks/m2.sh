#!/usr/bin/env bash
# What 100 labels are worth: the error of M2 on held-out digits, beside a classifier of the same layers that is trained on the same 100 rows alone.
# usage: benchmarks/m2.sh IMAGES.gz LABELS.gz [--epochs 60] [--weights 30] [--betas 1,4] [--seeds 1,2,3] [--labelled 100] [--home FOLDER] [--pytorch] [--save]
# IMAGES.gz, LABELS.gz: 10,000 images of MNIST and their labels in IDX format; the first 8,000 train, the last 2,000 judge. --home keeps the sweep, and takes its results, or
# those of several sweeps, where it is there already. --pytorch trains each row's first seed once more, by an M2 in PyTorch's own operations. --save writes benchmarks/results/m2-<date>.md. Needs a Python with PyTorch (PYTHON=PROGRAM). VAE=PROGRAM runs another build.
set -euo pipefail
cd "$(dirname "$0")/.."
usage="usage: benchmarks/m2.sh IMAGES.gz LABELS.gz [--epochs 60] [--weights 30] [--betas 1,4] [--seeds 1,2,3] [--labelled 100] [--home FOLDER] [--pytorch] [--save]"
images=$(realpath "${1:?$usage}")
labels=$(realpath "${2:?$usage}")
shift 2
command="benchmarks/m2.sh $(basename "$images") $(basename "$labels")"
epochs=60 weights=30 betas=1,4 seeds=1,2,3 labelled=100 home='' beside=no save=no vae=${VAE:-./vae} python=${PYTHON:-/usr/bin/python3}
while [ $# -gt 0 ]; do
  case "$1" in
    --epochs) epochs=$2; command="$command --epochs $2"; shift 2 ;;
    --weights) weights=$2; command="$command --weights $2"; shift 2 ;;
    --betas) betas=$2; command="$command --betas $2"; shift 2 ;;
    --seeds) seeds=$2; command="$command --seeds $2"; shift 2 ;;
    --labelled) labelled=$2; command="$command --labelled $2"; shift 2 ;;
    --home) home=$(realpath -m "$2"); shift 2 ;;
    --pytorch) beside=yes; command="$command --pytorch"; shift ;;
    --save) save=yes; shift ;;
    *) echo "unknown option $1; see the head of $0" >&2; exit 2 ;;
  esac
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
home=${home:-$work/home}

if [ ! -d "$home" ]; then
  cat > "$work/sweep.yaml" <<YAML
version: 1
name: m2-figure
dataset: { source: idx, images: $images, labels: $labels, holdout: 0.2, binarize: dynamic }
model: { family: m2, encoder: [256], latent: 20 }
training: { epochs: $epochs, batch: 128, learning_rate: 1e-3, labelled: $labelled, evaluate_every: $epochs }
search:
  method: grid
  parameters:
    training.classifier_weight: { values: [$weights] }
    training.beta: { values: [$betas] }
    training.seed: { values: [$seeds] }
objective: { metric: classifier_error }
YAML
  "$vae" sweep run "$work/sweep.yaml" --home "$home" >&2
fi
find "$home" -path '*/trials/*/config.json' > "$work/configs"

# The same rows: LabelledRows.Choose in Python. The same layers, trained on them alone.
cat > "$work/report.py" <<'PY'
import gzip, json, math, statistics, sys
import torch
import torch.nn.functional as F

configs, images, labels, seeds, labelled, epochs = open(sys.argv[1]).read().split(), sys.argv[2], sys.argv[3], [int(s) for s in sys.argv[4].split(",")], int(sys.argv[5]), int(sys.argv[6])
beside = sys.argv[7] == "yes"
MASK = (1 << 64) - 1
rotate = lambda x, k: ((x << k) | (x >> (64 - k))) & MASK

def split_mix(state):
    state = (state + 0x9E3779B97F4A7C15) & MASK
    z = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return state, z ^ (z >> 31)

def mix_key(seed, key):
    seed, first = split_mix(seed)
    return split_mix(first ^ rotate((key * 0xD1342543DE82EF95) & MASK, 32))[1]

def generator(seed):
    s = []
    for _ in range(4):
        seed, value = split_mix(seed)
        s.append(value)
    while True:
        yield (rotate((s[1] * 5) & MASK, 7) * 9) & MASK
        shifted = (s[1] << 17) & MASK
        s[2] ^= s[0]; s[3] ^= s[1]; s[1] ^= s[2]; s[0] ^= s[3]; s[2] ^= shifted; s[3] = rotate(s[3], 45)

def choose(classes, count, seed):
    numbers = generator(mix_key(seed, 0x6C6162656C6C6564))
    order = list(range(len(classes)))
    for last in range(len(order) - 1, 0, -1):
        other = (next(numbers) * (last + 1)) >> 64     # The rejection has a probability of 2^-51.
        order[last], order[other] = order[other], order[last]
    left = [count // 10 + (label < count % 10) for label in range(10)]
    rows = []
    for row in order:
        left[classes[row]] -= 1
        if left[classes[row]] >= 0: rows.append(row)
    return rows

with gzip.open(images) as file: pixels = torch.frombuffer(bytearray(file.read()[16:]), dtype=torch.uint8).reshape(-1, 784).float() / 255
with gzip.open(labels) as file: classes = list(file.read()[8:])
train, told = len(classes) * 4 // 5, torch.tensor(classes)

def baseline(seed, steps=2_000):
    torch.manual_seed(seed)
    rows = torch.tensor(choose(classes[:train], labelled, seed))
    model = torch.nn.Sequential(torch.nn.Linear(784, 256), torch.nn.ReLU(), torch.nn.Linear(256, 10))
    adam = torch.optim.Adam(model.parameters(), 1e-3)
    for _ in range(steps):
        adam.zero_grad()
        F.cross_entropy(model(torch.bernoulli(pixels[rows])), told[rows]).backward()
        adam.step()
    with torch.no_grad(): return (model(torch.bernoulli(pixels[train:])).argmax(1) != told[train:]).float().mean().item()

# Kingma et al. 2014, equations 6, 7 and 9; the classes of a row share its noise, as here.
def second(seed, beta, weight, classes_of=10, hidden=256, latent=20, batch=128):
    torch.manual_seed(seed)
    linear, eye = torch.nn.Linear, torch.eye(classes_of)
    parts = dict(x=linear(784, hidden), xy=linear(classes_of, hidden, bias=False), posterior=linear(hidden, 2 * latent), z=linear(latent, hidden), zy=linear(classes_of, hidden, bias=False), output=linear(hidden, 784),
                 classifier=torch.nn.Sequential(linear(784, hidden), torch.nn.ReLU(), linear(hidden, classes_of)))
    model = torch.nn.ModuleDict(parts)
    adam = torch.optim.Adam(model.parameters(), 1e-3)
    seen = torch.zeros(train, dtype=torch.bool)
    seen[choose(classes[:train], labelled, seed)] = True

    def bounds(x):  # Distortion and KL of each class, [n, 10], and log q(y|x).
        mean, log_variance = model["posterior"](F.relu(model["x"](x)[:, None] + model["xy"](eye))).chunk(2, 2)
        z = mean + torch.exp(log_variance / 2) * torch.randn(len(x), 1, latent)
        logits = model["output"](F.relu(model["z"](z) + model["zy"](eye)))
        distortion = F.binary_cross_entropy_with_logits(logits, x[:, None].expand_as(logits), reduction="none").sum(2)
        return distortion, 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(2), model["classifier"](x).log_softmax(1)

    for _ in range(epochs):
        for rows in torch.randperm(train).split(batch):
            distortion, kl, logs = bounds(torch.bernoulli(pixels[rows]))
            known, label = seen[rows], F.one_hot(told[rows], classes_of).float()
            weights = torch.where(known[:, None], label, logs.exp())
            prior = math.log(classes_of) + torch.where(known, torch.zeros(len(rows)), (logs.exp() * logs).sum(1))
            entropy = -(label * logs).sum(1)[known].sum() * weight * train / labelled
            adam.zero_grad()
            (((weights * (distortion + beta * kl)).sum(1) + beta * prior).sum() + entropy).div(len(rows)).backward()
            adam.step()
    with torch.no_grad():
        distortion, kl, logs = bounds(torch.bernoulli(pixels[train:]))
        bound = math.log(classes_of) + (logs.exp() * (distortion + kl + logs)).sum(1)
        return 100 * (logs.argmax(1) != told[train:]).float().mean().item(), -bound.mean().item()

torch.set_num_threads(1)
rows = {}
for path in configs:
    config = json.load(open(path))
    training, result = config["training"], config["result"]
    if training["epochs"] != epochs: continue
    figures = result.get("figures") or {}
    rows.setdefault((training["beta"], training["classifier_weight"]), {})[training["seed"]] = (100 * figures["classifier_error"], result["elbo"], result["train_seconds"])
shown = lambda values: f"{statistics.mean(values):.1f}" + (f" +- {statistics.stdev(values):.1f}" if len(values) > 1 else "")
print("| | error, % | by seed | held-out bound, nats | seconds of a trial |\n| --- | ---: | --- | ---: | ---: |")
alone = [100 * baseline(seed) for seed in seeds]
print(f"| the classifier alone, on the labelled rows | {shown(alone)} | {', '.join(f'{value:.1f}' for value in alone)} | | |")
for (beta, weight), by_seed in sorted(rows.items()):
    found = [by_seed[seed] for seed in seeds if seed in by_seed]
    if not found: continue
    print(f"| M2, beta {beta:g}, classifier_weight {weight:g} | {shown([one[0] for one in found])} | {', '.join(f'{one[0]:.1f}' for one in found)} | {shown([one[1] for one in found])} | {statistics.mean(one[2] for one in found):.0f} |")
    if beside:
        error, bound = second(seeds[0], beta, weight)
        print(f"| the same in PyTorch | {error:.1f} | {error:.1f} | {bound:.1f} | |", flush=True)
PY

report() {
  echo "# M2: what few labels are worth"
  echo
  echo "- date $(date -u +%F), commit $(git rev-parse --short HEAD)$([ -z "$(git status --porcelain)" ] || echo ' with changes')"
  echo "- processor $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1), $(nproc) cores, Linux $(uname -r)"
  echo "- the 10,000 test images of MNIST: the first 8,000 train, $labelled of them with their label, equally many of each digit, chosen by the seed; the last 2,000 judge. Dynamic binarisation"
  echo "- M2: encoder, classifier and decoder with one hidden layer of 256, relu, 20 latents, Bernoulli, batch 128, Adam 1e-3, $epochs epochs"
  echo "- the classifier alone: the same layers (784-256-10) in PyTorch, 2,000 steps of Adam 1e-3 on the same rows with new bits in each step"
  echo "- mean and standard deviation over the seeds $seeds, or as many of the first of them as stand in a row; one row of 2,000 is 0.05 %"
  echo "- command: \`$command\`"
  echo
  "$python" "$work/report.py" "$work/configs" "$images" "$labels" "$seeds" "$labelled" "$epochs" "$beside"
}
if [ "$save" = yes ]; then
  mkdir -p benchmarks/results
  report | tee "benchmarks/results/m2-$(date -u +%F).md"
else
  report
fi
