using Vae.Models.Networks;
using Vae.Shared.Sweeps;

namespace Vae.Models.Files;

/// <summary>
/// <c>load_model.py</c>: some thirty lines of Python that open one exported model with PyTorch alone. It is written for the model, out of the network's own modules, so it says what
/// this model is and nothing else; the tensors of <c>model.safetensors</c> are its <c>state_dict</c>, and PyTorch itself checks their names and shapes.
/// </summary>
public static class PyTorchLoader
{
    /// <summary>Name of the file.</summary>
    public const string FileName = "load_model.py";

    internal const string Indent = "\n        ";

    private const string Opening = """
        def load(folder="."):
            with open(f"{folder}/model.safetensors", "rb") as file:
                header, data = json.loads(file.read(int.from_bytes(file.read(8), "little"))), bytearray(file.read())
            header.pop("__metadata__")
            model = Model()
            model.load_state_dict({name: torch.frombuffer(data[slice(*entry["data_offsets"])], dtype=torch.float32).reshape(entry["shape"])
                                   for name, entry in header.items()})
            return model.eval().requires_grad_(False)

        """;

    private const string Block = """
        class Block(nn.Module):
            def __init__(self, channels, groups, activation):
                super().__init__()
                self.norm1, self.norm2 = nn.GroupNorm(groups, channels), nn.GroupNorm(groups, channels)
                self.conv1, self.conv2 = (nn.Conv2d(channels, channels, 3, padding=1) for _ in range(2))
                self.activation = activation

            def forward(self, x):
                return x + self.conv2(self.activation(self.norm2(self.conv1(self.activation(self.norm1(x))))))



        """;

    /// <summary>The text of the file for one model.</summary>
    /// <param name="network">Its network, of one replica.</param>
    /// <param name="spec">Its shape and likelihood.</param>
    public static string Write(PackNetwork network, ModelSpec spec)
    {
        var passes = PyTorchPasses.Of(network, spec);
        var methods = passes.Methods.Select(method => $"    def {method.Head}:  # {method.Comment}{Indent}{string.Join(Indent, method.Lines)}");
        return $""""
            """This model in plain PyTorch: model = load("."); {passes.Usage}"""
            import json, torch{(network is VaeNetwork { Classifier: not null } ? "\nfrom collections import OrderedDict" : "")}
            from torch import nn


            {passes.Before}{(PyTorchModules.HasBlocks(network) ? Block : "")}class Model(nn.Module):
                def __init__(self):
                    super().__init__()
                    {string.Join(Indent, PyTorchModules.Lines(network))}

            {string.Join("\n\n", methods)}


            {Opening}
            """";
    }
}
