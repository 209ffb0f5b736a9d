namespace Vae.Models.Compression;

/// <summary>
/// Bits-back coding with asymmetric numeral systems (BB-ANS, Townsend et al. 2019, arXiv 1901.04866, table 1). To push an image: pop z from q(z | x), which gives back -log q(z | x) bits; push x with
/// p(x | z); push z with p(z). The net length is on average the negative evidence lower bound. Popping does the same steps in reverse and ends by pushing z with q(z | x), so that the stack below is restored.
/// </summary>
/// <param name="network">The model.</param>
/// <param name="bins">The grid of the latents.</param>
/// <param name="observations">Its likelihood.</param>
public sealed class BitsBackCoder(ICodingNetwork network, LatentBins bins, IObservationCoder observations) : IImageCoder
{
    private readonly double[] _mean = new double[network.Latent];
    private readonly double[] _deviation = new double[network.Latent];
    private readonly int[] _bins = new int[network.Latent];
    private readonly float[] _z = new float[network.Latent];
    private readonly float[] _parameters = new float[network.Values * observations.ParametersPerValue];

    /// <inheritdoc/>
    public void Push(AnsStack stack, ReadOnlySpan<byte> image)
    {
        network.Posterior(image, _mean, _deviation);
        for (var j = 0; j < _z.Length; j++) _z[j] = bins.Centre(_bins[j] = bins.Pop(stack, _mean[j], _deviation[j]));
        network.Likelihood(_z, _parameters);
        observations.Push(stack, _parameters, image);
        foreach (var bin in _bins) stack.PushUniform((uint)bin, bins.Bits);
    }

    /// <inheritdoc/>
    public void Pop(AnsStack stack, Span<byte> image)
    {
        for (var j = _z.Length - 1; j >= 0; j--) _z[j] = bins.Centre(_bins[j] = (int)stack.PopUniform(bins.Bits));
        network.Likelihood(_z, _parameters);
        observations.Pop(stack, _parameters, image);
        network.Posterior(image, _mean, _deviation);
        for (var j = _z.Length - 1; j >= 0; j--) bins.Push(stack, _bins[j], _mean[j], _deviation[j]);
    }
}
