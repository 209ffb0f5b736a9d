using Vae.Models.Networks;
using Vae.Models.Objectives;
using Vae.Shared.Sweeps;
using Vae.Torch;

namespace Vae.Models.Evaluation;

/// <summary>What a VQ-VAE says about rows: the codes it picks, and the bound in two parts, all in nats.</summary>
/// <param name="Codes">[n, P]: the code of each position.</param>
/// <param name="Distortion">[n]: -ln p(x | codes).</param>
/// <param name="Rate">[n, P]: -ln p(code | codes before it) by position; their sum is -ln p(codes).</param>
/// <param name="SquaredError">[n]: mean over the values of (x - image of its codes)^2.</param>
public sealed record CodedRows(int[] Codes, double[] Distortion, double[] Rate, double[] SquaredError)
{
    /// <summary>Codes of one row, P.</summary>
    public int Positions => Codes.Length / Distortion.Length;

    /// <summary>-ln p(codes) of one row, in nats.</summary>
    public double RateOf(int row)
    {
        double rate = 0;
        foreach (var value in Rate.AsSpan(row * Positions, Positions)) rate += value;
        return rate;
    }
}

/// <summary>The family <c>vq</c>: an image is P codes, each one of V. New images are decoded from codes that the prior draws one after the other.</summary>
public sealed class CodeModel : GenerativeModel
{
    private const int RowsOfOnePass = 128; // Bounds memory: scores of all codes for each position of so many rows.

    private readonly VqNetwork _network;
    private readonly Likelihood _likelihood;
    private readonly Observation _observation;

    /// <param name="network">With one replica; stays the caller's.</param>
    /// <param name="spec">Its shape and likelihood.</param>
    /// <exception cref="ArgumentException">The network has more than one replica.</exception>
    public CodeModel(VqNetwork network, ModelSpec spec)
    {
        if (network.Replicas != 1) throw new ArgumentException($"One replica is needed, not {network.Replicas}: take a view of it.", nameof(network));
        (_network, _likelihood, _observation) = (network, spec.Likelihood, new Observation(network, spec));
    }

    /// <inheritdoc/>
    public override ImageShape Image => _network.Image;

    /// <inheritdoc/>
    public override torch.Device Device => _network.Codebook.Vectors.device;

    /// <summary>Codes of an image, P.</summary>
    public int Positions => _network.Positions;

    /// <summary>Codes there are, V.</summary>
    public int Codes => _network.Codebook.Codes;

    /// <summary>Numbers of the vector of a code, C.</summary>
    public int CodeSize => _network.Codebook.Size;

    /// <summary>Whether ln p(x | codes) is a density, whose bits per dimension depend on the scale of the values, and not a probability.</summary>
    public bool IsDensity => _likelihood is Likelihood.Gaussian or Likelihood.ContinuousBernoulli;

    /// <summary>The codes of images, [n, P], each 0 to V - 1.</summary>
    /// <param name="images">[n, C, H, W], 0 to 1.</param>
    /// <exception cref="ArgumentException">The values are no whole number of images.</exception>
    public int[] Encode(ReadOnlySpan<float> images)
    {
        var count = LatentRows.Images(Image, images, nameof(images));
        var codes = new int[count * Positions];
        using var mode = torch.no_grad();
        for (var first = 0; first < count; first += RowsOfOnePass)
        {
            using var scope = torch.NewDisposeScope();
            var rows = Math.Min(RowsOfOnePass, count - first);
            Copy(_network.Codebook.Nearest(_network.Encode(Rows(images, first, rows).unsqueeze(0))), codes.AsSpan(first * Positions));
        }

        return codes;
    }

    /// <summary>The images that codes stand for: probabilities or means, not sampled pixels.</summary>
    /// <param name="codes">[n, P], each 0 to V - 1.</param>
    /// <returns>[n, C, H, W], cut to 0 to 1.</returns>
    /// <exception cref="ArgumentException">The codes are no whole number of images, or one of them is unknown.</exception>
    public float[] Decode(ReadOnlySpan<int> codes)
    {
        if (codes.Length % Positions != 0) throw new ArgumentException($"{codes.Length} codes are no whole number of images of {Positions}.", nameof(codes));
        foreach (var code in codes) if (code < 0 || code >= Codes) throw new ArgumentException($"There is no code {code}; they are 0 to {Codes - 1}.", nameof(codes));
        var count = codes.Length / Positions;
        var images = new float[count * Image.Values];
        using var mode = torch.no_grad();
        for (var first = 0; first < count; first += RowsOfOnePass)
        {
            using var scope = torch.NewDisposeScope();
            var rows = Math.Min(RowsOfOnePass, count - first);
            var decoded = _network.Decode(_network.Codebook.Look(Indices(codes.Slice(first * Positions, rows * Positions))));
            _observation.ToImages(decoded).clamp(0, 1).contiguous().cpu().data<float>().CopyTo(images.AsSpan(first * Image.Values));
        }

        return images;
    }

