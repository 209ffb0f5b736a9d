"""The peer on a GPU: one trial's step in eager PyTorch on the same device, data resident there. Prints one JSON object. Run by benchmarks/gpu-check.sh."""
import argparse
import json
import os
import statistics
import sys
import time

import torch
from torch.nn import functional as F

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "training"))
from pytorch_step import Conv, Mlp  # noqa: E402 (the path above must be set first)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", choices=["mlp", "tiny", "conv"], default="mlp")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--warmup", type=int, default=30)
    args = parser.parse_args()
    torch.manual_seed(1)
    torch.backends.cuda.matmul.allow_tf32 = False  # Ours computes in float32 too.
    torch.backends.cudnn.allow_tf32 = False
    side = 64 if args.model == "conv" else 28
    model = {"mlp": lambda: Mlp(784, [512, 256], 16), "tiny": lambda: Mlp(784, [64], 8), "conv": lambda: Conv(64, [32, 32, 64, 64], 256, 10)}[args.model]().cuda()
    data = torch.randint(0, 256, (8000, side * side), dtype=torch.uint8, device="cuda")
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    times, order, position = [], torch.randperm(len(data), device="cuda"), 0
    for step in range(args.warmup + args.steps):
        begin = time.perf_counter()
        if position + args.batch > len(data):
            order, position = torch.randperm(len(data), device="cuda"), 0
        x = torch.bernoulli(data[order[position:position + args.batch]].float() / 255)
        position += args.batch
        logits, mean, log_variance = model(x)
        distortion = F.binary_cross_entropy_with_logits(logits, x, reduction="sum")
        rate = -0.5 * torch.sum(1 + log_variance - mean.pow(2) - log_variance.exp())
        loss = (distortion + rate) / args.batch
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        loss.item()
        if step >= args.warmup:
            times.append((time.perf_counter() - begin) * 1e3)
    print(json.dumps({"side": "pytorch", "torch": torch.__version__, "model": args.model, "batch": args.batch, "ms": statistics.median(times), "loss": loss.item(),
                      "peak_bytes": torch.cuda.max_memory_allocated()}))


if __name__ == "__main__":
    main()
