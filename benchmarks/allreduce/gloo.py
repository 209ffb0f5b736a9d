"""PyTorch's Gloo all-reduce over loopback, one process per rank: the same sizes, rounds and JSON lines as the program beside it.

usage: gloo.py --ranks 2 --sizes 4096,1048576 [--seconds 0.5]
"""
import argparse
import json
import multiprocessing
import os
import socket
import time

import torch
import torch.distributed as dist


def measure(rank, arguments, port):
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port), GLOO_SOCKET_IFNAME="lo")
    torch.set_num_threads(1)
    dist.init_process_group("gloo", rank=rank, world_size=arguments.ranks)
    for size in map(int, arguments.sizes.split(",")):
        buffer = torch.zeros(size // 4)
        warm = time.perf_counter()
        for _ in range(3):
            dist.all_reduce(buffer)
        guess = min(max(arguments.seconds / ((time.perf_counter() - warm) / 3), 7), 20000)
        rounds = torch.tensor([float(guess) if rank == 0 else 0.0])
        dist.all_reduce(rounds)
        times = []
        for _ in range(int(rounds.item())):
            start = time.perf_counter()
            dist.all_reduce(buffer)
            times.append(time.perf_counter() - start)
        times.sort()
        if rank == 0:
            median = times[len(times) // 2]
            bus = 2 * (arguments.ranks - 1) / arguments.ranks * size / median / 1e9
            print(json.dumps({
                "engine": "pytorch", "ranks": arguments.ranks, "bytes": size, "rounds": len(times),
                "median_us": round(median * 1e6, 2), "p10_us": round(times[len(times) // 10] * 1e6, 2),
                "p90_us": round(times[len(times) * 9 // 10] * 1e6, 2), "bus_gb_per_s": round(bus, 4)}), flush=True)
    dist.barrier()
    dist.destroy_process_group()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--sizes", default="4096,262144,1048576,4194304,16777216,67108864")
    parser.add_argument("--seconds", type=float, default=0.5)
    arguments = parser.parse_args()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    processes = [multiprocessing.Process(target=measure, args=(rank, arguments, port)) for rank in range(arguments.ranks)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    raise SystemExit(max(process.exitcode for process in processes))


if __name__ == "__main__":
    main()
