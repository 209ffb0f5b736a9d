"""The five models of benchmarks/likelihood.sh in plain PyTorch, written from the papers: trains one and prints its held-out figures as JSON.

vae and iwae are Burda et al. 2016 with one stochastic layer, vamp is Tomczak and Welling 2018, equation 9, ladder is Sonderby et al. 2016, equations 18 and 19, without batch normalisation.

usage: pytorch_models.py IMAGES.gz [--kind vae|iwae5|iwae50|vamp|ladder] [--seed 1] [--epochs 20] [--samples 1000] [--rows 2000] [--activation tanh|leaky_relu] [--warmup EPOCHS]
                         [--bias data|random] [--start dark|data] [--threads 1] [--trace STEPS]
"""
import argparse, gzip, json, math, sys
import torch
import torch.nn as nn
import torch.nn.functional as F

parser = argparse.ArgumentParser()
parser.add_argument("images")
for name, default in (("seed", 1), ("epochs", 20), ("samples", 1000), ("rows", 2000), ("warmup", 0), ("threads", 1), ("trace", 0), ("pseudo_inputs", 200)):
    parser.add_argument(f"--{name}", type=int, default=default)
parser.add_argument("--kind", default="vae")
parser.add_argument("--activation", default="tanh", choices=("tanh", "leaky_relu"))
parser.add_argument("--bias", default="data", choices=("data", "random"))
parser.add_argument("--start", default="dark", choices=("data", "dark"))
options = parser.parse_args()
torch.set_num_threads(options.threads)
torch.manual_seed(options.seed)
importance = int(options.kind[4:]) if options.kind.startswith("iwae") else 1

with gzip.open(options.images) as file:
    file.read(16)
    grey = torch.frombuffer(bytearray(file.read()), dtype=torch.uint8).reshape(-1, 784).float() / 255
train, held_out = grey[:8000], torch.bernoulli(grey[8000:8000 + options.rows], generator=torch.Generator().manual_seed(1))


def dense(*widths, end=None):
    layers = []
    for inputs, outputs in zip(widths, widths[1:]):
        layers += [nn.Linear(inputs, outputs), nn.Tanh() if options.activation == "tanh" else nn.LeakyReLU()]
    return nn.Sequential(*layers, *([nn.Linear(widths[-1], end)] if end else []))


def gaussian(output):
    """Mean and log variance, the latter kept smoothly between -12 and 8."""
    mean, raw = output.chunk(2, -1)
    return mean, 8 - F.softplus(8 - (-12 + F.softplus(raw + 12)))


def sample(mean, log_variance, k):
    shape = mean.shape if mean.dim() == 3 else (k, *mean.shape)
    return mean + (log_variance / 2).exp() * torch.randn(shape)


def log_normal(z, mean, log_variance):
    return -0.5 * (math.log(2 * math.pi) + log_variance + (z - mean).square() / log_variance.exp())


def divergence(mean, log_variance, prior_mean, prior_log_variance):
    return 0.5 * (prior_log_variance - log_variance + (log_variance.exp() + (mean - prior_mean).square()) / prior_log_variance.exp() - 1)


