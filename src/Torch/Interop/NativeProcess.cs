using System.Runtime.InteropServices;

namespace Vae.Torch.Interop;

/// <summary>Mirror of native/process.cpp and of what native/memory.cpp says about heaps, and the two functions of libc that must run before it loads.</summary>
internal static unsafe partial class NativeProcess
{
    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)] internal static partial int setenv(string name, string value, int overwrite);
    [LibraryImport("libc")] internal static partial int mallopt(int parameter, int value);

    [LibraryImport(Library.Name)] internal static partial int vae_initialize(int threads, int interopThreads, int flushDenormals);
    [LibraryImport(Library.Name)] internal static partial int vae_set_threads(int threads);
    [LibraryImport(Library.Name)] internal static partial int vae_set_own_threads(int threads);
    [LibraryImport(Library.Name)] internal static partial int vae_set_blas_threads(int threads);
    [LibraryImport(Library.Name)] internal static partial int vae_threads();
    [LibraryImport(Library.Name)] internal static partial int vae_blas_threads();
    [LibraryImport(Library.Name)] internal static partial int vae_release_memory();
    [LibraryImport(Library.Name)] internal static partial int vae_memory_in_use(long* now, long* most);
    [LibraryImport(Library.Name)] internal static partial int vae_fact(int which, byte* buffer, int capacity);
    [LibraryImport(Library.Name)] internal static partial int vae_cuda_available();
    [LibraryImport(Library.Name)] internal static partial int vae_cuda_device_count();
    [LibraryImport(Library.Name)] internal static partial int vae_cuda_synchronize(int deviceIndex);

    [LibraryImport(Library.Name)] internal static partial int vae_manual_seed(ulong seed);
    [LibraryImport(Library.Name)] internal static partial nint vae_generator_new(ulong seed);
    [LibraryImport(Library.Name)] internal static partial nint vae_generator_default();
    [LibraryImport(Library.Name)] internal static partial void vae_generator_free(nint generator);
    [LibraryImport(Library.Name)] internal static partial int vae_generator_seed(nint generator, ulong seed);
    [LibraryImport(Library.Name)] internal static partial nint vae_generator_state(nint generator);
    [LibraryImport(Library.Name)] internal static partial int vae_generator_set_state(nint generator, nint state);
}
