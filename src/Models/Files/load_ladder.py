"""This ladder VAE in plain PyTorch, without the program that trained it.

    model = load(".")
    mean, log_variance = model.encode(x)    # x: [n, channels * height * width], values 0 to 1
    images = model.decode(mean)             # probabilities or means, in the shape of x

A latent is that of all layers, data side first, each number in units of its prior given the layer above: standard normal as a whole.
"""
import json, struct, types
import torch
import torch.nn.functional as F


def read_safetensors(path):
    with open(path, "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        data = file.read()
    entries = [(name, entry) for name, entry in header.items() if name != "__metadata__"]
    return {name: torch.frombuffer(bytearray(data[slice(*entry["data_offsets"])]), dtype=torch.float32).reshape(entry["shape"]) for name, entry in entries}


def load(folder="."):
    with open(f"{folder}/config.json") as file:
        config = json.load(file)
    spec, w = config["model"], read_safetensors(f"{folder}/model.safetensors")
    activation = {"relu": F.relu, "tanh": torch.tanh, "gelu": F.gelu, "silu": F.silu, "leaky_relu": F.leaky_relu, "elu": F.elu}[spec["activation"]]
    sizes, likelihood = spec["ladder"], spec["likelihood"]
    linear = lambda x, name: F.linear(x, w[f"{name}.weight"], w[f"{name}.bias"])
    hidden = lambda x, name: activation(linear(activation(linear(x, f"{name}.0")), f"{name}.2"))

    def gaussian(x):
        mean, raw = x.chunk(2, dim=1)
        return mean, 8 - F.softplus(8 - (-12 + F.softplus(raw + 12)))

    def descend(choose):    # from the top down: choose(layer, prior) gives the layer's latents in units of their prior
        z = None
        for layer in reversed(range(len(sizes))):
            prior = None if z is None else gaussian(linear(hidden(z, f"prior.{layer}"), f"prior.{layer}.4"))
            e = choose(layer, prior)
            z = e if prior is None else prior[0] + (prior[1] / 2).exp() * e
        return z

    def encode(x):    # posteriors, each given the means above
        suggested, posteriors = [], {}
        for layer in range(len(sizes)):
            x = hidden(x, f"encoder.{layer}")
            suggested.append(gaussian(linear(x, f"posterior.{layer}")))

        def merge(layer, prior):
            mean, log_variance = suggested[layer]
            if prior is not None:
                gap = prior[1] - log_variance
                mean, log_variance = torch.sigmoid(gap) * (mean - prior[0]) * (-prior[1] / 2).exp(), -F.softplus(gap)
            posteriors[layer] = mean, log_variance
            return mean

        descend(merge)
        return tuple(torch.cat([posteriors[layer][part] for layer in range(len(sizes))], dim=1) for part in (0, 1))

    def decode(z):
        e = z.split(sizes, dim=1)
        x = linear(hidden(descend(lambda layer, prior: e[layer]), "decoder"), "decoder.4")
        if likelihood == "bernoulli":
            return torch.sigmoid(x)
        if likelihood == "continuous_bernoulli":
            return torch.where(x.abs() < 0.1, 0.5 + x / 12, 1 / (1 - torch.exp(-x)) - 1 / x)
        return x.clamp(0, 1) if likelihood == "discretised_logistic" else x

    return types.SimpleNamespace(config=config, weights=w, encode=encode, decode=decode)
