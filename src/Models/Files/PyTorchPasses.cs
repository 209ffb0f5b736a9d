using System.Globalization;
using Vae.Models.Networks;
using Vae.Shared.Sweeps;

namespace Vae.Models.Files;

/// <summary>One method of the PyTorch module: its head, what a reader must know, and its lines.</summary>
internal sealed record PyTorchMethod(string Head, string Comment, params string[] Lines);

/// <summary>What a network computes, in Python. A family plugs in here.</summary>
/// <param name="Usage">How a model of it is used, in one line.</param>
/// <param name="Methods">Of the module.</param>
/// <param name="Before">Functions and classes that they need, each with two empty lines behind it; empty for none.</param>
internal sealed record PyTorchPasses(string Usage, PyTorchMethod[] Methods, string Before = "")
{
    // A smooth clamp of log variances to -12 to 8, as in gaussian_posterior.
    private const string LogVariance = "8 - nn.functional.softplus(20 - nn.functional.softplus(raw + 12))";
    private const string Gaussian = $"""
        def gaussian(x):
            mean, raw = x.chunk(2, dim=1)
            return mean, {LogVariance}



        """;

    public static PyTorchPasses Of(PackNetwork network, ModelSpec spec) => network switch
    {
        MlpVae mlp => Of(mlp, spec, Dense(mlp, "encoder", "x", "posterior"), Dense(mlp, "decoder", "z", "output")),
        ConvVae conv => Of(conv, spec, Dense(conv, "encoder_head", $"self.encoder(x.reshape({Sides(conv.Image)})).flatten(1)", "posterior"),
            $"self.decoder({Dense(conv, "decoder_head", "z")}.reshape({Sides(conv.Bottom)})).flatten(1)"),
        LadderNetwork ladder => Of(ladder, spec),
        VqNetwork vq => PyTorchCodes.Of(vq, spec),
        _ => throw new ArgumentOutOfRangeException(nameof(network), network.GetType().Name, "Unknown network."),
    };

    /// <summary>The end of <c>decode</c>: probabilities or means of what the likelihood takes.</summary>
    public static string[] Images(Likelihood likelihood, string decoded) => likelihood switch
    {
        Likelihood.Bernoulli => [$"return torch.sigmoid({decoded})"],
        Likelihood.ContinuousBernoulli => [$"a = {decoded}", "return torch.where(a.abs() < 0.1, 0.5 + a / 12, 1 / (1 - torch.exp(-a)) - 1 / a)"],
        Likelihood.DiscretisedLogistic => [$"return {decoded}.clamp(0, 1)"],
        _ => [$"return {decoded}"],
    };

    /// <summary>What <see cref="Images"/> gives, in words.</summary>
    public static string ImagesOf(PackNetwork network, ModelSpec spec) =>
        string.Create(CultureInfo.InvariantCulture, $"{(spec.Likelihood == Likelihood.Bernoulli ? "probabilities" : "means")}, [n, {network.Image.Values}]");

    /// <summary>Sizes of an image for <c>reshape</c>.</summary>
    public static string Sides(ImageShape shape) => string.Create(CultureInfo.InvariantCulture, $"-1, {shape.Channels}, {shape.Height}, {shape.Width}");

    private static PyTorchPasses Of(VaeNetwork network, ModelSpec spec, string encoded, string decoded)
    {
        var (given, labels) = network.Classes == 0 ? ("", "") : (", y", string.Create(CultureInfo.InvariantCulture, $"; y: [n], labels 0 to {network.Classes - 1}"));
        string[] draw = network.PseudoInputs is not { } pseudo ? [Normal(network.Latent)] :
        [
            string.Create(CultureInfo.InvariantCulture, $"mean, log_variance = self.encode(self.pseudo_inputs.clamp(0, 1)[torch.randint({pseudo.size(1)}, (n,))])"),
            "return mean + torch.exp(log_variance / 2) * torch.randn_like(mean)",
        ];
        List<PyTorchMethod> methods =
        [
            new($"encode(self, x{given})", Encoded(network, network.Latent, labels), [.. Label(network, "encoder"), $"mean, raw = {encoded}.chunk(2, dim=1)", $"return mean, {LogVariance}"]),
            Decode(network, spec, given, network.Latent, [.. Label(network, "decoder"), .. Images(spec.Likelihood, decoded)]),
            Draw(draw),
        ];
        if (network.Classifier is not null)
            methods.Add(new("classify(self, x)", string.Create(CultureInfo.InvariantCulture, $"[n, {network.Image.Values}]: logits of the labels, [n, {network.Classes}]"), "return self.classifier(x)"));
        return new(UsageOf(given), [.. methods]);
    }

