namespace Vae.Models.Compression;

/// <summary>
/// What a family with one Gaussian posterior and the prior N(0, I) has to offer to be coded with. An implementation must give the same bits for the same input on every machine, with any number of threads,
/// whatever it computed before: the decoder of a file computes again what its encoder computed, and one bit of difference makes garbage. It may keep scratch memory, so each thread has its own.
/// </summary>
public interface ICodingNetwork
{
    /// <summary>Latent dimensions, d.</summary>
    int Latent { get; }

    /// <summary>Values of an image, D.</summary>
    int Values { get; }

    /// <summary>The posterior q(z | x).</summary>
    /// <param name="image">D values as the likelihood has them.</param>
    /// <param name="mean">d means.</param>
    /// <param name="deviation">d standard deviations, above 0.</param>
    void Posterior(ReadOnlySpan<byte> image, Span<double> mean, Span<double> deviation);

    /// <summary>The parameters of p(x | z).</summary>
    /// <param name="z">d values.</param>
    /// <param name="parameters">D times <see cref="IObservationCoder.ParametersPerValue"/>, as <see cref="IObservationCoder"/> takes them.</param>
    void Likelihood(ReadOnlySpan<float> z, Span<float> parameters);
}

/// <summary>Codes one image after the other on a stack. A family whose latents do not fit <see cref="BitsBackCoder"/> brings its own; the file around it stays the same.</summary>
public interface IImageCoder
{
    /// <summary>Pushes an image.</summary>
    void Push(AnsStack stack, ReadOnlySpan<byte> image);

    /// <summary>Pops the image that was pushed last, and leaves the stack as it was before that, bit for bit.</summary>
    void Pop(AnsStack stack, Span<byte> image);
}
