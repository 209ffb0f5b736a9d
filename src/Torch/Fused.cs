using Vae.Torch.Interop;

namespace Vae.Torch;

/// <summary>What <see cref="Fused.gaussian_posterior(Tensor, Tensor, Tensor?)"/> returns; the current scope owns all four.</summary>
/// <param name="Sample">z = mean + exp(log variance / 2) noise, [K,n,d].</param>
/// <param name="Divergence">KL to N(0, I) in nats per dimension, summed over rows, [K,d].</param>
/// <param name="Mean">[K,n,d].</param>
/// <param name="LogVariance">Clamped, [K,n,d].</param>
public readonly record struct GaussianPosterior(Tensor Sample, Tensor Divergence, Tensor Mean, Tensor LogVariance);

/// <summary>
/// The hot parts of a VAE step, each one pass over memory with its gradient. Float32 on the host takes own loops; everything else takes
/// ATen's operations with the same results. Gradients are of first order. K may be left out of all shapes when it is 1.
/// <para>The overloads for packs take the rows of each slot, Int32 [K] of 0 to n, and the scale of its loss, Float32 [K], both on the device of
/// the data: rows beyond a slot's own have exactly no loss and no gradient, whatever they hold, and cost nothing on the host. A slot whose
/// numbers are not finite never touches another.</para>
/// </summary>
public static unsafe class Fused
{
    /// <summary>Gathers rows of a byte data set [N,D] into <paramref name="target"/> [n,D], converting on the way.</summary>
    /// <param name="dataset">Contiguous uint8 [N,D].</param>
    /// <param name="rows">n row numbers.</param>
    /// <param name="target">Float [n,D]; overwritten.</param>
    /// <param name="conversion">Bytes to numbers.</param>
    /// <param name="seed">For <see cref="ByteConversion.RandomBits"/>: see <see cref="Noise"/>.</param>
    /// <param name="stream">For <see cref="ByteConversion.RandomBits"/>.</param>
    /// <param name="firstRow">Position of the first row in the global batch, for <see cref="ByteConversion.RandomBits"/>.</param>
    /// <exception cref="TorchException">A row is outside the data set, or a shape or type does not fit.</exception>
    public static void gather_rows(Tensor dataset, ReadOnlySpan<long> rows, Tensor target, ByteConversion conversion, ulong seed = 0, ulong stream = 0, long firstRow = 0)
    {
        fixed (long* p = rows) Status.Check(NativeKernels.vae_gather_rows(dataset.Handle, p, rows.Length, target.Handle, (int)conversion, seed, stream, firstRow));
    }

    /// <summary>Gathers rows of a byte data set [N,D] into the first rows of one slot of a buffer; the other rows stay as they are.</summary>
    /// <param name="dataset">Contiguous uint8 [N,D].</param>
    /// <param name="rows">At most n row numbers.</param>
    /// <param name="buffer">Float [K,n,D].</param>
    /// <param name="slot">0 to K - 1.</param>
    /// <param name="conversion">Bytes to numbers.</param>
    /// <param name="seed">For <see cref="ByteConversion.RandomBits"/>: see <see cref="Noise"/>.</param>
    /// <param name="stream">For <see cref="ByteConversion.RandomBits"/>.</param>
    /// <param name="firstRow">Position of the first row in the global batch, for <see cref="ByteConversion.RandomBits"/>.</param>
    /// <exception cref="TorchException">A row is outside the data set, or a shape or type does not fit.</exception>
    public static void gather_rows(Tensor dataset, ReadOnlySpan<int> rows, Tensor buffer, int slot, ByteConversion conversion, ulong seed = 0, ulong stream = 0, long firstRow = 0)
    {
        fixed (int* p = rows) Status.Check(NativeKernels.vae_gather_rows_slot(dataset.Handle, p, rows.Length, buffer.Handle, slot, (int)conversion, seed, stream, firstRow));
    }

