"""Turns the JSON lines of both programs into markdown tables: medians over the rounds, and ratios of the runs of one round."""
import json
import statistics
import sys
from collections import Counter, defaultdict

NAMES = {"shared_memory": "shared memory", "messagepack": "TCP"}

runs = defaultdict(lambda: defaultdict(dict))
settings = defaultdict(Counter)
for line in sys.stdin:
    row = json.loads(line)
    runs[row["ranks"], row["bytes"]][row["engine"]][row["round"]] = row
    if ": " in row.get("setting", ""):
        said = row["setting"].split(f"by {row['engine']}", 1)[1].lstrip(": ").split(" (")[0]
        if said:
            settings[row["engine"], row["ranks"]][said, row["round"]] += 1


def median(rows, key):
    return statistics.median(row[key] for row in rows)


def size(count):
    return f"{count // 1024} KiB" if count < 1 << 20 else f"{count >> 20} MiB"


def figures(rows):
    return [f"{median(rows, key):.{1 if median(rows, key) < 20 else 0}f}" for key in ("median_us", "p10_us", "p90_us")] + [f"{median(rows, 'bus_gb_per_s'):.2f}"]


print("Each figure is the median over the rounds of a run's own median (p10, p90: of its p10, p90). The ratio is Gloo's time over ours in")
print("the same round: above 1 ours is faster; in brackets the smallest and the largest of the rounds. GB/s: 2 (n - 1) / n times the buffer, by time.")
for engine in [name for name in ("shared_memory", "messagepack", "gloo") if any(name in by for by in runs.values())]:
    name = NAMES.get(engine, engine)
    print(f"\n## {name[0].upper() + name[1:]}\n")
    print("| ranks | size | rounds | ours us | p10 | p90 | GB/s | Gloo us | p10 | p90 | GB/s | ratio |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for (ranks, count), engines in sorted(runs.items()):
        both = sorted(engines[engine].keys() & engines["pytorch"].keys())
        if not both:
            continue
        ours, theirs = ([engines[which][key] for key in both] for which in (engine, "pytorch"))
        ratios = [other["median_us"] / own["median_us"] for own, other in zip(ours, theirs)]
        ratio = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
        print("| " + " | ".join([str(ranks), size(count), str(len(both))] + figures(ours) + figures(theirs) + [ratio]) + " |")
    for (which, ranks), said in sorted(settings.items()):
        if which == engine:
            chosen = Counter(text for text, _ in said)
            print(f"\nChosen with {ranks} ranks: " + "; ".join(f"{text} (in {times} of {len(said)} rounds)" for text, times in chosen.most_common()) + ".")
