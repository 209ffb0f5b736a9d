using System.Collections.Concurrent;
using Vae.Torch;

namespace Vae.Worker.Engine;

/// <summary>
/// The thread that a worker trains on. One thread for the worker's whole life: libtorch keeps thread pools, grad mode and our dispose scopes
/// per thread, and a new thread for each trial would pay for them again.
/// </summary>
public sealed class Lane : IDisposable
{
    private readonly BlockingCollection<Action> _work = new(boundedCapacity: 64);
    private readonly Thread _thread;

    /// <param name="threads">Compute threads of ATen and BLAS.</param>
    public Lane(int threads)
    {
        _thread = new Thread(() => Run(threads)) { Name = "lane", IsBackground = true };
        _thread.Start();
    }

    /// <summary>Queues <paramref name="work"/> behind what is there. It must not throw.</summary>
    public void Post(Action work) => _work.Add(work);

    /// <inheritdoc/>
    public void Dispose()
    {
        _work.CompleteAdding();
        _thread.Join(TimeSpan.FromSeconds(5));
        _work.Dispose();
    }

    private void Run(int threads)
    {
        TorchProcess.SetThreads(threads);
        foreach (var work in _work.GetConsumingEnumerable()) work();
    }
}
