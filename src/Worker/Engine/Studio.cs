using Vae.Torch;

namespace Vae.Worker.Engine;

/// <summary>
/// Where files of finished trials are made, behind the backs of the lanes that train. As many at a time as the worker may use threads: the trials of a pack
/// often end together, and then nothing else is left to compute.
/// </summary>
/// <param name="threads">Files made at a time, 1 or more.</param>
public sealed class Studio(int threads) : IDisposable
{
    private readonly LanePool _lanes = new();
    private readonly SemaphoreSlim _free = new(threads);

    /// <summary>Does <paramref name="work"/> on one thread as soon as one is free.</summary>
    public async Task<T> Do<T>(Func<T> work)
    {
        await _free.WaitAsync();
        var lane = _lanes.Take();
        try
        {
            return await lane.Do(() =>
            {
                TorchProcess.SetOwnThreads(1);
                try
                {
                    return work();
                }
                finally
                {
                    HostMemory.Release(); // Such work is rare, and what it fills is wanted for training meanwhile.
                }
            });
        }
        finally
        {
            _lanes.Return(lane);
            _free.Release();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _lanes.Dispose();
        _free.Dispose();
    }
}
