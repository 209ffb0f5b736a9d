using Vae.Torch;

namespace Vae.Tests.Training;

/// <summary>One thread and one seed for every test that computes.</summary>
[Collection("torch")]
public abstract class TorchTest
{
    protected TorchTest()
    {
        TorchProcess.Initialize(new TorchSettings(Threads: 1));
        torch.manual_seed(1);
    }
}
