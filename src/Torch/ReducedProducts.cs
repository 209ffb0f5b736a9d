using Vae.Torch.Interop;

namespace Vae.Torch;

public static partial class torch
{
    /// <summary>
    /// While the returned scope lives, matrix products and convolutions that this thread runs round their inputs to bfloat16 and return float32; all else, the parameters and their
    /// gradients included, stays float32. Backward follows what forward did. On devices with matrix units this is several times faster, at 8 bits of mantissa in each factor.
    /// </summary>
    /// <param name="on">False makes a scope without effect.</param>
    public static ReducedProducts reduced_products(bool on = true)
    {
        TorchProcess.EnsureInitialized();
        return new(NativeAutograd.vae_set_reduced_products(on ? 1 : 0));
    }

    /// <summary>Ends with <see cref="Dispose"/>, on the thread where it began.</summary>
    public readonly ref struct ReducedProducts : IDisposable
    {
        private readonly int _before;

        internal ReducedProducts(int before) => _before = before;

        /// <summary>Restores what was before.</summary>
        public void Dispose() => _ = NativeAutograd.vae_set_reduced_products(_before);
    }
}