    private static PyTorchPasses Of(LadderNetwork network, ModelSpec spec)
    {
        var total = network.Sizes.Sum();
        var encode = new PyTorchMethod("encode(self, x)", Encoded(network, total, ", data side first, in units of the prior given the layer above"),
            "suggested, parts, z = [], [], None",
            "for encoder, posterior in zip(self.encoder, self.posterior):",
            "    x = encoder(x)",
            "    suggested.append(gaussian(posterior(x)))",
            string.Create(CultureInfo.InvariantCulture, $"for layer in reversed(range({network.Sizes.Count})):"),
            "    mean, log_variance = suggested[layer]",
            "    m, l = (0, torch.zeros(())) if z is None else gaussian(self.prior[layer](z))",
            "    if z is not None:  # the product of what the data suggest and the prior",
            "        mean, log_variance = torch.sigmoid(l - log_variance) * (mean - m) * torch.exp(-l / 2), -nn.functional.softplus(l - log_variance)",
            "    z = m + torch.exp(l / 2) * mean",
            "    parts.insert(0, (mean, log_variance))",
            "return tuple(torch.cat(part, dim=1) for part in zip(*parts))");
        var decode = Decode(network, spec, "", total,
        [
            $"*parts, x = z.split([{string.Join(", ", network.Sizes)}], dim=1)",
            "for prior, part in reversed(list(zip(self.prior, parts))):",
            "    mean, log_variance = gaussian(prior(x))",
            "    x = mean + torch.exp(log_variance / 2) * part",
            .. Images(spec.Likelihood, "self.decoder(x)"),
        ]);
        return new(UsageOf(""), [encode, decode, Draw(Normal(total))], Gaussian);
    }

    private static string UsageOf(string given) => $"mean, log_variance = model.encode(x{given}); images = model.decode(model.draw(64){given})";

    private static string Encoded(PackNetwork network, int latent, string rest) =>
        string.Create(CultureInfo.InvariantCulture, $"[n, {network.Image.Values}], values 0 to 1: means and log variances of the latents, [n, {latent}] each{rest}");

    private static PyTorchMethod Decode(PackNetwork network, ModelSpec spec, string given, int latent, string[] lines) =>
        new($"decode(self, z{given})", string.Create(CultureInfo.InvariantCulture, $"[n, {latent}]: {ImagesOf(network, spec)}"), lines);

    private static PyTorchMethod Draw(params string[] lines) => new("draw(self, n)", "n latents from the prior", lines);

    private static string Normal(int latent) => string.Create(CultureInfo.InvariantCulture, $"return torch.randn(n, {latent})");

    private static string[] Label(VaeNetwork network, string side) =>
        network.Classes == 0 ? [] : [string.Create(CultureInfo.InvariantCulture, $"label = self.{side}_label(nn.functional.one_hot(y, {network.Classes}).float())")];

    // A stack of dense layers and the layer behind it, if any. A label enters at the first of them all, beside the input: see LabelledStack.
    private static string Dense(VaeNetwork network, string stack, string input, string? last = null)
    {
        var rest = $"self.{stack}";
        if (network.Classes > 0)
        {
            var isEmpty = !network.named_children().Single(child => child.name == stack).module.named_children().Any();
            if (isEmpty) return $"(self.{last}({input}) + label)";
            (rest, input) = ($"self.{stack}[1:]", $"self.{stack}[0]({input}) + label");
        }

        return last is null ? $"{rest}({input})" : $"self.{last}({rest}({input}))";
    }
}
