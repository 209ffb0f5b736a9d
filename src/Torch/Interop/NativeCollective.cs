using System.Runtime.InteropServices;

namespace Vae.Torch.Interop;

/// <summary>Mirror of native/collective.cpp.</summary>
internal static unsafe partial class NativeCollective
{
    [LibraryImport(Library.Name)] internal static partial nint vae_store_new();
    [LibraryImport(Library.Name)] internal static partial void vae_store_free(nint store);
    [LibraryImport(Library.Name)] internal static partial int vae_store_close(SafeHandle store);
    [LibraryImport(Library.Name)] internal static partial int vae_store_put(SafeHandle store, byte* key, int keyLength, byte* value, int valueLength);
    [LibraryImport(Library.Name)] internal static partial int vae_store_take(SafeHandle store, int patienceMilliseconds, byte* buffer, int capacity, int* keyLength, int* valueLength);

    [LibraryImport(Library.Name)] internal static partial byte* vae_group_lacks(int backend);
    [LibraryImport(Library.Name, StringMarshalling = StringMarshalling.Utf8)] internal static partial nint vae_group_new(int backend, SafeHandle store, int rank, int world, string host, int device, int deadlineMilliseconds);
    [LibraryImport(Library.Name)] internal static partial void vae_group_free(nint group);
    [LibraryImport(Library.Name)] internal static partial int vae_group_abort(SafeHandle group);
    [LibraryImport(Library.Name)] internal static partial int vae_group_sum(SafeHandle group, float* data, long count, int deadlineMilliseconds);
    [LibraryImport(Library.Name)] internal static partial int vae_group_sum_tensor(SafeHandle group, nint tensor, int deadlineMilliseconds);
}
