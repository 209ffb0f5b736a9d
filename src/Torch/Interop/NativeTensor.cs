using System.Runtime.InteropServices;

namespace Vae.Torch.Interop;

/// <summary>Mirror of native/tensor.cpp and native/error.cpp.</summary>
internal static unsafe partial class NativeTensor
{
    [LibraryImport(Library.Name)] internal static partial nint vae_zeros_huge(long count);
    [LibraryImport(Library.Name)] internal static partial byte* vae_last_error();
    [LibraryImport(Library.Name)] internal static partial void vae_tensor_free(nint t);
    [LibraryImport(Library.Name)] internal static partial long vae_live_tensors();

    [LibraryImport(Library.Name)] internal static partial nint vae_empty(long* shape, int rank, int dtype, int deviceType, int deviceIndex);
    [LibraryImport(Library.Name)] internal static partial nint vae_zeros(long* shape, int rank, int dtype, int deviceType, int deviceIndex);
    [LibraryImport(Library.Name)] internal static partial nint vae_full(long* shape, int rank, double value, int isInteger, int dtype, int deviceType, int deviceIndex);
    [LibraryImport(Library.Name)] internal static partial nint vae_arange(double start, double stop, double step, int isInteger, int dtype, int deviceType, int deviceIndex);
    [LibraryImport(Library.Name)] internal static partial nint vae_eye(long n, int dtype, int deviceType, int deviceIndex);
    [LibraryImport(Library.Name)] internal static partial nint vae_from_data(void* data, long bytes, long* shape, int rank, int dtype, int deviceType, int deviceIndex);
    [LibraryImport(Library.Name)] internal static partial nint vae_from_blob(void* data, long* shape, int rank, int dtype);
    [LibraryImport(Library.Name)] internal static partial nint vae_alias(nint t);

    [LibraryImport(Library.Name)] internal static partial long vae_numel(nint t);
    [LibraryImport(Library.Name)] internal static partial int vae_dim(nint t);
    [LibraryImport(Library.Name)] internal static partial int vae_dtype(nint t);
    [LibraryImport(Library.Name)] internal static partial int vae_is_contiguous(nint t);
    [LibraryImport(Library.Name)] internal static partial void vae_device(nint t, int* type, int* index);
    [LibraryImport(Library.Name)] internal static partial int vae_size(nint t, long dim, long* size);
    [LibraryImport(Library.Name)] internal static partial int vae_stride(nint t, long dim, long* stride);
    [LibraryImport(Library.Name)] internal static partial int vae_data_ptr(nint t, void** data);
    [LibraryImport(Library.Name)] internal static partial int vae_item(nint t, double* value);

    [LibraryImport(Library.Name)] internal static partial nint vae_view(nint t, long* shape, int rank);
    [LibraryImport(Library.Name)] internal static partial nint vae_reshape(nint t, long* shape, int rank);
    [LibraryImport(Library.Name)] internal static partial nint vae_expand(nint t, long* shape, int rank);
    [LibraryImport(Library.Name)] internal static partial nint vae_permute(nint t, long* dims, int rank);
    [LibraryImport(Library.Name)] internal static partial nint vae_transpose(nint t, long a, long b);
    [LibraryImport(Library.Name)] internal static partial nint vae_narrow(nint t, long dim, long start, long length);
    [LibraryImport(Library.Name)] internal static partial nint vae_slice(nint t, long dim, long start, long stop, long step);
    [LibraryImport(Library.Name)] internal static partial nint vae_select(nint t, long dim, long index);
    [LibraryImport(Library.Name)] internal static partial nint vae_unsqueeze(nint t, long dim);
    [LibraryImport(Library.Name)] internal static partial nint vae_squeeze(nint t, long dim);
    [LibraryImport(Library.Name)] internal static partial nint vae_contiguous(nint t);
    [LibraryImport(Library.Name)] internal static partial nint vae_clone(nint t);
    [LibraryImport(Library.Name)] internal static partial nint vae_to(nint t, int dtype, int deviceType, int deviceIndex, int copy);
    [LibraryImport(Library.Name)] internal static partial int vae_copy_(nint target, nint source);
    [LibraryImport(Library.Name)] internal static partial nint vae_cat(nint* list, int count, long dim);
    [LibraryImport(Library.Name)] internal static partial nint vae_stack(nint* list, int count, long dim);
    [LibraryImport(Library.Name)] internal static partial nint vae_index_select(nint t, long dim, nint index);
    [LibraryImport(Library.Name)] internal static partial nint vae_gather(nint t, long dim, nint index);
}
