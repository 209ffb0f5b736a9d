"""The network of benchmarks/likelihood.sh in plain PyTorch: trains VAE (k = 1, KL in closed form) or IWAE and prints held-out figures as JSON.

usage: pytorch_iwae.py IMAGES.gz [--k 5] [--seed 1] [--epochs 20] [--samples 1000] [--threads 1]
"""
import argparse, gzip, json, math
import torch
import torch.nn as nn
import torch.nn.functional as F

parser = argparse.ArgumentParser()
parser.add_argument("images")
for name, default in (("k", 5), ("seed", 1), ("epochs", 20), ("samples", 1000), ("threads", 1)):
    parser.add_argument(f"--{name}", type=int, default=default)
options = parser.parse_args()
torch.set_num_threads(options.threads)
torch.manual_seed(options.seed)

with gzip.open(options.images) as file:
    file.read(16)
    grey = torch.frombuffer(bytearray(file.read()), dtype=torch.uint8).reshape(-1, 784).float() / 255
train, held_out = grey[:8000], torch.bernoulli(grey[8000:10000], generator=torch.Generator().manual_seed(1))

encoder = nn.Sequential(nn.Linear(784, 200), nn.Tanh(), nn.Linear(200, 200), nn.Tanh(), nn.Linear(200, 100))
decoder = nn.Sequential(nn.Linear(50, 200), nn.Tanh(), nn.Linear(200, 200), nn.Tanh(), nn.Linear(200, 784))


def posterior(x):
    mean, raw = encoder(x).chunk(2, 1)
    return mean, 8 - F.softplus(8 - (-12 + F.softplus(raw + 12)))


def log_weights(x, mean, log_variance, k):
    """log p(x|z) + log p(z) - log q(z|x), [k, n], and log p(x|z)."""
    noise = torch.randn(k, *mean.shape)
    z = mean + (log_variance / 2).exp() * noise
    logits = decoder(z)
    likelihood = (logits * x - F.softplus(logits)).sum(2)
    return likelihood + 0.5 * (noise.square() - z.square() + log_variance).sum(2), likelihood


def rate_of(mean, log_variance):
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance)


optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=1e-3)
for epoch in range(options.epochs):
    for rows in torch.randperm(len(train)).split(20):
        x = torch.bernoulli(train[rows])
        mean, log_variance = posterior(x)
        weights, likelihood = log_weights(x, mean, log_variance, options.k)
        bound = (likelihood[0] - rate_of(mean, log_variance).sum(1)) if options.k == 1 else torch.logsumexp(weights, 0) - math.log(options.k)
        optimizer.zero_grad()
        (-bound.mean()).backward()
        optimizer.step()

with torch.no_grad():
    mean, log_variance = posterior(held_out)
    rates = rate_of(mean, log_variance)
    likelihood = log_weights(held_out, mean, log_variance, 1)[1][0]
    estimates = []
    for first in range(0, len(held_out), 50):
        part = slice(first, first + 50)
        chunks = [log_weights(held_out[part], mean[part], log_variance[part], min(100, options.samples - drawn))[0] for drawn in range(0, options.samples, 100)]
        estimates.append(torch.logsumexp(torch.cat(chunks).double(), 0) - math.log(options.samples))
figures = {
    "elbo": (likelihood - rates.sum(1)).mean().item(),
    "rate": rates.sum(1).mean().item(),
    "active_units": int((mean.var(0, unbiased=False) > 0.01).sum()),
    "log_likelihood": torch.cat(estimates).mean().item(),
}
print(json.dumps({"metrics": [{"name": name, "value": value} for name, value in figures.items()]}))
