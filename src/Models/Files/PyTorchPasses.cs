using System.Globalization;
using Vae.Models.Networks;

namespace Vae.Models.Files;

/// <summary>What a network computes, in lines of Python. A family plugs in here.</summary>
/// <param name="Latent">Numbers of a latent.</param>
/// <param name="Classes">Labels that both passes take beside x and z, as y; 0 for none.</param>
/// <param name="Units">What a reader must know of them, after a comma; empty for nothing.</param>
/// <param name="Encode">From x to means and log variances.</param>
/// <param name="BeforeDecoding">What comes before <paramref name="Decoded"/>.</param>
/// <param name="Decoded">An expression for what the likelihood takes, of z.</param>
/// <param name="Draw">n latents from the prior.</param>
internal sealed record PyTorchPasses(int Latent, int Classes, string Units, string[] Encode, string[] BeforeDecoding, string Decoded, string[] Draw)
{
    public static PyTorchPasses Of(PackNetwork network) => network switch
    {
        MlpVae mlp => Of(mlp, Dense(mlp, "encoder", "x", "posterior"), Dense(mlp, "decoder", "z", "output")),
        ConvVae conv => Of(conv, Dense(conv, "encoder_head", $"self.encoder(x.reshape({Sides(conv.Image)})).flatten(1)", "posterior"),
            $"self.decoder({Dense(conv, "decoder_head", "z")}.reshape({Sides(conv.Bottom)})).flatten(1)"),
        LadderNetwork ladder => Of(ladder),
        _ => throw new ArgumentOutOfRangeException(nameof(network), network.GetType().Name, "Unknown network."),
    };

    private static PyTorchPasses Of(VaeNetwork network, string encoded, string decoded) => new(network.Latent, network.Classes, "", [$"return gaussian({encoded})"], [], decoded, network.PseudoInputs is not { } pseudo
        ? [$"return torch.randn(n, {network.Latent})"]
        :
        [
            $"mean, log_variance = self.encode(self.pseudo_inputs.clamp(0, 1)[torch.randint({pseudo.size(1)}, (n,))])",
            "return mean + torch.exp(log_variance / 2) * torch.randn_like(mean)",
        ]);

    // A stack of dense layers and the layer behind it, if any. A label enters at the first of them all, beside the input: see LabelledStack.
    private static string Dense(VaeNetwork network, string stack, string input, string? last = null)
    {
        var rest = $"self.{stack}";
        if (network.Classes > 0)
        {
            var isEmpty = !network.named_children().Single(child => child.name == stack).module.named_children().Any();
            var label = string.Create(CultureInfo.InvariantCulture, $"self.{stack.Split('_')[0]}_label(one_hot(y, {network.Classes}).float())");
            if (isEmpty) return $"self.{last}({input}) + {label}";
            (rest, input) = ($"self.{stack}[1:]", $"self.{stack}[0]({input}) + {label}");
        }

        return last is null ? $"{rest}({input})" : $"self.{last}({rest}({input}))";
    }

    private static PyTorchPasses Of(LadderNetwork network)
    {
        var total = network.Sizes.Sum();
        return new(total, 0, ", data side first, in units of the prior given the layer above",
        [
            "suggested, parts, z = [], [], None",
            "for encoder, posterior in zip(self.encoder, self.posterior):",
            "    x = encoder(x)",
            "    suggested.append(gaussian(posterior(x)))",
            $"for layer in reversed(range({network.Sizes.Count})):",
            "    mean, log_variance = suggested[layer]",
            "    m, l = (0, torch.zeros(())) if z is None else gaussian(self.prior[layer](z))",
            "    if z is not None:  # the product of what the data suggest and the prior",
            "        mean, log_variance = torch.sigmoid(l - log_variance) * (mean - m) * torch.exp(-l / 2), -softplus(l - log_variance)",
            "    z = m + torch.exp(l / 2) * mean",
            "    parts.insert(0, (mean, log_variance))",
            "return tuple(torch.cat(part, dim=1) for part in zip(*parts))",
        ],
        [
            $"*parts, x = z.split([{string.Join(", ", network.Sizes)}], dim=1)",
            "for prior, part in reversed(list(zip(self.prior, parts))):",
            "    mean, log_variance = gaussian(prior(x))",
            "    x = mean + torch.exp(log_variance / 2) * part",
        ], "self.decoder(x)", [$"return torch.randn(n, {total})"]);
    }

    private static string Sides(ImageShape shape) => $"-1, {shape.Channels}, {shape.Height}, {shape.Width}";
}
