"""Where the time of two communicating ranks goes, beside two that do not: waiting for each other, and the exchange itself. Prints a Markdown table.

Silent ranks each have their own times. Two ranks that only wait for each other in every step need at least the mean of the larger of two such times, drawn
at random: that is jitter, and no exchange can be faster. The row "barrier" waits in every step and exchanges one number; the last row exchanges gradients.
"""
import argparse
import os
import random
import statistics

from compare import HERE, run


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--ours", default=os.path.join(HERE, "bin", "Release", "net10.0", "parallelstep"))
    parser.add_argument("--model", default="conv")
    parser.add_argument("--batch", default="64")
    parser.add_argument("--steps", default="150")
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    rows = {"silent": [], "larger of two silent ones": [], "barrier": [], "shared memory": []}
    phases = {}
    for _ in range(args.rounds):
        for exchange in ("none", "barrier", "shared_memory"):
            ranks = run([args.ours, "--model", args.model, "--batch", args.batch, "--exchange", exchange, "--steps", args.steps, "--warmup", "30", "--overlap", "off", "--times", "all"], 2)
            times = [rank["times"] for rank in ranks]
            name = {"none": "silent", "barrier": "barrier", "shared_memory": "shared memory"}[exchange]
            rows[name] += [time for rank in times for time in rank]
            phases.setdefault(name, []).append([statistics.mean(values) for values in zip(*(rank["phases"] for rank in ranks))])
            if exchange == "none":
                rows["larger of two silent ones"] += [max(random.choice(times[0]), random.choice(times[1])) for _ in range(20_000)]
    silent = statistics.mean(rows["silent"])
    print("| two ranks | mean ms | median | 10 % | 90 % | silent / this | load, forward, backward, all-reduce, update ms |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name, times in rows.items():
        cuts = statistics.quantiles(times, n=10)
        parts = ", ".join(f"{statistics.mean(values):.2f}" for values in zip(*phases[name])) if name in phases else ""
        print(f"| {name} | {statistics.mean(times):.2f} | {statistics.median(times):.2f} | {cuts[0]:.2f} | {cuts[-1]:.2f} | {silent / statistics.mean(times):.3f} | {parts} |")


if __name__ == "__main__":
    main()
