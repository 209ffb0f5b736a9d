"""Runs ours, PyTorch and the limit in turn, several times, and prints medians and ratios as a Markdown table."""
import argparse
import json
import os
import socket
import statistics
import subprocess
import sys

CASES = [
    # model, batch, processes
    ("mlp", 128, 1),
    ("mlp", 32, 1),
    ("conv", 64, 1),
    ("mlp", 128, 2),
    ("mlp", 256, 2),
]


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def run(command, world, environment):
    """Starts one process per rank and returns rank 0's JSON line."""
    port = str(free_port())
    processes = [
        subprocess.Popen([*command, "--world", str(world), "--rank", str(rank), "--port", port], env=environment, text=True,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for rank in range(world)
    ]
    outputs = [process.communicate(timeout=540) for process in processes]
    for process, (_, errors) in zip(processes, outputs):
        if process.returncode != 0:
            sys.exit(f"{' '.join(command)} failed:\n{errors[-2000:]}")
    return json.loads(outputs[0][0].strip().splitlines()[-1])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--ours", required=True)
    parser.add_argument("--python", default="/usr/bin/python3")
    parser.add_argument("--images", default="")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--only", default="", help="for example mlp,128,1")
    args = parser.parse_args()
    here = os.path.dirname(os.path.abspath(__file__))
    environment = dict(os.environ, OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", OMP_WAIT_POLICY="PASSIVE")
    print("| model | batch | processes | ours ms | PyTorch ms | products alone ms | PyTorch / ours | ours / products |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for model, batch, world in CASES:
        if args.only and args.only != f"{model},{batch},{world}":
            continue
        common = ["--model", model, "--batch", str(batch), "--steps", str(args.steps), "--threads", "1"]
        if model == "mlp" and args.images:
            common += ["--images", args.images]
        ours, peers, limits, ratios = [], [], [], []
        for _ in range(args.rounds):
            a = run([args.ours, *common], world, environment)["ms"]
            b = run([args.python, os.path.join(here, "pytorch_step.py"), *common], world, environment)["ms"]
            ours.append(a)
            peers.append(b)
            ratios.append(b / a)
            if world == 1:
                limits.append(run([args.ours, *common, "--products-only", "true"], 1, environment)["ms"])
        limit = statistics.median(limits) if limits else float("nan")
        mine = statistics.median(ours)
        print(f"| {model} | {batch} | {world} | {mine:.2f} | {statistics.median(peers):.2f} | {limit:.2f} | "
              f"{statistics.median(ratios):.2f} | {mine / limit:.2f} |", flush=True)


if __name__ == "__main__":
    main()
