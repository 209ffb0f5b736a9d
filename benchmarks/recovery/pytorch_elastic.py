"""One worker of torchrun: a VAE under DistributedDataParallel over Gloo, which saves itself every 25 steps and begins where its last checkpoint ends. Appends each step with its time to a file."""
import os
import sys
import time

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.nn.parallel import DistributedDataParallel

FOLDER = sys.argv[1]
CHECKPOINT = os.path.join(FOLDER, "checkpoint.pt")
EVERY, BATCH, PIXELS, LATENT = 25, 128, 784, 16


class Vae(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(PIXELS, 512), nn.ReLU(), nn.Linear(512, 256), nn.ReLU(), nn.Linear(256, 2 * LATENT))
        self.decoder = nn.Sequential(nn.Linear(LATENT, 256), nn.ReLU(), nn.Linear(256, 512), nn.ReLU(), nn.Linear(512, PIXELS))

    def forward(self, images):
        mean, log_variance = self.encoder(images).chunk(2, dim=1)
        logits = self.decoder(mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean))
        rate = -0.5 * (1 + log_variance - mean * mean - log_variance.exp()).sum()
        return (binary_cross_entropy_with_logits(logits, images, reduction="sum") + rate) / len(images)


def main():
    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    torch.manual_seed(1)
    model = Vae()
    optimizer = torch.optim.Adam(model.parameters())
    step = 0
    if os.path.exists(CHECKPOINT):
        state = torch.load(CHECKPOINT)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        step = state["step"]
    shared = DistributedDataParallel(model)
    images = (torch.rand(4000, PIXELS) < 0.2).float()
    rank, world = dist.get_rank(), dist.get_world_size()
    with open(os.path.join(FOLDER, f"steps-{os.getpid()}"), "w", encoding="utf-8", buffering=1) as steps:
        while True:
            rows = torch.randint(len(images), (BATCH // world,))
            optimizer.zero_grad(set_to_none=True)
            loss = shared(images[rows])
            loss.backward()
            loss.item()
            optimizer.step()
            step += 1
            steps.write(f"{time.monotonic()} {step}\n")
            if rank == 0 and step % EVERY == 0:
                torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": step}, CHECKPOINT + ".new")
                os.replace(CHECKPOINT + ".new", CHECKPOINT)


if __name__ == "__main__":
    main()
