namespace Vae.Models.Compression.Portable;

/// <summary>Runs the layers of a VAE for one thread. The layers hold the weights and are shared; the scratch memory is this object's own.</summary>
internal sealed class PortableVae : ICodingNetwork
{
    private const double LogVarianceMin = -12, LogVarianceMax = 8; // As the objective clamps it, see docs/models.md.

    private readonly PortableLayer[] _encoder;
    private readonly PortableLayer[] _decoder;
    private readonly float[][] _buffers;
    private readonly float[] _patch;
    private readonly int[] _used;
    private readonly float _highest;

    /// <param name="encoder">From the image to d means and d raw log variances.</param>
    /// <param name="decoder">From z to the likelihood's parameters.</param>
    /// <param name="values">D.</param>
    /// <param name="latent">d.</param>
    /// <param name="highest">The value that the encoder gets as 1.</param>
    public PortableVae(PortableLayer[] encoder, PortableLayer[] decoder, int values, int latent, float highest)
    {
        (_encoder, _decoder, Values, Latent, _highest) = (encoder, decoder, values, latent, highest);
        var room = Math.Max(values, encoder.Concat(decoder).Max(layer => layer.Room));
        _buffers = [new float[room], new float[room]];
        var scratch = encoder.Concat(decoder).Max(layer => layer.Scratch);
        (_patch, _used) = (new float[scratch], new int[scratch]);
    }

    /// <inheritdoc/>
    public int Latent { get; }

    /// <inheritdoc/>
    public int Values { get; }

    /// <inheritdoc/>
    public void Posterior(ReadOnlySpan<byte> image, Span<double> mean, Span<double> deviation)
    {
        for (var i = 0; i < Values; i++) _buffers[0][i] = image[i] / _highest;
        var hidden = Run(_encoder);
        for (var j = 0; j < Latent; j++)
        {
            mean[j] = hidden[j];
            var inner = LogVarianceMin + PortableMath.Softplus(hidden[Latent + j] - LogVarianceMin);
            deviation[j] = PortableMath.Exp(0.5 * (LogVarianceMax - PortableMath.Softplus(LogVarianceMax - inner)));
            if (!double.IsFinite(mean[j]) || !double.IsFinite(deviation[j])) throw new ArithmeticException($"The model gives no finite posterior for an image (dimension {j}).");
        }
    }

    /// <inheritdoc/>
    public void Likelihood(ReadOnlySpan<float> z, Span<float> parameters)
    {
        z.CopyTo(_buffers[0]);
        Run(_decoder)[..parameters.Length].CopyTo(parameters);
    }

    private ReadOnlySpan<float> Run(PortableLayer[] layers)
    {
        var at = 0;
        foreach (var layer in layers)
        {
            layer.Run(_buffers[at], _buffers[1 - at], _patch, _used);
            at = 1 - at;
        }

        return _buffers[at];
    }
}