class Vae(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = dense(784, 200, 200, end=100), dense(50, 200, 200, end=784)

    def forward(self, x, k):
        """Logits [k, n, 784], rate in closed form [n], log q(z|x) - log p(z) [k, n], posterior means [n, units]."""
        posterior = gaussian(self.encoder(x))
        z = sample(*posterior, k)
        zero = torch.zeros(())
        return self.decoder(z), divergence(*posterior, zero, zero).sum(-1), (log_normal(z, *posterior) - log_normal(z, zero, zero)).sum(-1), posterior[0]


class Vamp(Vae):
    def __init__(self):
        super().__init__()
        count = options.pseudo_inputs
        start = torch.bernoulli(train[torch.randperm(len(train))[:count]]) if options.start == "data" else 0.05 + 0.01 * torch.randn(count, 784)
        self.pseudo_inputs = nn.Parameter(start)

    def forward(self, x, k):
        posterior = gaussian(self.encoder(x))
        z = sample(*posterior, k)
        mean, log_variance = gaussian(self.encoder(self.pseudo_inputs.clamp(0, 1)))
        each = log_normal(z.unsqueeze(2), mean, log_variance).sum(-1)
        ratio = log_normal(z, *posterior).sum(-1) - (torch.logsumexp(each, -1) - math.log(len(mean)))
        return self.decoder(z), ratio[0], ratio, posterior[0]


class Ladder(nn.Module):
    def __init__(self):
        super().__init__()
        self.up = nn.ModuleList([dense(784, 200, 200), dense(200, 100, 100)])
        self.posteriors = nn.ModuleList([nn.Linear(200, 100), nn.Linear(100, 20)])
        self.prior, self.decoder = dense(10, 100, 100, end=100), dense(50, 200, 200, end=784)

    def forward(self, x, k):
        low = self.up[0](x)
        top = gaussian(self.posteriors[1](self.up[1](low)))
        mean, log_variance = gaussian(self.posteriors[0](low))
        z2 = sample(*top, k)
        prior = gaussian(self.prior(z2))
        precision, prior_precision = (-log_variance).exp(), (-prior[1]).exp()
        merged = (mean * precision + prior[0] * prior_precision) / (precision + prior_precision), -(precision + prior_precision).log()
        z1 = sample(*merged, k)
        zero = torch.zeros(())
        rate = divergence(*top, zero, zero).sum(-1) + divergence(*merged, *prior)[0].sum(-1)
        ratio = (log_normal(z2, *top) - log_normal(z2, zero, zero)).sum(-1) + (log_normal(z1, *merged) - log_normal(z1, *prior)).sum(-1)
        # Of z1 what the data change about it, in units of its prior; the sample above stands for its mean.
        return self.decoder(z1), rate, ratio, torch.cat([((merged[0] - prior[0]) / (prior[1] / 2).exp())[0], top[0]], -1)


model = {"vamp": Vamp, "ladder": Ladder}.get(options.kind, Vae)()
likelihood = lambda logits, x: (logits * x - F.softplus(logits)).sum(-1)
if options.bias == "data":
    with torch.no_grad():
        model.decoder[-1].bias.copy_(torch.logit(train.mean(0).clamp(0.001, 0.999)))  # As Burda et al. begin.
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
steps = len(train) // 20
for epoch in range(options.epochs):
    for step, rows in enumerate(torch.randperm(len(train)).split(20)):
        x = torch.bernoulli(train[rows])
        logits, rate, ratio, mean = model(x, importance)
        inside = likelihood(logits, x)
        done = epoch * steps + step
        beta = min(1, done / (options.warmup * steps)) if options.warmup else 1
        bound = torch.logsumexp(inside - beta * ratio, 0) - math.log(importance) if importance > 1 else inside[0] - beta * rate
        optimizer.zero_grad()
        (-bound.mean()).backward()
        optimizer.step()
        if options.trace and done % options.trace == 0:
            pulls = {name: f"{parameter.grad.norm().item():.3g}" for name, parameter in model.named_parameters() if name in ("encoder.4.weight", "pseudo_inputs", "decoder.0.weight")}
            print(f"step {done}: distortion {-inside[0].mean().item():.2f}, rate {rate.mean().item():.3f}, means vary by {mean.var(0).sum().item():.4f}, gradients {pulls}", file=sys.stderr, flush=True)

with torch.no_grad():
    logits, rate, ratio, mean = model(held_out, 1)
    estimates = []
    for part in held_out.split(50):
        chunks = []
        for drawn in range(0, options.samples, 100):
            logits_of, _, ratio_of, _ = model(part, min(100, options.samples - drawn))
            chunks.append(likelihood(logits_of, part) - ratio_of)
        estimates.append(torch.logsumexp(torch.cat(chunks).double(), 0) - math.log(options.samples))
figures = {
    "elbo": (likelihood(logits, held_out)[0] - rate).mean().item(),
    "rate": rate.mean().item(),
    "active_units": int((mean.var(0, unbiased=False) > 0.01).sum()),
    "log_likelihood": torch.cat(estimates).mean().item(),
}
print(json.dumps({"metrics": [{"name": name, "value": value} for name, value in figures.items()]}))
