using Vae.Torch.Interop;

namespace Vae.Torch;

/// <summary>How bytes become numbers.</summary>
public enum ByteConversion
{
    /// <summary>v / 255.</summary>
    Scale = 0,
    /// <summary>1 where v >= 128, else 0.</summary>
    FixedBits = 1,
    /// <summary>1 with probability v / 255, drawn anew for every epoch by its stream.</summary>
    RandomBits = 2,
}

/// <summary>
/// Counter-based random numbers (Philox4x32-10, Salmon et al., SC 2011): a pure function of seed, stream and position. Element
/// row * width + column of the global batch has one value, whichever worker makes it, on any processor: filling rows r .. r + n gives
/// the same bits as filling all rows and slicing. Tensors of a device are made on the host and copied.
/// </summary>
public static unsafe class Noise
{
    /// <summary>Fills [n, ...] with standard normal numbers (|z| at most 5.77) as rows first_row .. first_row + n of the global batch.</summary>
    public static void FillNormal(Tensor target, ulong seed, ulong stream, long firstRow) =>
        Status.Check(NativeKernels.vae_fill_normal(target.Handle, seed, stream, NonNegative(firstRow)));

    /// <summary>Fills [n, ...] with uniform numbers in [0, 1), multiples of 2^-24, as rows first_row .. first_row + n of the global batch.</summary>
    public static void FillUniform(Tensor target, ulong seed, ulong stream, long firstRow) =>
        Status.Check(NativeKernels.vae_fill_uniform(target.Handle, seed, stream, NonNegative(firstRow)));

    /// <summary>One block of the generator, for checking it against the published vectors.</summary>
    internal static void Block(ReadOnlySpan<uint> counter, ReadOnlySpan<uint> key, Span<uint> block)
    {
        fixed (uint* c = counter, k = key, b = block) Status.Check(NativeKernels.vae_philox_block(c, k, b));
    }

    private static long NonNegative(long row) => row >= 0 ? row : throw new ArgumentOutOfRangeException(nameof(row), row, "Rows count from 0.");
}

/// <summary>What <see cref="Fused.gaussian_posterior"/> returns; the current scope owns all four.</summary>
/// <param name="Sample">z = mean + exp(log variance / 2) noise, [K,n,d].</param>
/// <param name="Divergence">KL to N(0, I) in nats per dimension, summed over rows, [K,d].</param>
/// <param name="Mean">[K,n,d].</param>
/// <param name="LogVariance">Clamped, [K,n,d].</param>
public readonly record struct GaussianPosterior(Tensor Sample, Tensor Divergence, Tensor Mean, Tensor LogVariance);

/// <summary>
/// The hot parts of a VAE step, each one pass over memory with its gradient. Float32 on the host takes own loops; everything else takes
/// ATen's operations with the same results. Gradients are of first order. K may be left out of all shapes when it is 1.
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

    /// <summary>
    /// scale times the sum over rows and D of max(a,0) - a x + ln(1 + e^-|a|), in nats, per replica: [K]. The gradient is made in the
    /// forward pass, so backward is free as long as the gradient that arrives is 1 (the results are simply added up).
    /// </summary>
    /// <param name="logits">[K,n,D].</param>
    /// <param name="target">[n,D] for all replicas, or [K,n,D]; no gradient.</param>
    /// <param name="scale">Usually 1 / global batch.</param>
    public static Tensor bernoulli_logits_nll(Tensor logits, Tensor target, double scale = 1) =>
        Tensor.Wrap(NativeKernels.vae_bernoulli_nll(logits.Handle, target.Handle, scale));

    /// <summary>scale times the sum over rows and D of 1/2 (ln 2 pi + s + (x - m)^2 e^-s), in nats, per replica: [K].</summary>
    /// <param name="mean">[K,n,D].</param>
    /// <param name="target">[n,D] for all replicas, or [K,n,D]; no gradient.</param>
    /// <param name="logVariance">s, [K]; fixed or learned.</param>
    /// <param name="scale">Usually 1 / global batch.</param>
    public static Tensor gaussian_nll(Tensor mean, Tensor target, Tensor logVariance, double scale = 1) =>
        Tensor.Wrap(NativeKernels.vae_gaussian_nll(mean.Handle, target.Handle, logVariance.Handle, scale));

    /// <summary>
    /// Splits h = (mean, raw) [K,n,2d], clamps the log variance smoothly, l = 8 - softplus(8 - (-12 + softplus(raw + 12))), samples
    /// z = mean + e^(l/2) noise and returns the KL to N(0, I), 1/2 (mean^2 + e^l - 1 - l), per dimension. All four results can be
    /// differentiated. Where the mask is 0, sample, KL, mean, log variance and gradient are exactly 0.
    /// </summary>
    /// <param name="h">[K,n,2d]: means, then raw log variances.</param>
    /// <param name="noise">[n,d] for all replicas, or [K,n,d].</param>
    /// <param name="mask">[K,d], 0 for padding, or null.</param>
    public static GaussianPosterior gaussian_posterior(Tensor h, Tensor noise, Tensor? mask = null)
    {
        var results = stackalloc nint[4];
        Status.Check(NativeKernels.vae_gaussian_posterior(h.Handle, noise.Handle, mask?.Handle ?? 0, results));
        return new(Tensor.Wrap(results[0]), Tensor.Wrap(results[1]), Tensor.Wrap(results[2]), Tensor.Wrap(results[3]));
    }
}
