"""Data-parallel training on one machine: runs the sides of each comparison in turn, several times, and prints medians and ratios as Markdown tables.

Each rank is a process of one compute thread, pinned to a core of its own.
"""
import argparse
import json
import os
import signal
import socket
import statistics
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
CORES = sorted(os.sched_getaffinity(0))


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def pinned(core):
    return lambda: os.sched_setaffinity(0, {core})


class Busy:
    """A process that does nothing but take its share of a core: whoever else runs there has half of it."""

    def __init__(self, core):
        self.core = core

    def __enter__(self):
        self.process = subprocess.Popen([sys.executable, "-c", "while True: pass"], preexec_fn=pinned(self.core))

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


def run(command, world):
    """One process per rank; returns what each printed last."""
    environment = dict(os.environ, OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", OMP_WAIT_POLICY="PASSIVE")
    port = str(free_port())
    processes = [
        subprocess.Popen([*command, "--world", str(world), "--rank", str(rank), "--port", port], env=environment, text=True,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=pinned(CORES[rank % len(CORES)]))
        for rank in range(world)
    ]
    outputs = [process.communicate(timeout=540) for process in processes]
    for process, (_, errors) in zip(processes, outputs):
        if process.returncode != 0:
            sys.exit(f"{' '.join(command)} failed:\n{errors[-2000:]}")
    return [json.loads(output.strip().splitlines()[-1]) for output, _ in outputs if output.strip()]


class Sides:
    """Commands by name, each run once in every round."""

    def __init__(self, args):
        self.args = args

    def ours(self, model, batch, steps, *options):
        images = ["--images", self.args.images] if model == "mlp" and self.args.images else []
        return [self.args.ours, "--model", model, "--batch", str(batch), "--steps", str(steps), *images, *options]

    def pytorch(self, model, batch, steps):
        images = ["--images", self.args.images] if model == "mlp" and self.args.images else []
        script = os.path.join(HERE, "..", "training", "pytorch_step.py")
        return [self.args.python, script, "--model", model, "--batch", str(batch), "--steps", str(steps), "--threads", "1", *images]

    def measure(self, sides):
        """sides: name -> function that runs it once. Returns name -> one result for each round."""
        results = {name: [] for name in sides}
        for _ in range(self.args.rounds):
            for name, once in sides.items():
                results[name].append(once())
        return results


def median(results, key="ms", rank=0):
    return statistics.median(result[rank][key] for result in results)


def ratio(above, below, key="ms"):
    """Median of the ratios of neighbouring runs."""
    return statistics.median(a[0][key] / b[0][key] for a, b in zip(above, below))


def throughput(sides):
    print("## Two processes beside PyTorch DDP over Gloo, and beside two that do not communicate\n")
    print("| model | global batch | ours ms | engine | DDP ms | DDP / ours | goal | silent ms | silent / ours | goal |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for model, batch, steps, goal in (("mlp", 128, 200, 0.75), ("mlp", 256, 150, 0.75), ("conv", 64, 20, 0.95)):
        if sides.args.only and sides.args.only != f"{model},{batch}":
            continue
        warmup = ("--warmup", "100" if model == "mlp" else "90")
        results = sides.measure({
            "ours": lambda: run(sides.ours(model, batch, steps, *warmup), 2),
            "silent": lambda: run(sides.ours(model, batch, steps, *warmup, "--exchange", "none"), 2),
            "ddp": lambda: run(sides.pytorch(model, batch, steps), 2),
        })
        print(f"| {model} | {batch} | {median(results['ours']):.2f} | {results['ours'][0][0]['engine']} | {median(results['ddp']):.2f} | {ratio(results['ddp'], results['ours']):.2f} | 1.8 | "
              f"{median(results['silent']):.2f} | {ratio(results['silent'], results['ours']):.2f} | {goal} |", flush=True)


def network(sides):
    print("\n## Overlap off, on and chosen by measurement\n")
    print("Two ranks, MLP, global batch 256. Hidden: share of the exchange that training did not stand still for.\n")
    print("| path | off ms | on ms | chosen ms | off / on | chosen | exchange ms, on | hidden, on |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    paths = {
        "shared memory": ["--exchange", "shared_memory"],
        "loopback TCP": ["--exchange", "messagepack"],
        "TCP at 1,250 MB/s": ["--exchange", "messagepack", "--megabytes-per-second", "1250"],
        "TCP at 300 MB/s": ["--exchange", "messagepack", "--megabytes-per-second", "300"],
    }
    for path, options in paths.items():
        if sides.args.only and sides.args.only != path:
            continue
        results = sides.measure({
            mode: lambda mode=mode: run(sides.ours("mlp", 256, 120, "--overlap", mode, *options), 2) for mode in ("off", "on", "auto")
        })
        chosen = "/".join("on" if result[0]["chosen"] else "off" for result in results["auto"])
        print(f"| {path} | {median(results['off']):.2f} | {median(results['on']):.2f} | {median(results['auto']):.2f} | {ratio(results['off'], results['on']):.2f} | {chosen} | "
              f"{median(results['on'], 'communication'):.2f} | {median(results['on'], 'hidden'):.0%} |", flush=True)


def uneven(sides):
    print("\n## One of two workers at half speed\n")
    print("Mean time of a step. The slow worker shares its core with a process that never sleeps. Alone: one worker on an undisturbed core, the whole batch.\n")
    print("| model | global batch | alone ms | two equal ms | slow, even parts ms | slow, by speed ms | share of the slow one | alone / by speed | goal | alone / even parts |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for model, batch, short, warmup, steps in (("mlp", 256, 50, 700, 200), ("conv", 64, 10, 150, 20)):
        if sides.args.only and sides.args.only != f"{model},{batch}":
            continue

        def pair(balance, slow):
            # It takes some seconds of training before shares change; with even parts there is nothing to wait for.
            command = sides.ours(model, batch, steps, "--warmup", str(warmup if balance == "auto" else short), "--balance", balance)
            if not slow:
                return run(command, 2)
            with Busy(CORES[1]):
                return run(command, 2)

        results = sides.measure({
            "alone": lambda: run(sides.ours(model, batch, steps, "--warmup", str(short)), 1),
            "equal": lambda: pair("even", False),
            "even": lambda: pair("even", True),
            "auto": lambda: pair("auto", True),
        })
        share = statistics.median(result[1]["rows"] / batch for result in results["auto"])
        print(f"| {model} | {batch} | {median(results['alone'], 'mean'):.2f} | {median(results['equal'], 'mean'):.2f} | {median(results['even'], 'mean'):.2f} | {median(results['auto'], 'mean'):.2f} | "
              f"{share:.0%} | {ratio(results['alone'], results['auto'], 'mean'):.2f} | 1.4 | {ratio(results['alone'], results['even'], 'mean'):.2f} |", flush=True)


def main():
    parts = {"throughput": throughput, "network": network, "uneven": uneven}
    parser = argparse.ArgumentParser()
    parser.add_argument("--ours", required=True)
    parser.add_argument("--python", default="/usr/bin/python3")
    parser.add_argument("--images", default="")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--part", choices=list(parts), action="append", help="default: all")
    parser.add_argument("--only", default="", help="one row, for example mlp,128")
    args = parser.parse_args()
    if len(CORES) < 2:
        sys.exit("two cores are needed, one for each rank")
    for part in args.part or parts:
        parts[part](Sides(args))


if __name__ == "__main__":
    main()
