"""This model in plain PyTorch, without the program that trained it.

    model = load(".")
    mean, log_variance = model.encode(x)    # x: [n, channels * height * width], values 0 to 1
    images = model.decode(mean)             # probabilities or means, in the shape of x

A model that takes labels gets them too, as a tensor of n whole numbers: encode(x, y), decode(z, y). M2 tells them: y = model.classify(x).argmax(1).
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
    spec, image, w = config["model"], config["image"], read_safetensors(f"{folder}/model.safetensors")
    activation = {"relu": F.relu, "tanh": torch.tanh, "gelu": F.gelu, "silu": F.silu, "leaky_relu": F.leaky_relu, "elu": F.elu}[spec["activation"]]
    is_mlp, is_residual, likelihood = spec["architecture"] == "mlp", spec["architecture"] == "resnet", spec["likelihood"]
    linear = lambda x, name: F.linear(x, w[f"{name}.weight"], w[f"{name}.bias"])
    down = lambda x, name: F.conv2d(x, w[f"{name}.weight"], w[f"{name}.bias"], stride=2, padding=1)
    up = lambda x, name: F.conv_transpose2d(x, w[f"{name}.weight"], w[f"{name}.bias"], stride=2, padding=1)
    same = lambda x, name: F.conv2d(x, w[f"{name}.weight"], w[f"{name}.bias"], padding=1)
    norm = lambda x, name: F.group_norm(x, spec["groups"], w[f"{name}.weight"], w[f"{name}.bias"])

    label = lambda name, y: 0 if y is None else w[f"{name}_label.weight"].T[y]
    has_layers = lambda name: any(key.startswith(f"{name}.") for key in w)

    def stack(x, name, layer=linear, active=True, last_active=True, beside=0):
        places = sorted({int(key[len(name) + 1:].split(".")[0]) for key in w if key.startswith(f"{name}.")})
        for place in places:
            here = f"{name}.{place}"
            if f"{here}.norm1.weight" in w:    # a residual block
                inner = same(activation(norm(x, f"{here}.norm1")), f"{here}.conv1")
                x = x + same(activation(norm(inner, f"{here}.norm2")), f"{here}.conv2")
            elif w[f"{here}.weight"].dim() == 1:
                x = activation(norm(x, here))
            else:
                x = layer(x, here) + (beside if place == places[0] else 0)
                x = activation(x) if active and (last_active or place != places[-1]) else x
        return x

    def hidden(x, convolutions, dense, beside=0):
        if not is_mlp:
            x = x.reshape(-1, image["channels"], image["height"], image["width"])
            x = stack(x, convolutions, down, active=not is_residual).flatten(1)
        return stack(x, dense, beside=beside)

    def encode(x, y=None):
        beside, dense = label("encoder", y), "encoder" if is_mlp else "encoder_head"
        x = linear(hidden(x, "encoder", dense, beside), "posterior")
        mean, raw = (x if has_layers(dense) else x + beside).chunk(2, dim=1)
        return mean, 8 - F.softplus(8 - (-12 + F.softplus(raw + 12)))

    def classify(x):
        return linear(hidden(x, "classifier.features", "classifier.layers" if is_mlp else "classifier.head"), "classifier.output")

    def decode(z, y=None):
        beside = label("decoder", y)
        if is_mlp:
            x = linear(stack(z, "decoder", beside=beside), "output") + (0 if has_layers("decoder") else beside)
        else:
            halvings = 2 ** sum(key.startswith("decoder.") and key.count(".") == 2 and w[key].dim() == 4 for key in w)
            x = stack(z, "decoder_head", last_active=not is_residual, beside=beside).reshape(len(z), -1, image["height"] // halvings, image["width"] // halvings)
            x = stack(x, "decoder", up, active=not is_residual, last_active=False).flatten(1)
        if likelihood == "bernoulli":
            return torch.sigmoid(x)
        if likelihood == "continuous_bernoulli":
            return torch.where(x.abs() < 0.1, 0.5 + x / 12, 1 / (1 - torch.exp(-x)) - 1 / x)
        return x.clamp(0, 1) if likelihood == "discretised_logistic" else x

    return types.SimpleNamespace(config=config, weights=w, encode=encode, decode=decode, classify=classify)
