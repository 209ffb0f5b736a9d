"""Data-parallel training on one machine: runs the sides of each comparison in turn, several times, and prints medians and ratios as Markdown tables.

Each rank is a process of one compute thread, pinned to a core of its own.
"""
import argparse
import json
import os
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


class Thief:
    """Takes a core away from whoever runs there, 0.18 ms of every 0.4: what is left is a core of half the speed (the table shows by how much).

    A busy process of ordinary priority would do it too, but in turns of milliseconds, and a step would mostly measure how long a worker waits for its turn. Needs
    the right to real-time priority (root); without it the thief is such a process.
    """

    CODE = """
import os, sys, time
os.sched_setaffinity(0, {int(sys.argv[1])})
try:
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
except PermissionError:
    while True: pass
clock, due = time.perf_counter, time.perf_counter()
while True:
    taken = due + 0.000184
    due += 0.0004
    while clock() < taken: pass
    time.sleep(max(0, due - clock()))
"""

    def __init__(self, core):
        self.core = core

    def __enter__(self):
        self.process = subprocess.Popen([sys.executable, "-c", self.CODE, str(self.core)])

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


def run(command, world, cores=CORES):
    """One process per rank; returns what each printed last."""
    environment = dict(os.environ, OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", OMP_WAIT_POLICY="PASSIVE")
    port = str(free_port())
    processes = [
        subprocess.Popen([*command, "--world", str(world), "--rank", str(rank), "--port", port], env=environment, text=True,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=pinned(cores[rank % len(cores)]))
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
    for model, batch, steps, goal in (("mlp", 128, 600, 0.75), ("mlp", 256, 400, 0.75), ("conv", 64, 120, None), ("conv", 128, 80, 0.95), ("conv", 256, 40, 0.95)):
        if sides.args.only and sides.args.only != f"{model},{batch}":
            continue
        warmup = ("--warmup", "100" if model == "mlp" else "90")
        results = sides.measure({
            "ours": lambda: run(sides.ours(model, batch, steps, *warmup), 2),
            "silent": lambda: run(sides.ours(model, batch, steps, *warmup, "--exchange", "none"), 2),
            "ddp": lambda: run(sides.pytorch(model, batch, steps), 2),
        })
        print(f"| {model} | {batch} | {median(results['ours']):.2f} | {results['ours'][0][0]['engine']} | {median(results['ddp']):.2f} | {ratio(results['ddp'], results['ours']):.2f} | 1.8 | "
              f"{median(results['silent']):.2f} | {ratio(results['silent'], results['ours']):.2f} | {goal or '-'} |", flush=True)


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
    print("Median time of a step. A fast and a slow worker alone, each with the whole batch; then both together. Limit: the step if the rows cost each of them what they cost it alone,")
    print("shared in the best way, and communication nothing. Two fast workers: what two of equal speed gain on this machine, three quarters of which one and a half can hope for.\n")
    print("| model | global batch | fast alone ms | slow alone ms | two fast ms | even parts ms | by speed ms | share of the slow one | limit ms | fast alone / by speed | goal | fast alone / even parts | 3/4 of fast alone / two fast |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for model, batch, short, warmup, steps in (("mlp", 512, 50, 450, 150), ("mlp", 1024, 20, 280, 80), ("mlp", 4096, 6, 70, 24), ("conv", 64, 10, 220, 40), ("conv", 128, 6, 130, 20)):
        if sides.args.only and sides.args.only != f"{model},{batch}":
            continue

        def once(world, balance, slow, cores=CORES):
            # It takes some seconds of training before shares change; with even parts there is nothing to wait for.
            command = sides.ours(model, batch, steps, "--warmup", str(warmup if balance == "auto" else short), "--balance", balance)
            if not slow:
                return run(command, world, cores)
            with Thief(CORES[1]):
                return run(command, world, cores)

        results = sides.measure({
            "fast": lambda: once(1, "even", False),
            "slow": lambda: once(1, "even", True, [CORES[1]]),
            "both": lambda: once(2, "even", False),
            "even": lambda: once(2, "even", True),
            "auto": lambda: once(2, "auto", True),
        })
        fast, slow = median(results["fast"]), median(results["slow"])
        share = statistics.median(result[1]["rows"] / (result[0]["rows"] + result[1]["rows"]) for result in results["auto"])
        print(f"| {model} | {batch} | {fast:.2f} | {slow:.2f} | {median(results['both']):.2f} | {median(results['even']):.2f} | {median(results['auto']):.2f} | {share:.0%} | {1 / (1 / fast + 1 / slow):.2f} | "
              f"{ratio(results['fast'], results['auto']):.2f} | 1.4 | {ratio(results['fast'], results['even']):.2f} | {0.75 * ratio(results['fast'], results['both']):.2f} |", flush=True)


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
