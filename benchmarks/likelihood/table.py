"""The tables of benchmarks/likelihood.sh from the figures in its folder."""
import argparse, json, os, re

parser = argparse.ArgumentParser()
for name in ("work", "kinds", "pytorch", "seeds", "pytorch_seeds", "many", "many_rows", "starts", "start_epochs"):
    parser.add_argument(f"--{name}", required=True)
options = parser.parse_args()
kinds, pytorch, seeds, pytorch_seeds, starts = (text.split(",") if text else [] for text in (options.kinds, options.pytorch, options.seeds, options.pytorch_seeds, options.starts))
means = {}


def metrics(name):
    with open(f"{options.work}/{name}.json") as file:
        found = json.load(file)
    count = [match[1] for one in found["metrics"] if (match := re.search(r"([\d.,]+) draws count", one.get("how", "")))]
    return {one["name"]: one["value"] for one in found["metrics"]} | {"layers": found.get("rate_per_layer", []), "draws": count[0] if count else "-"}


def line(title, names):
    runs = [metrics(name) for name in names]
    values = [run["log_likelihood"] for run in runs]
    each = lambda key, digits: ", ".join(f"{run[key]:.{digits}f}" for run in runs)
    print(f"| {title} | {each('log_likelihood', 2)} | {sum(values) / len(values):.2f} | {each('elbo', 2)} | {each('rate', 2)} | {each('active_units', 0)} | {', '.join(run['draws'] for run in runs)} |")
    return values


def began(name):
    if not os.path.exists(f"{options.work}/{name}.json"):
        return "-"
    run = metrics(name)
    return f"{run['elbo']:.2f}, {run['rate']:.2f}"


print("\n| model | log p(x) | mean | ELBO | rate | active units | draws that count |")
print("| --- | --- | ---: | --- | --- | --- | --- |")
for kind in kinds:
    means[kind] = line(kind, [f"{kind}-{seed}" for seed in seeds])
for kind in pytorch:
    done = [seed for seed in pytorch_seeds if os.path.exists(f"{options.work}/pytorch-{kind}-{seed}.json")]
    if done: line(f"{kind}, PyTorch, seed {', '.join(done)}", [f"pytorch-{kind}-{seed}" for seed in done])

for kind in kinds:
    for seed in seeds:
        if layers := metrics(f"{kind}-{seed}")["layers"]:
            print(f"\n{kind}, seed {seed}, nats by layer, data side first: " + ", ".join(f"{layer['layer']} {layer['rate']:.2f} ({layer['units'] - layer['inactive_units']} of {layer['units']} units)" for layer in layers))

print("\nThe papers: IWAE above VAE and the more so the larger k (Burda et al. 2016, table 1), VampPrior above a normal prior (Tomczak and Welling 2018, table 1), a ladder above a VAE of as many layers (Sonderby et al. 2016, table 1), which is not trained here.")
for low, high in (("vae", "iwae5"), ("iwae5", "iwae50"), ("vae", "vamp"), ("vae", "ladder")):
    if low in means and high in means:
        gains = [b - a for a, b in zip(means[low], means[high])]
        verdict = "above at every seed" if min(gains) > 0 else "NOT above at every seed"
        print(f"\n{high} is {verdict}: by {', '.join(f'{gain:+.2f}' for gain in gains)} nats over {low}.")

if int(options.many_rows):
    print(f"\nlog p(x) with {options.many} draws for each of the first {options.many_rows} held-out rows:\n\n| model | log p(x) | mean |\n| --- | --- | ---: |")
    for kind in kinds:
        values = [metrics(f"many-{kind}-{seed}")["log_likelihood"] for seed in seeds]
        print(f"| {kind} | {', '.join(f'{value:.2f}' for value in values)} | {sum(values) / len(values):.2f} |")

if starts:
    print(f"\nWhere the decoder begins: seed 1 after {options.start_epochs} epochs without KL warm-up, ELBO and rate, in nats. `random`: the last bias begins as other weights, and the first image is grey; `data`: it begins at the mean image.\n")
    print("| model | random | data |" + (" random, PyTorch | data, PyTorch |" if pytorch else ""))
    print("| --- | ---: | ---: |" + (" ---: | ---: |" if pytorch else ""))
    for kind in starts:
        print(f"| {kind} | " + " | ".join(began(f"start-{maker}{kind}-{bias}") for maker in (["", "pytorch-"] if pytorch else [""]) for bias in ("random", "data")) + " |")
