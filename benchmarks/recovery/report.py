"""Prints the table of what measure.py has appended to a file."""
import json
import sys


def quantile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, round(share * len(ordered) + 0.5) - 1))]


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        readings = [json.loads(line) for line in file]
    print("| system | kills | s to the next committed step: median | p99 | worst | s until all that was lost is done again: median | committed steps lost: median | most | survivors keep their processes |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for side, name in (("ours", "Vae.Distributed"), ("torchrun", "torchrun, restart from a checkpoint every 25 steps")):
        mine = [reading for reading in readings if reading["side"] == side]
        if not mine:
            continue
        recovery = [reading["recovery_s"] for reading in mine]
        caught_up = [reading.get("caught_up_s", reading["recovery_s"]) for reading in mine]
        lost = [reading["steps_lost"] for reading in mine]
        kept = sum(reading["survivors_kept"] for reading in mine)
        print(f"| {name} | {len(mine)} | {quantile(recovery, 0.5):.3f} | {quantile(recovery, 0.99):.3f} | {max(recovery):.3f} | {quantile(caught_up, 0.5):.3f} | {quantile(lost, 0.5):.0f} | {max(lost):.0f} | {kept} of {len(mine)} |")
    ours = [reading for reading in readings if reading["side"] == "ours"]
    if ours:
        ranks = {rank: sum(reading["rank"] == rank for reading in ours) for rank in sorted({reading["rank"] for reading in ours})}
        anew = sum(reading["attempts"] > 1 for reading in ours)
        print(f"\nRanks that were killed: {', '.join(f'{count} times rank {rank}' for rank, count in ranks.items())}. Attempts that began anew: {anew}.")


if __name__ == "__main__":
    main()
