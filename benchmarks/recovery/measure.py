"""Kills workers of two systems in turns and times how long training stands still. Appends one JSON line for each kill."""
import argparse
import json
import random
import time

from ours import Ours
from torchrun import Torchrun


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--vae", required=True)
    parser.add_argument("--python", required=True)
    parser.add_argument("--readings", required=True)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--only", choices=["ours", "torchrun"])
    args = parser.parse_args()
    chance = random.Random()
    sides = []
    if args.only != "torchrun":
        sides.append(("ours", Ours(args.vae)))
    if args.only != "ours":
        sides.append(("torchrun", Torchrun(args.python)))
    try:
        for turn in range(args.rounds):
            for name, side in sides:
                reading = {"side": name, "at": time.time(), **side.kill_one(chance)}
                with open(args.readings, "a", encoding="utf-8") as readings:
                    readings.write(json.dumps(reading) + "\n")
                print(f"{turn + 1}/{args.rounds} {name}: {json.dumps(reading)}", flush=True)
    finally:
        for _, side in sides:
            side.close()


if __name__ == "__main__":
    main()
