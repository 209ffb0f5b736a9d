using Vae.Torch;

namespace Vae.Tests.Training.Torch.Cuda;

/// <summary>A test that needs an accelerator; elsewhere it is skipped and says so. <c>benchmarks/gpu-check.sh</c> runs all of them where one is.</summary>
public sealed class CudaFactAttribute : FactAttribute
{
    public CudaFactAttribute()
    {
        if (!torch.cuda.is_available()) Skip = "This machine, or its libtorch, has no CUDA device.";
    }
}
