using System.Runtime.InteropServices;

namespace Vae.Torch.Interop;

/// <summary>Mirror of native/autograd.cpp, native/dense.cpp, native/layers.cpp and native/conv.cpp.</summary>
internal static unsafe partial class NativeAutograd
{
    [LibraryImport(Library.Name)] internal static partial int vae_backward(nint* roots, nint* gradients, int count, int retainGraph, int createGraph);
    [LibraryImport(Library.Name)] internal static partial int vae_autograd_grad(nint* outputs, int outputCount, nint* inputs, int inputCount, nint* gradients, int retainGraph, int createGraph, int allowUnused, nint* results);
    [LibraryImport(Library.Name)] internal static partial int vae_set_grad_enabled(int enabled);
    [LibraryImport(Library.Name)] internal static partial int vae_is_grad_enabled();
    [LibraryImport(Library.Name)] internal static partial int vae_requires_grad(nint t);
    [LibraryImport(Library.Name)] internal static partial int vae_is_leaf(nint t);
    [LibraryImport(Library.Name)] internal static partial int vae_set_requires_grad(nint t, int value);
    [LibraryImport(Library.Name)] internal static partial nint vae_detach(nint t);
    [LibraryImport(Library.Name)] internal static partial int vae_grad(nint t, nint* gradient);
    [LibraryImport(Library.Name)] internal static partial int vae_set_grad(nint t, nint gradient);
    [LibraryImport(Library.Name)] internal static partial int vae_set_data(nint t, nint data);
    [LibraryImport(Library.Name)] internal static partial int vae_hook_gradient_ready(nint t, delegate* unmanaged<long, void> callback, long tag, nint* owner);
    [LibraryImport(Library.Name)] internal static partial void vae_unhook(nint owner);

    [LibraryImport(Library.Name)] internal static partial int vae_set_reduced_products(int on);
    [LibraryImport(Library.Name)] internal static partial int vae_begin_training_step(nint rows);
    [LibraryImport(Library.Name)] internal static partial void vae_end_training_step();
    [LibraryImport(Library.Name)] internal static partial int vae_swap_step_rows(nint rows, nint* before);
    [LibraryImport(Library.Name)] internal static partial int vae_choose_products(int chosen);
    [LibraryImport(Library.Name)] internal static partial nint vae_dense(nint x, nint* parameters, int* acts, double* slopes, int count);
    [LibraryImport(Library.Name)] internal static partial nint vae_group_norm(nint input, long groups, nint weight, nint bias, double epsilon);
    [LibraryImport(Library.Name)] internal static partial nint vae_conv2d(nint x, nint weight, nint bias, long stride, long padding, long dilation, long groups, int relu);
    [LibraryImport(Library.Name)] internal static partial nint vae_conv_transpose2d(nint x, nint weight, nint bias, long stride, long padding, long outputPadding, long groups, int relu);
}
