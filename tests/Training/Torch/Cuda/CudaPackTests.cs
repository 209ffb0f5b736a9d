using Vae.Shared.Sweeps;
using Vae.Tests.Training.Engine;
using Vae.Torch;
using Vae.Worker.Training;

namespace Vae.Tests.Training.Torch.Cuda;

/// <summary>Packs on a CUDA device, whose steps are recorded graphs.</summary>
public sealed class CudaPackTests : TorchTest
{
    private const int Steps = 100;

    [CudaFact]
    public void A_trial_on_a_device_follows_the_curve_that_it_follows_on_the_host() => Each(trial =>
    {
        using TrainingDataPair data = new();
        PackRuns.SameCurve(PackRuns.Train([trial], data.Host), PackRuns.Train([trial], data.Device, device: torch.CUDA), trial.Index, relative: 2e-3);
    });

    [CudaFact]
    public void Each_trial_of_a_pack_on_a_device_follows_the_curve_that_it_follows_alone_there() => Each(plain =>
    {
        using TrainingDataPair data = new();
        TrialSpec[] trials =
        [
            plain,
            plain with { Index = 1, Training = plain.Training with { Beta = 4, LearningRate = 3e-4, KlWarmupEpochs = 2.5 } },
            plain with { Index = 2, Model = plain.Model with { Latent = 2 }, Training = plain.Training with { Seed = 7, MaxSteps = 60 } },
            plain with { Index = 3, Training = plain.Training with { GradientClip = 5, EvaluateEvery = 3 } },
        ];
        var packed = PackRuns.Train(trials, data.Device, device: torch.CUDA);
        foreach (var trial in trials) PackRuns.SameCurve(PackRuns.Train([trial], data.Device, device: torch.CUDA), packed, trial.Index, relative: 1e-3);
    });

    private static void Each(Action<TrialSpec> check)
    {
        using var stream = new CudaStream(torch.CUDA); // As a lane has: the default stream cannot be recorded.
        stream.Use();
        foreach (var architecture in (Architecture[])[Architecture.Mlp, Architecture.Conv]) check(PackRuns.Trial(0, architecture, steps: Steps));
    }

    private sealed class TrainingDataPair : IDisposable
    {
        public TrainingData Host { get; } = PackRuns.Images();

        public TrainingData Device { get; } = PackRuns.Images(device: torch.CUDA);

        public void Dispose()
        {
            Host.Dispose();
            Device.Dispose();
        }
    }
}
