using System.Runtime.InteropServices;

namespace Vae.Torch.Interop;

/// <summary>Mirror of native/device/graph.cpp.</summary>
internal static unsafe partial class NativeCuda
{
    [LibraryImport(Library.Name)] internal static partial int vae_cuda_built();
    [LibraryImport(Library.Name)] internal static partial nint vae_cuda_stream_new(int deviceIndex);
    [LibraryImport(Library.Name)] internal static partial void vae_cuda_stream_free(nint stream);
    [LibraryImport(Library.Name)] internal static partial int vae_cuda_stream_use(nint stream);
    [LibraryImport(Library.Name)] internal static partial int vae_cuda_stream_synchronize(nint stream);
    [LibraryImport(Library.Name)] internal static partial nint vae_cuda_graph_new();
    [LibraryImport(Library.Name)] internal static partial void vae_cuda_graph_free(nint graph);
    [LibraryImport(Library.Name)] internal static partial int vae_cuda_graph_begin(nint graph);
    [LibraryImport(Library.Name)] internal static partial int vae_cuda_graph_end(nint graph);
    [LibraryImport(Library.Name)] internal static partial int vae_cuda_graph_replay(nint graph);
    [LibraryImport(Library.Name)] internal static partial int vae_cuda_memory(int deviceIndex, long* bytes);
    [LibraryImport(Library.Name)] internal static partial int vae_cuda_reset_peak(int deviceIndex);
    [LibraryImport(Library.Name)] internal static partial int vae_cuda_name(int deviceIndex, byte* buffer, int capacity);
    [LibraryImport(Library.Name)] internal static partial int vae_cuda_kernels(int deviceIndex, byte* buffer, int capacity);
}
