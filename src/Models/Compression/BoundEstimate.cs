using Vae.Shared.Determinism;

namespace Vae.Models.Compression;

/// <summary>
/// The model's own negative evidence lower bound, which bits-back coding approaches: distortion at one draw of z for each image, rate in closed form. It is computed beside the coder and from draws of its own,
/// so that it is a yardstick and not a copy of what was coded.
/// </summary>
public sealed class BoundEstimate(ICodingNetwork network, IObservationCoder observations)
{
    private readonly double[] _mean = new double[network.Latent];
    private readonly double[] _deviation = new double[network.Latent];
    private readonly float[] _z = new float[network.Latent];
    private readonly float[] _parameters = new float[network.Values * observations.ParametersPerValue];

    /// <summary>Nats of one image: -log p(x | z) + KL(q(z | x) || N(0, I)).</summary>
    /// <param name="image">Its values.</param>
    /// <param name="random">The source of the draw.</param>
    public double Nats(ReadOnlySpan<byte> image, Prng random)
    {
        network.Posterior(image, _mean, _deviation);
        var rate = 0.0;
        for (var j = 0; j < _z.Length; j++)
        {
            // Box and Muller 1958.
            var normal = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
            var variance = _deviation[j] * _deviation[j];
            _z[j] = (float)(_mean[j] + (_deviation[j] * normal));
            rate += 0.5 * ((_mean[j] * _mean[j]) + variance - 1 - Math.Log(variance));
        }

        network.Likelihood(_z, _parameters);
        return observations.Nats(_parameters, image) + rate;
    }
}
