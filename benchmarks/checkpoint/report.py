"""Tables from the readings of measure.py."""
import json, statistics, sys

with open(sys.argv[1]) as file:
    readings = [json.loads(line) for line in file]


def of(kind, case):
    return [r for r in readings if r["kind"] == kind and r["case"] == case]


def spread(values, digits=2):
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})" if values else "not measured"


cases = [case for case in ("small", "large") if any(r["case"] == case for r in readings)]
print("## Cost\n\nTraining time of one trial, by the worker's clock, without start and end. Medians (least to greatest).\n")
print("| model | runs each | budget 0: s | default: s | more | checkpoints a run | MB each | training stood still, ms each | processor ms each | stored after, ms |")
print("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")
for case in cases:
    without, with_ = [[r for r in of("overhead", case) if (r["budget"] == 0) == never] for never in (True, False)]
    if not without or not with_:
        continue
    if any(r["stored"] for r in without):
        sys.exit("a run with budget 0 made a checkpoint")
    a, b = [[r["seconds"] for r in side] for side in (without, with_)]
    stored = [one for r in with_ for one in r["stored"]]
    column = lambda name, unit=1: spread([one[name] / unit for one in stored], 1)
    more = statistics.median(b) / statistics.median(a) - 1
    print(f"| {case} | {min(len(a), len(b))} | {spread(a)} | {spread(b)} | {more:+.1%} | {statistics.median(len(r['stored']) for r in with_):g} | {column('bytes', 1e6)} | {column('still_ms')} | {column('cost_ms')} | {column('took_ms')} |")
    share = [sum(one["still_ms"] + one["cost_ms"] for one in r["stored"]) / 1e3 / r["seconds"] for r in with_]
    print(f"| {case}, by its own account | | | | {statistics.median(share):.2%} | | | | | |")

print("\n## Going on\n\nFrom the start of `vae sweep resume` to the first new step in the store, with the start of both processes and loading libtorch. Killed: coordinator and worker at once with SIGKILL, 2 s after a checkpoint.\n")
print("| model | how it ended | times | until it had ended, s | to the first new step, s | steps trained again |")
print("| --- | --- | --- | --- | --- | --- |")
for case in cases:
    for kind, words in (("kill", "kill -9 of all"), ("stop", "Ctrl-C")):
        if found := of(kind, case):
            again = [r["last_before"] - r["first_after"] + 1 for r in found if r["last_before"] is not None]
            print(f"| {case} | {words} | {len(found)} | {spread([r['stopped_s'] for r in found])} | {spread([r['resume_s'] for r in found])} | {spread(again, 0)} |")
