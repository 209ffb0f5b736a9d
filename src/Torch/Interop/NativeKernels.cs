using System.Runtime.InteropServices;

namespace Vae.Torch.Interop;

/// <summary>Mirror of native/likelihood.cpp, native/likelihood_grey.cpp, native/posterior.cpp and native/gather.cpp.</summary>
internal static unsafe partial class NativeKernels
{
    [LibraryImport(Library.Name)] internal static partial nint vae_bernoulli_nll(nint logits, nint target, double scale);
    [LibraryImport(Library.Name)] internal static partial nint vae_gaussian_nll(nint mean, nint target, nint logVariance, double scale);
    [LibraryImport(Library.Name)] internal static partial nint vae_bernoulli_nll_slots(nint logits, nint target, nint rows, nint scale);
    [LibraryImport(Library.Name)] internal static partial nint vae_gaussian_nll_slots(nint mean, nint target, nint logVariance, nint rows, nint scale);
    [LibraryImport(Library.Name)] internal static partial nint vae_continuous_bernoulli_nll(nint logits, nint target, double scale);
    [LibraryImport(Library.Name)] internal static partial nint vae_discretised_logistic_nll(nint mean, nint target, nint logScale, double scale);
    [LibraryImport(Library.Name)] internal static partial nint vae_continuous_bernoulli_nll_slots(nint logits, nint target, nint rows, nint scale);
    [LibraryImport(Library.Name)] internal static partial nint vae_discretised_logistic_nll_slots(nint mean, nint target, nint logScale, nint rows, nint scale);
    [LibraryImport(Library.Name)] internal static partial int vae_gaussian_posterior(nint h, nint noise, nint mask, nint rows, nint* results);
    [LibraryImport(Library.Name)] internal static partial int vae_gather_rows(nint dataset, long* rows, long count, nint target, int mode, ulong seed, ulong stream, long firstRow);
    [LibraryImport(Library.Name)] internal static partial int vae_gather_rows_slot(nint dataset, int* rows, long count, nint buffer, long slot, int mode, ulong seed, ulong stream, long firstRow);
    [LibraryImport(Library.Name)] internal static partial int vae_fill_normal_slot(nint buffer, long slot, long rows, long width, ulong seed, ulong stream, long firstRow);
    [LibraryImport(Library.Name)] internal static partial int vae_fill_uniform_slot(nint buffer, long slot, long rows, long width, ulong seed, ulong stream, long firstRow);
    [LibraryImport(Library.Name)] internal static partial int vae_fill_normal(nint target, ulong seed, ulong stream, long firstRow);
    [LibraryImport(Library.Name)] internal static partial int vae_fill_uniform(nint target, ulong seed, ulong stream, long firstRow);
    [LibraryImport(Library.Name)] internal static partial int vae_philox_block(uint* counter, uint* key, uint* block);
}
