"""The peer: the same VAE, data, noise and optimizer in eager PyTorch, alone or with DistributedDataParallel over Gloo.

Prints one JSON object with the median time of a step in milliseconds. Run by benchmarks/training.sh.
"""
import argparse
import gzip
import json
import os
import statistics
import struct
import time

import torch
from torch import nn
from torch.nn import functional as F


class Mlp(nn.Module):
    def __init__(self, values, widths, latent):
        super().__init__()
        sizes = [values, *widths]
        layers = []
        for a, b in zip(sizes, sizes[1:]):
            layers += [nn.Linear(a, b), nn.ReLU()]
        self.encoder = nn.Sequential(*layers, nn.Linear(sizes[-1], 2 * latent))
        layers, back = [], [latent, *reversed(widths)]
        for a, b in zip(back, back[1:]):
            layers += [nn.Linear(a, b), nn.ReLU()]
        self.decoder = nn.Sequential(*layers, nn.Linear(back[-1], values))

    def forward(self, x):
        mean, log_variance = self.encoder(x).chunk(2, 1)
        z = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
        return self.decoder(z), mean, log_variance


class Conv(nn.Module):
    def __init__(self, side, channels, hidden, latent):
        super().__init__()
        layers, inputs = [], 1
        for c in channels:
            layers += [nn.Conv2d(inputs, c, 4, 2, 1), nn.ReLU()]
            inputs = c
        side //= 2 ** len(channels)
        flat = inputs * side * side
        self.encoder = nn.Sequential(*layers, nn.Flatten(), nn.Linear(flat, hidden), nn.ReLU(), nn.Linear(hidden, 2 * latent))
        layers = [nn.Linear(latent, hidden), nn.ReLU(), nn.Linear(hidden, flat), nn.ReLU(), nn.Unflatten(1, (inputs, side, side))]
        back = [*reversed(channels), 1]
        for i, (a, b) in enumerate(zip(back, back[1:])):
            layers.append(nn.ConvTranspose2d(a, b, 4, 2, 1))
            if i < len(back) - 2:
                layers.append(nn.ReLU())
        self.decoder = nn.Sequential(*layers, nn.Flatten())

    def forward(self, x):
        side = int(x.shape[1] ** 0.5)
        mean, log_variance = self.encoder(x.view(-1, 1, side, side)).chunk(2, 1)
        z = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
        return self.decoder(z), mean, log_variance


def images(path, side, rows=8000):
    if not path:
        return torch.randint(0, 256, (8000, side * side), dtype=torch.uint8)
    with gzip.open(path) as file:
        _, count, height, width = struct.unpack(">IIII", file.read(16))
        return torch.frombuffer(bytearray(file.read()), dtype=torch.uint8).view(count, height * width)[:rows]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", choices=["mlp", "conv"], default="mlp")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--warmup", type=int, default=30)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--images", default="")
    parser.add_argument("--world", type=int, default=1)
    parser.add_argument("--rank", type=int, default=0)
    parser.add_argument("--port", type=int, default=29511)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(1)
    if args.model == "mlp":
        data, model = images(args.images, 28), Mlp(784, [512, 256], 16)
    else:
        data, model = images("", 64), Conv(64, [32, 32, 64, 64], 256, 10)
    net = model
    if args.world > 1:
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
        torch.distributed.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{args.port}", rank=args.rank, world_size=args.world)
        net = nn.parallel.DistributedDataParallel(model)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    part = args.batch // args.world
    times, order, position = [], torch.randperm(len(data)), 0
    for step in range(args.warmup + args.steps):
        begin = time.perf_counter()
        if position + args.batch > len(data):
            order, position = torch.randperm(len(data)), 0
        rows = order[position + args.rank * part:position + (args.rank + 1) * part]
        position += args.batch
        x = torch.bernoulli(data[rows].float() / 255)
        logits, mean, log_variance = net(x)
        distortion = F.binary_cross_entropy_with_logits(logits, x, reduction="sum")
        rate = -0.5 * torch.sum(1 + log_variance - mean.pow(2) - log_variance.exp())
        loss = (distortion + rate) / part
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        loss.item()
        if step >= args.warmup:
            times.append((time.perf_counter() - begin) * 1e3)
    if args.rank == 0:
        print(json.dumps({"side": "pytorch", "torch": torch.__version__, "model": args.model, "batch": args.batch, "world": args.world,
                          "threads": args.threads, "ms": statistics.median(times), "loss": loss.item()}))


if __name__ == "__main__":
    main()
