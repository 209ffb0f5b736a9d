"""The peer of a sweep: one trial in one eager PyTorch process: load, train, evaluate the held-out rows once, save. Run by benchmarks/sweep.sh.

Prints one JSON object with the held-out ELBO (nats per row) and the seconds spent in training alone.
"""
import argparse
import json
import os
import sys
import time

import torch
from torch.nn import functional as F

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "training"))
from pytorch_step import Mlp, images  # noqa: E402 (the path above must be set first)


def bound(net, x):
    logits, mean, log_variance = net(x)
    distortion = F.binary_cross_entropy_with_logits(logits, x, reduction="sum")
    rate = -0.5 * torch.sum(1 + log_variance - mean.pow(2) - log_variance.exp())
    return distortion, rate


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--widths", default="512,256")
    parser.add_argument("--latent", type=int, default=16)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--beta", type=float, default=1)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--held-out", type=int, default=2000)
    parser.add_argument("--images", required=True)
    parser.add_argument("--save", required=True)
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(1)
    device = torch.device(args.device)
    data = images(args.images, 28, rows=None).to(device)
    train, held_out = data[: len(data) - args.held_out], data[len(data) - args.held_out:]
    net = Mlp(784, [int(width) for width in args.widths.split(",")], args.latent).to(device)
    optimizer = torch.optim.Adam(net.parameters(), lr=args.rate)
    order, position = torch.randperm(len(train), device=device), 0
    begin = time.perf_counter()
    for _ in range(args.steps):
        if position + args.batch > len(train):
            order, position = torch.randperm(len(train), device=device), 0
        x = torch.bernoulli(train[order[position:position + args.batch]].float() / 255)
        position += args.batch
        distortion, rate = bound(net, x)
        optimizer.zero_grad(set_to_none=True)
        ((distortion + args.beta * rate) / args.batch).backward()
        optimizer.step()
    seconds = time.perf_counter() - begin
    with torch.no_grad():
        total = sum(-(d + r).item() for d, r in (bound(net, torch.bernoulli(part.float() / 255)) for part in held_out.split(512)))
    torch.save(net.state_dict(), args.save)
    print(json.dumps({"elbo": total / len(held_out), "seconds": seconds}))


if __name__ == "__main__":
    main()
