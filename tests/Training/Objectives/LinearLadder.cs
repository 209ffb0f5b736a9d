using Vae.Models.Networks;
using Vae.Shared.Sweeps;
using Vae.Torch;

namespace Vae.Tests.Training.Objectives;

/// <summary>
/// A ladder of two layers of one number that is linear and Gaussian throughout: z2 ~ N(0, 1), z1 given z2 ~ N(A z2, S), x given z1 ~ N(B z1, T). What its encoder suggests of each layer is exactly what the image says of it,
/// and of the top layer all that is known of it, so that
/// the posteriors are the true ones.
/// </summary>
internal static class LinearLadder
{
    public const double A = 1.5, S = 0.4, B = -0.8, T = 0.3;

    public static ModelSpec Spec { get; } = new() { Family = ModelFamily.Ladder, Ladder = [1, 1], Encoder = [2, 2], Likelihood = Likelihood.Gaussian, Variance = T };

    /// <summary>ln p(x).</summary>
    public static double LogLikelihood(double x)
    {
        var variance = (B * B * ((A * A) + S)) + T;
        return -0.5 * ((x * x / variance) + Math.Log(2 * Math.PI * variance));
    }

    /// <summary>What a layer puts out for one row: [1, 1, 2].</summary>
    public static Tensor Suggestion(double mean, double variance) => torch.tensor([(float)mean, (float)Raw(Math.Log(variance))], [1, 1, 2]);

    // A number goes as (relu(a), relu(-a)) through two layers of width 2 unchanged.
    public static LadderNetwork Create()
    {
        var network = LadderNetwork.CreateEmpty(Spec, new ImageShape(1, 1, 1), 1);
        var weights = network.state_dict().ToDictionary(entry => entry.name, entry => entry.tensor);
        // Of z1 the image alone says N(x / B, T / B^2), which the prior is multiplied to. The top layer's posterior is what the encoder says, the standard normal prior included.
        var top = 1 / (1 + (A * A * B * B / ((B * B * S) + T)));
        Set("encoder.0.0.weight", 1, -1);
        Set("encoder.0.2.weight", 1, 0, 0, 1);
        Head("posterior.0", 1 / B, T / (B * B));
        Set("encoder.1.0.weight", 1, 0, 0, 1);
        Set("encoder.1.2.weight", 1, 0, 0, 1);
        Head("posterior.1", top * A * B / ((B * B * S) + T), top);
        Set("prior.0.0.weight", 1, -1);
        Set("prior.0.2.weight", 1, 0, 0, 1);
        Head("prior.0.4", A, S);
        Set("decoder.0.weight", 1, -1);
        Set("decoder.2.weight", 1, 0, 0, 1);
        Set("decoder.4.weight", B, -B);
        return network;

        void Head(string name, double slope, double variance)
        {
            Set($"{name}.weight", slope, -slope, 0, 0);
            Set($"{name}.bias", 0, Raw(Math.Log(variance)));
        }

        void Set(string name, params double[] values)
        {
            using var mode = torch.no_grad();
            weights[name].copy_(torch.tensor([.. values.Select(value => (float)value)], weights[name].shape));
        }
    }

    // The clamp of log variances, backwards: in the middle of -12 to 8 it is nearly nothing.
    private static double Raw(double logVariance)
    {
        var inner = 8 - Math.Log(Math.Exp(8 - logVariance) - 1);
        return Math.Log(Math.Exp(inner + 12) - 1) - 12;
    }
}