    /// <summary>Codes from the prior, [count, P], drawn position by position.</summary>
    /// <param name="count">Images, 1 or more.</param>
    /// <param name="seed">The same seed gives the same codes, however many follow.</param>
    public int[] DrawCodes(int count, ulong seed)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        var codes = new int[count * Positions];
        using var mode = torch.no_grad();
        for (var first = 0; first < count; first += RowsOfOnePass) Draw(codes, first, Math.Min(RowsOfOnePass, count - first), seed);
        return codes;
    }

    /// <summary>Judges rows.</summary>
    /// <param name="x">[n, D], values as the likelihood takes them.</param>
    public CodedRows Judge(Tensor x)
    {
        using var mode = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        var (n, images) = ((int)x.size(0), x.unsqueeze(0));
        var codes = _network.Codebook.Nearest(_network.Encode(images));
        var vectors = _network.Codebook.Look(codes);
        var decoded = _network.Decode(vectors);
        var log = _network.Prior.Logits(vectors.view(1, n, Positions, CodeSize)).log_softmax(3).gather(3, codes.view(1, n, Positions, 1));
        var judged = new CodedRows(new int[n * Positions], Numbers(_observation.DistortionOfRows(decoded, images)), Numbers(-log), Numbers((_observation.ToImages(decoded) - images).square().mean(2)));
        Copy(codes, judged.Codes);
        return judged;
    }

    /// <inheritdoc/>
    public override float[] Generate(int count, ulong seed) => Decode(DrawCodes(count, seed));

    /// <inheritdoc/>
    public override float[] Reconstruct(ReadOnlySpan<float> images, ReadOnlySpan<int> labels = default) => Decode(Encode(images));

    /// <summary>[n, D] of some rows of images.</summary>
    internal Tensor Rows(ReadOnlySpan<float> images, int first, int rows) => torch.tensor(images.Slice(first * Image.Values, rows * Image.Values), [rows, Image.Values], Device);

    /// <summary>The vectors of codes one after the other, [n, P C]: what classifiers look at.</summary>
    internal float[] VectorsOf(ReadOnlySpan<int> codes)
    {
        using var mode = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        return _network.Codebook.Look(Indices(codes)).contiguous().cpu().ToArray<float>();
    }

    private void Draw(int[] codes, int first, int rows, ulong seed)
    {
        using var scope = torch.NewDisposeScope();
        var uniform = torch.empty([rows, Positions]);
        Noise.FillUniform(uniform, seed, NoiseStreams.Of(NoisePurpose.Prior), first);
        var (chances, walk, drawn) = (uniform.ToArray<float>(), _network.Prior.Begin(rows), new int[rows]);
        Tensor? before = null;
        for (var position = 0; position < Positions; position++)
        {
            var logits = walk.Next(before).cpu().ToArray<float>();
            for (var row = 0; row < rows; row++)
            {
                drawn[row] = Choose(logits.AsSpan(row * Codes, Codes), chances[(row * Positions) + position]);
                codes[((first + row) * Positions) + position] = drawn[row];
            }

            before = _network.Codebook.Look(Indices(drawn));
        }
    }

    // The code at which the sum of probabilities passes the chance.
    private static int Choose(ReadOnlySpan<float> logits, double chance)
    {
        double most = double.NegativeInfinity, total = 0;
        foreach (var logit in logits) most = Math.Max(most, logit);
        foreach (var logit in logits) total += Math.Exp(logit - most);
        var left = chance * total;
        for (var code = 0; code < logits.Length - 1; code++)
        {
            left -= Math.Exp(logits[code] - most);
            if (left < 0) return code;
        }

        return logits.Length - 1;
    }

    private Tensor Indices(ReadOnlySpan<int> codes)
    {
        var wide = new long[codes.Length];
        for (var i = 0; i < wide.Length; i++) wide[i] = codes[i];
        return torch.tensor(wide, [1, wide.Length], Device);
    }

    private static void Copy(Tensor codes, Span<int> target)
    {
        var wide = codes.contiguous().cpu().data<long>();
        for (var i = 0; i < wide.Length; i++) target[i] = (int)wide[i];
    }

    private static double[] Numbers(Tensor values) => [.. values.contiguous().cpu().ToArray<float>().Select(static value => (double)value)];
}
