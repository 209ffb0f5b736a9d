"""This model in plain PyTorch, without the program that trained it.

    model = load(".")
    mean, log_variance = model.encode(x)    # x: [n, channels * height * width], values 0 to 1
    images = model.decode(mean)             # probabilities (bernoulli) or means, in the shape of x
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
    linear = lambda x, name: F.linear(x, w[f"{name}.weight"], w[f"{name}.bias"])
    conv = lambda x, name: F.conv2d(x, w[f"{name}.weight"], w[f"{name}.bias"], stride=2, padding=1)
    deconv = lambda x, name: F.conv_transpose2d(x, w[f"{name}.weight"], w[f"{name}.bias"], stride=2, padding=1)

    def stack(x, name, layer=linear, last=activation):
        places = sorted(int(key.split(".")[1]) for key in w if key.startswith(f"{name}.") and key.endswith(".weight"))
        for place in places:
            x = (last if place == places[-1] else activation)(layer(x, f"{name}.{place}"))
        return x

    def encode(x):
        if spec["architecture"] == "conv":
            x = stack(stack(x.reshape(-1, image["channels"], image["height"], image["width"]), "encoder", conv).flatten(1), "encoder_head")
        else:
            x = stack(x, "encoder")
        mean, raw = linear(x, "posterior").chunk(2, dim=1)
        return mean, 8 - F.softplus(8 - (-12 + F.softplus(raw + 12)))

    def decode(z):
        if spec["architecture"] == "conv":
            halvings = 2 ** sum(key.startswith("decoder.") and key.endswith(".weight") for key in w)
            x = stack(z, "decoder_head").reshape(len(z), -1, image["height"] // halvings, image["width"] // halvings)
            x = stack(x, "decoder", deconv, last=lambda y: y).flatten(1)
        else:
            x = linear(stack(z, "decoder"), "output")
        return torch.sigmoid(x) if spec["likelihood"] == "bernoulli" else x

    return types.SimpleNamespace(config=config, weights=w, encode=encode, decode=decode)
