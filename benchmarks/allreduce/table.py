"""Turns the JSON lines of both programs into a markdown table: medians over the repeats, and ratios of the runs next to each other."""
import json
import statistics
import sys
from collections import defaultdict

runs = defaultdict(lambda: defaultdict(list))
for line in sys.stdin:
    row = json.loads(line)
    runs[row["ranks"], row["bytes"]][row["engine"]].append(row)


def median(rows, key):
    return statistics.median(row[key] for row in rows)


def size(count):
    return f"{count // 1024} KiB" if count < 1 << 20 else f"{count >> 20} MiB"


print("Each figure is the median over the repeats of a run's own median (p10, p90: of its p10, p90). The ratio is Gloo's time over ours in")
print("neighbouring runs: above 1 ours is faster; in brackets the smallest and the largest of the repeats.")
print()
print("| ranks | size | ours us | p10 | p90 | GB/s | Gloo us | p10 | p90 | GB/s | ratio |")
print("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")
for (ranks, count), engines in sorted(runs.items()):
    cells = [str(ranks), size(count)]
    for engine in ("ring", "gloo"):
        rows = engines[engine]
        cells += [f"{median(rows, key):.0f}" for key in ("median_us", "p10_us", "p90_us")] + [f"{median(rows, 'bus_gb_per_s'):.2f}"]
    ratios = [gloo["median_us"] / ours["median_us"] for ours, gloo in zip(engines["ring"], engines["gloo"])]
    cells.append(f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")
    print("| " + " | ".join(cells) + " |")
