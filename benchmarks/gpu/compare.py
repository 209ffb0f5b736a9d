"""Times packs of ours and PyTorch's single trial in turn on one GPU and prints medians and ratios as a Markdown table. Run by benchmarks/gpu-check.sh."""
import argparse
import json
import os
import statistics
import subprocess
import sys


def run(command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} failed:\n{(done.stdout + done.stderr)[-3000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--ours", required=True)
    parser.add_argument("--python", required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=200)
    args = parser.parse_args()
    here = os.path.dirname(os.path.abspath(__file__))
    print("| model | batch | K | ours ms per step | ours ms per trial-step | PyTorch ms per step | one trial after the other / ours | recorded | peak MiB |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for model, batch in [("mlp", 128), ("mlp", 32), ("tiny", 32), ("conv", 64)]:
        for slots in [1, 8, 32]:
            ours, peers, ratios = [], [], []
            for _ in range(args.rounds):
                mine = run([args.ours, "step", "--device", "cuda", "--model", model, "--batch", str(batch), "--slots", str(slots), "--steps", str(args.steps)])
                peer = run([args.python, os.path.join(here, "pytorch_gpu.py"), "--model", model, "--batch", str(batch), "--steps", str(args.steps)])
                ours.append(mine["ms"])
                peers.append(peer["ms"])
                ratios.append(peer["ms"] * slots / mine["ms"])
            print(f"| {model} | {batch} | {slots} | {statistics.median(ours):.3f} | {statistics.median(ours) / slots:.4f} | {statistics.median(peers):.3f} | "
                  f"{statistics.median(ratios):.2f} | {mine['recorded'][:60]} | {mine['peak_bytes'] / 2**20:.0f} |", flush=True)


if __name__ == "__main__":
    main()
