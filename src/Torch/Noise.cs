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
/// the same bits as filling all rows and slicing. On a CUDA device a kernel makes the same numbers there; without it they are made on the host and copied.
/// </summary>
public static unsafe class Noise
{
    /// <summary>Fills [n, ...] with standard normal numbers (|z| at most 5.77) as rows first_row .. first_row + n of the global batch.</summary>
    public static void FillNormal(Tensor target, ulong seed, ulong stream, long firstRow) =>
        Status.Check(NativeKernels.vae_fill_normal(target.Handle, seed, stream, NonNegative(firstRow)));

    /// <summary>Fills [n, ...] with uniform numbers in [0, 1), multiples of 2^-24, as rows first_row .. first_row + n of the global batch.</summary>
    public static void FillUniform(Tensor target, ulong seed, ulong stream, long firstRow) =>
        Status.Check(NativeKernels.vae_fill_uniform(target.Handle, seed, stream, NonNegative(firstRow)));

    /// <summary>
    /// Fills rows 0 .. <paramref name="rows"/> and columns 0 .. <paramref name="width"/> of one slot of a padded buffer with the normal numbers that a
    /// tensor [rows, width] would get: a trial padded to its pack's latent size has the noise that it has alone. The rest stays as it is.
    /// </summary>
    /// <param name="buffer">[K,n,W].</param>
    /// <param name="slot">0 to K - 1.</param>
    /// <param name="rows">0 to n.</param>
    /// <param name="width">The slot's own width, 0 to W.</param>
    /// <param name="seed">Key.</param>
    /// <param name="stream">Stream.</param>
    /// <param name="firstRow">Place of the first row in the global batch.</param>
    public static void FillNormal(Tensor buffer, int slot, int rows, int width, ulong seed, ulong stream, long firstRow) =>
        Status.Check(NativeKernels.vae_fill_normal_slot(buffer.Handle, slot, rows, width, seed, stream, NonNegative(firstRow)));

    /// <summary>Like <see cref="FillNormal(Tensor, int, int, int, ulong, ulong, long)"/> with uniform numbers in [0, 1).</summary>
    public static void FillUniform(Tensor buffer, int slot, int rows, int width, ulong seed, ulong stream, long firstRow) =>
        Status.Check(NativeKernels.vae_fill_uniform_slot(buffer.Handle, slot, rows, width, seed, stream, NonNegative(firstRow)));

    /// <summary>One block of the generator, for checking it against the published vectors.</summary>
    internal static void Block(ReadOnlySpan<uint> counter, ReadOnlySpan<uint> key, Span<uint> block)
    {
        fixed (uint* c = counter, k = key, b = block) Status.Check(NativeKernels.vae_philox_block(c, k, b));
    }

    private static long NonNegative(long row) => row >= 0 ? row : throw new ArgumentOutOfRangeException(nameof(row), row, "Rows count from 0.");
}
