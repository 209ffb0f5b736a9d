"""Times our sweep and PyTorch's processes in turn and prints medians and ratios as a Markdown table. Run by benchmarks/sweep.sh."""
import argparse
import itertools
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

MODELS = {"mlp": ([512, 256], 16), "tiny": ([64], 8), "tiniest": ([16], 4)}
BETAS = [0.5, 1, 2, 4]
RATES = [3e-4, 5e-4, 1e-3, 2e-3]

SWEEP = """version: 1
name: throughput
dataset: {{ source: idx, images: {images}, holdout: 0.2, binarize: dynamic }}
model: {{ family: vae, architecture: mlp, encoder: {widths}, latent: {latent}, likelihood: bernoulli }}
training: {{ epochs: 1000, max_steps: {steps}, batch: 32, optimizer: adam, evaluate_every: 1000, seed: 1 }}
search:
  method: grid
  parameters:
    training.beta: {{ values: {betas} }}
    training.learning_rate: {{ values: {rates} }}
resources: {{ device: {device} }}
"""


def run_ours(args, widths, latent, folder, betas, rates):
    path = os.path.join(folder, "sweep.yaml")
    with open(path, "w") as file:
        file.write(SWEEP.format(images=args.images, widths=widths, latent=latent, steps=args.steps, betas=betas, rates=rates, device=args.device))
    home = os.path.join(folder, "home")
    shutil.rmtree(home, ignore_errors=True)
    begin = time.perf_counter()
    done = subprocess.run(["./vae", "sweep", "run", path, "--home", home, "-q", "--json"], capture_output=True, text=True)
    seconds = time.perf_counter() - begin
    if done.returncode != 0:
        sys.exit(f"our sweep failed ({done.returncode}):\n{done.stdout[-1000:]}{done.stderr[-2000:]}")
    results = next(line for line in map(json.loads, done.stdout.splitlines()) if line["type"] == "sweep_results")
    return seconds, results["sweep"]["best_elbo"]


def run_peers(args, widths, latent, folder, betas, rates):
    environment = dict(os.environ, OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", OMP_WAIT_POLICY="PASSIVE")
    here = os.path.dirname(os.path.abspath(__file__))
    at_once = 1 if args.one_at_a_time else os.cpu_count()
    commands = [
        [args.python, os.path.join(here, "pytorch_trial.py"), "--images", args.images, "--widths", ",".join(map(str, widths)), "--latent", str(latent),
         "--steps", str(args.steps), "--beta", str(beta), "--rate", str(rate), "--device", args.device, "--save", os.path.join(folder, f"{i}.pt")]
        for i, (beta, rate) in enumerate(itertools.product(betas, rates))
    ]
    begin = time.perf_counter()
    running, best = [], -float("inf")
    while commands or running:
        while commands and len(running) < at_once:
            running.append(subprocess.Popen(commands.pop(0), env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE))
        time.sleep(0.005)
        for process in [p for p in running if p.poll() is not None]:
            output, errors = process.communicate()
            if process.returncode != 0:
                sys.exit(f"a PyTorch trial failed:\n{errors[-2000:]}")
            best = max(best, json.loads(output)["elbo"])
            running.remove(process)
    return time.perf_counter() - begin, best


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--images", required=True)
    parser.add_argument("--python", default="/usr/bin/python3")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--trials", type=int, default=16)
    parser.add_argument("--model", default="", choices=["", *MODELS])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--one-at-a-time", action="store_true")
    args = parser.parse_args()
    betas = [0.25 * 2 ** (i / 2) for i in range(max(1, args.trials // 4))] if args.trials != 16 else BETAS
    peers = "one PyTorch process" if args.one_at_a_time else f"{os.cpu_count()} PyTorch processes"
    print(f"| model | trials | ours s | {peers} at a time s | PyTorch / ours | best ELBO ours | best ELBO PyTorch |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name in [args.model] if args.model else MODELS:
        widths, latent = MODELS[name]
        ours, theirs, ratios = [], [], []
        for _ in range(args.rounds):
            with tempfile.TemporaryDirectory() as folder:
                a, elbo = run_ours(args, widths, latent, folder, betas, RATES)
                b, peer_elbo = run_peers(args, widths, latent, folder, betas, RATES)
            ours.append(a)
            theirs.append(b)
            ratios.append(b / a)
        shape = "-".join(map(str, [784, *widths, latent]))
        print(f"| {name} {shape} | {len(betas) * len(RATES)} | {statistics.median(ours):.2f} | {statistics.median(theirs):.2f} | {statistics.median(ratios):.2f} | "
              f"{elbo:.1f} | {peer_elbo:.1f} |", flush=True)


if __name__ == "__main__":
    main()
