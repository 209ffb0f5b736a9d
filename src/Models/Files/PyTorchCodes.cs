using System.Globalization;
using Vae.Models.Networks;
using Vae.Shared.Sweeps;

namespace Vae.Models.Files;

/// <summary>What a VQ-VAE computes, in Python: images to codes and back, and codes drawn from the prior one position after the other.</summary>
internal static class PyTorchCodes
{
    public static PyTorchPasses Of(VqNetwork network, ModelSpec spec)
    {
        var (positions, codes, size, bottom) = (network.Positions, network.Codebook.Codes, network.Codebook.Size, network.Bottom);
        var vectors = bottom is null
            ? Text($"self.vectors(self.encoder(x)).reshape(-1, {positions}, {size})")
            : $"self.vectors(self.encoder(x.reshape({PyTorchPasses.Sides(network.Image)}))).flatten(2).transpose(1, 2)";
        var decoded = bottom is not { } map
            ? "self.output(self.decoder(vectors.flatten(1)))"
            : $"self.decoder(self.decoder_head(vectors.transpose(1, 2).reshape({PyTorchPasses.Sides(map with { Channels = size })}))).flatten(1)";
        return new("codes = model.encode(x); images = model.decode(codes); new = model.decode(model.draw(64))",
        [
            new("encode(self, x)", Text($"[n, {network.Image.Values}], values 0 to 1: the nearest codes, [n, {positions}], 0 to {codes - 1}"),
                $"z, e = {vectors}, self.codebook.vectors",
                "return (2 * z @ e.T - e.square().sum(1)).argmax(2)"),
            new("decode(self, codes)", Text($"[n, {positions}]: {PyTorchPasses.ImagesOf(network, spec)}"),
                ["vectors = self.codebook.vectors[codes]", .. PyTorchPasses.Images(spec.Likelihood, decoded)]),
            new("draw(self, n)", "codes of n images from the prior",
                Text($"codes = torch.zeros(n, {positions}, dtype=torch.long)"),
                Text($"for position in range({positions}):"),
                "    logits = self.prior(self.codebook.vectors[codes])[:, position]",
                "    codes[:, position] = torch.multinomial(logits.softmax(1), 1)[:, 0]",
                "return codes"),
        ], Prior(network.Prior, size, codes));
    }

    private static string Prior(CodePrior prior, int size, int codes) => Text($"""
        def delay(x, by):
            return nn.functional.pad(x, (0, 0, by, 0))[:, :x.size(1)]


        class Prior(nn.Module):
            def __init__(self):
                super().__init__()
                {string.Join(PyTorchLoader.Indent, [.. PyTorchModules.Lines(prior), .. prior.Positions == 1 ? (string[])["self.mixers = nn.ModuleList()"] : []])}

            def forward(self, vectors):  # [n, {prior.Positions}, {size}] of codes: logits of each code given those before it, [n, {prior.Positions}, {codes}]
                hidden = self.input(delay(vectors, 1)) + self.places
                for layer, mixer in enumerate(self.mixers):
                    hidden = hidden + mixer(torch.cat([hidden, delay(hidden, 2**layer)], dim=2))
                return self.head(hidden)



        """);

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