    /// <summary>
    /// scale times the sum over rows and D of max(a,0) - a x + ln(1 + e^-|a|), in nats, per replica: [K]. The gradient is made in the
    /// forward pass, so backward is free as long as the gradient that arrives is 1 (the results are simply added up).
    /// </summary>
    /// <param name="logits">[K,n,D].</param>
    /// <param name="target">[n,D] for all replicas, or [K,n,D]; no gradient.</param>
    /// <param name="scale">Usually 1 / global batch.</param>
    public static Tensor bernoulli_logits_nll(Tensor logits, Tensor target, double scale = 1) =>
        Tensor.Wrap(NativeKernels.vae_bernoulli_nll(logits.Handle, target.Handle, scale));

    /// <summary><see cref="bernoulli_logits_nll(Tensor, Tensor, double)"/> over the rows of each slot, times its scale: [K].</summary>
    /// <param name="logits">[K,n,D].</param>
    /// <param name="target">[n,D] or [1,n,D] for all slots, or [K,n,D]; no gradient.</param>
    /// <param name="rows">Int32 [K], 0 for an empty slot.</param>
    /// <param name="scale">Float32 [K].</param>
    public static Tensor bernoulli_logits_nll(Tensor logits, Tensor target, Tensor rows, Tensor scale) =>
        Tensor.Wrap(NativeKernels.vae_bernoulli_nll_slots(logits.Handle, target.Handle, rows.Handle, scale.Handle));

    /// <summary>scale times the sum over rows and D of 1/2 (ln 2 pi + s + (x - m)^2 e^-s), in nats, per replica: [K].</summary>
    /// <param name="mean">[K,n,D].</param>
    /// <param name="target">[n,D] for all replicas, or [K,n,D]; no gradient.</param>
    /// <param name="logVariance">s, [K]; fixed or learned.</param>
    /// <param name="scale">Usually 1 / global batch.</param>
    public static Tensor gaussian_nll(Tensor mean, Tensor target, Tensor logVariance, double scale = 1) =>
        Tensor.Wrap(NativeKernels.vae_gaussian_nll(mean.Handle, target.Handle, logVariance.Handle, scale));

    /// <summary><see cref="gaussian_nll(Tensor, Tensor, Tensor, double)"/> over the rows of each slot, times its scale: [K].</summary>
    /// <param name="mean">[K,n,D].</param>
    /// <param name="target">[n,D] or [1,n,D] for all slots, or [K,n,D]; no gradient.</param>
    /// <param name="logVariance">s, [K]; fixed or learned.</param>
    /// <param name="rows">Int32 [K], 0 for an empty slot.</param>
    /// <param name="scale">Float32 [K].</param>
    public static Tensor gaussian_nll(Tensor mean, Tensor target, Tensor logVariance, Tensor rows, Tensor scale) =>
        Tensor.Wrap(NativeKernels.vae_gaussian_nll_slots(mean.Handle, target.Handle, logVariance.Handle, rows.Handle, scale.Handle));

    /// <summary>
    /// scale times the sum over rows and D of ln((e^a - 1) / a) - a x, in nats, per replica: [K]. The continuous Bernoulli distribution on 0 to 1 (Loaiza-Ganem and
    /// Cunningham 2019) by its natural parameter a = ln(lambda / (1 - lambda)); the normaliser is exact near a = 0, where the paper's form cancels.
    /// </summary>
    /// <param name="logits">a, [K,n,D].</param>
    /// <param name="target">[n,D] for all replicas, or [K,n,D]; values of 0 to 1; no gradient.</param>
    /// <param name="scale">Usually 1 / global batch.</param>
    public static Tensor continuous_bernoulli_nll(Tensor logits, Tensor target, double scale = 1) =>
        Tensor.Wrap(NativeKernels.vae_continuous_bernoulli_nll(logits.Handle, target.Handle, scale));

    /// <summary><see cref="continuous_bernoulli_nll(Tensor, Tensor, double)"/> over the rows of each slot, times its scale: [K].</summary>
    /// <param name="logits">a, [K,n,D].</param>
    /// <param name="target">[n,D] or [1,n,D] for all slots, or [K,n,D]; no gradient.</param>
    /// <param name="rows">Int32 [K], 0 for an empty slot.</param>
    /// <param name="scale">Float32 [K].</param>
    public static Tensor continuous_bernoulli_nll(Tensor logits, Tensor target, Tensor rows, Tensor scale) =>
        Tensor.Wrap(NativeKernels.vae_continuous_bernoulli_nll_slots(logits.Handle, target.Handle, rows.Handle, scale.Handle));

