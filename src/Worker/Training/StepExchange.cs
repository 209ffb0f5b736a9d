using Vae.Models.Objectives;
using Vae.Torch;

namespace Vae.Worker.Training;

/// <summary>What an objective sums in the middle of a forward pass, numbered in the order of its calls, which all ranks have in common.</summary>
internal sealed class StepExchange : IStepExchange
{
    private IGradientExchange? _exchange;
    private long _step;
    private int _sums;

    public int WorldSize { get; private set; } = 1;

    /// <summary>The next step's sums begin.</summary>
    public void Begin(IGradientExchange exchange, int worldSize, long step) => (_exchange, WorldSize, _step, _sums) = (exchange, worldSize, step, 0);

    public void Sum(Tensor values)
    {
        using var mode = torch.no_grad();
        _exchange!.Sum(values, _step, _sums++);
    }
}
