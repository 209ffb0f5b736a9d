using System.Globalization;
using Vae.Models.Networks;
using Vae.Shared.Sweeps;

namespace Vae.Models.Files;

/// <summary>
/// <c>load_model.py</c>: half a page of Python that opens one exported model with PyTorch alone. It is written for the model, out of the network's own modules, so it says what
/// this model is and nothing else; the tensors of <c>model.safetensors</c> are its <c>state_dict</c>, and PyTorch itself checks their names and shapes.
/// </summary>
public static class PyTorchLoader
{
    /// <summary>Name of the file.</summary>
    public const string FileName = "load_model.py";

    private const string Indent = "\n        ";

    private const string Opening = """
        def load(folder="."):
            with open(f"{folder}/model.safetensors", "rb") as file:
                header, data = json.loads(file.read(struct.unpack("<Q", file.read(8))[0])), bytearray(file.read())
            entries = {name: (entry["data_offsets"], entry["shape"]) for name, entry in header.items() if name != "__metadata__"}
            model = Model()
            model.load_state_dict({name: torch.frombuffer(data, dtype=torch.float32, count=(end - begin) // 4, offset=begin).reshape(shape)
                                   for name, ((begin, end), shape) in entries.items()})
            return model.eval().requires_grad_(False)

        """;

    /// <summary>Why there is no such file for a model; null when there is.</summary>
    public static string? Refusal(ModelSpec spec) => spec.Family == ModelFamily.Vq
        ? $"no {FileName}: this version writes it for models with continuous latents, and this one, of family {SpecWord.Of(spec.Family)}, has codes"
        : null;

    /// <summary>The text of the file for one model.</summary>
    /// <param name="network">Its network, of one replica.</param>
    /// <param name="spec">Its shape and likelihood.</param>
    /// <exception cref="ArgumentException">See <see cref="Refusal"/>.</exception>
    public static string Write(PackNetwork network, ModelSpec spec)
    {
        if (Refusal(spec) is { } refusal) throw new ArgumentException(refusal, nameof(spec));
        var passes = PyTorchPasses.Of(network);
        var (given, labels) = passes.Classes == 0 ? ("", "") : (", y", string.Create(CultureInfo.InvariantCulture, $"; y: [n], labels 0 to {passes.Classes - 1}"));
        return string.Create(CultureInfo.InvariantCulture, $""""
            """This model in plain PyTorch: model = load("."); mean, log_variance = model.encode(x{given}); images = model.decode(model.draw(64){given})"""
            import json, struct, torch{(network is VaeNetwork { Classifier: not null } ? "\nfrom collections import OrderedDict" : "")}
            from torch import nn
            from torch.nn.functional import {(passes.Classes == 0 ? "" : "one_hot, ")}softplus
            {Block(network)}

            def gaussian(x):
                mean, raw = x.chunk(2, dim=1)
                return mean, 8 - softplus(8 - (-12 + softplus(raw + 12)))


            class Model(nn.Module):
                def __init__(self):
                    super().__init__()
                    {string.Join(Indent, PyTorchModules.Lines(network))}

                def encode(self, x{given}):  # [n, {network.Image.Values}], values 0 to 1: means and log variances of the latents, [n, {passes.Latent}] each{passes.Units}{labels}
                    {string.Join(Indent, passes.Encode)}

                def decode(self, z{given}):  # [n, {passes.Latent}]: {(spec.Likelihood == Likelihood.Bernoulli ? "probabilities" : "means")}, [n, {network.Image.Values}]
                    {string.Join(Indent, [.. passes.BeforeDecoding, .. Images(spec.Likelihood, passes.Decoded)])}

                def draw(self, n):  # n latents from the prior
                    {string.Join(Indent, passes.Draw)}
            {Classifier(network)}

            {Opening}
            """");
    }

    private static string[] Images(Likelihood likelihood, string decoded) => likelihood switch
    {
        Likelihood.Bernoulli => [$"return torch.sigmoid({decoded})"],
        Likelihood.ContinuousBernoulli => [$"a = {decoded}", "return torch.where(a.abs() < 0.1, 0.5 + a / 12, 1 / (1 - torch.exp(-a)) - 1 / a)"],
        Likelihood.DiscretisedLogistic => [$"return {decoded}.clamp(0, 1)"],
        _ => [$"return {decoded}"],
    };

    private static string Classifier(PackNetwork network) => network is not VaeNetwork { Classifier: not null, Classes: var classes } ? "" : string.Create(CultureInfo.InvariantCulture, $"""

            def classify(self, x):  # [n, {network.Image.Values}]: logits of the labels, [n, {classes}]
                return self.classifier(x)

        """);

    // Its own lines only where the network has residual blocks.
    private static string Block(PackNetwork network) => !PyTorchModules.HasBlocks(network) ? "" : """


        class Block(nn.Module):
            def __init__(self, channels, groups, activation):
                super().__init__()
                self.norm1, self.norm2 = nn.GroupNorm(groups, channels), nn.GroupNorm(groups, channels)
                self.conv1, self.conv2 = (nn.Conv2d(channels, channels, 3, padding=1) for _ in range(2))
                self.activation = activation

            def forward(self, x):
                return x + self.conv2(self.activation(self.norm2(self.conv1(self.activation(self.norm1(x))))))

        """;
}