    /// <summary>
    /// scale times the sum over rows and D of -ln P(x), in nats, per replica: [K]. P is a logistic distribution of the given mean and scale cut into the 256 levels 0, 1/255, ..., 1,
    /// the first and last of which reach to infinity (Salimans et al. 2017, equation 2): probabilities that sum to 1. The logarithm of a level is computed from two softplus, so
    /// it is exact in both tails.
    /// </summary>
    /// <param name="mean">[K,n,D], in units of the values.</param>
    /// <param name="target">[n,D] for all replicas, or [K,n,D]; multiples of 1/255; no gradient.</param>
    /// <param name="logScale">s, [K].</param>
    /// <param name="scale">Usually 1 / global batch.</param>
    public static Tensor discretised_logistic_nll(Tensor mean, Tensor target, Tensor logScale, double scale = 1) =>
        Tensor.Wrap(NativeKernels.vae_discretised_logistic_nll(mean.Handle, target.Handle, logScale.Handle, scale));

    /// <summary><see cref="discretised_logistic_nll(Tensor, Tensor, Tensor, double)"/> over the rows of each slot, times its scale: [K].</summary>
    /// <param name="mean">[K,n,D].</param>
    /// <param name="target">[n,D] or [1,n,D] for all slots, or [K,n,D]; no gradient.</param>
    /// <param name="logScale">s, [K].</param>
    /// <param name="rows">Int32 [K], 0 for an empty slot.</param>
    /// <param name="scale">Float32 [K].</param>
    public static Tensor discretised_logistic_nll(Tensor mean, Tensor target, Tensor logScale, Tensor rows, Tensor scale) =>
        Tensor.Wrap(NativeKernels.vae_discretised_logistic_nll_slots(mean.Handle, target.Handle, logScale.Handle, rows.Handle, scale.Handle));

    /// <summary>
    /// Splits h = (mean, raw) [K,n,2d], clamps the log variance smoothly, l = 8 - softplus(8 - (-12 + softplus(raw + 12))), samples
    /// z = mean + e^(l/2) noise and returns the KL to N(0, I), 1/2 (mean^2 + e^l - 1 - l), per dimension. All four results can be
    /// differentiated. Where the mask is 0, sample, KL, mean, log variance and gradient are exactly 0.
    /// </summary>
    /// <param name="h">[K,n,2d]: means, then raw log variances.</param>
    /// <param name="noise">[n,d] for all replicas, or [K,n,d].</param>
    /// <param name="mask">[K,d], 0 for padding, or null.</param>
    public static GaussianPosterior gaussian_posterior(Tensor h, Tensor noise, Tensor? mask = null) => Posterior(h, noise, 0, mask);

    /// <summary>
    /// <see cref="gaussian_posterior(Tensor, Tensor, Tensor?)"/> over the rows of each slot; all results and gradients of the other rows are
    /// exactly 0.
    /// </summary>
    /// <param name="h">[K,n,2d]: means, then raw log variances.</param>
    /// <param name="noise">[n,d] or [1,n,d] for all slots, or [K,n,d].</param>
    /// <param name="rows">Int32 [K], 0 for an empty slot.</param>
    /// <param name="mask">[K,d], 0 for padding, or null.</param>
    public static GaussianPosterior gaussian_posterior(Tensor h, Tensor noise, Tensor rows, Tensor? mask) => Posterior(h, noise, rows.Handle, mask);

    private static GaussianPosterior Posterior(Tensor h, Tensor noise, nint rows, Tensor? mask)
    {
        var results = stackalloc nint[4];
        Status.Check(NativeKernels.vae_gaussian_posterior(h.Handle, noise.Handle, mask?.Handle ?? 0, rows, results));
        return new(Tensor.Wrap(results[0]), Tensor.Wrap(results[1]), Tensor.Wrap(results[2]), Tensor.Wrap(results[3]));
    }
}
