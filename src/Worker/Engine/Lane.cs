using System.Collections.Concurrent;
using Vae.Torch;

namespace Vae.Worker.Engine;

/// <summary>
/// A thread to compute on. It lives as long as its worker: libtorch keeps thread pools, grad mode and our dispose scopes per thread, and a new thread for each replica would pay for them again.
/// </summary>
public sealed class Lane : IDisposable
{
    private static readonly TimeSpan EndWithin = TimeSpan.FromSeconds(5);

    private readonly BlockingCollection<Action> _work = new(boundedCapacity: 64);
    private readonly Thread _thread;
    private CudaStream? _stream;

    /// <param name="name">Of the thread, for debuggers and profilers.</param>
    public Lane(string name)
    {
        _thread = new Thread(Run) { Name = name, IsBackground = true };
        _thread.Start();
    }

    /// <summary>Does <paramref name="work"/> behind what is queued.</summary>
    public Task<T> Do<T>(Func<T> work)
    {
        var done = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        _work.Add(() =>
        {
            try
            {
                done.SetResult(work());
            }
            catch (Exception exception)
            {
                done.SetException(exception);
            }
        });
        return done.Task;
    }

    /// <summary>Does <paramref name="work"/> behind what is queued.</summary>
    public Task Do(Action work) => Do(() =>
    {
        work();
        return true;
    });

    /// <summary>Gives the lane a stream of its own on an accelerator, so that packs of several lanes run side by side there and steps can be recorded. Call it on the lane.</summary>
    public void Enter(torch.Device device)
    {
        if (device.type != DeviceType.CUDA || !torch.cuda.is_built()) return;
        _stream ??= new CudaStream(device);
        _stream.Use();
    }

    /// <summary>
    /// Sets the threads that operations of this lane use. Call it on the lane. ATen's number belongs to the calling thread; the BLAS has one for the whole process, and where lanes share the
    /// process it must be 1, or the lanes would wait for each other inside it.
    /// </summary>
    /// <param name="threads">Threads of this lane, 1 to 1,024.</param>
    /// <param name="lanes">Lanes that compute side by side in this process.</param>
    public static void SetThreads(int threads, int lanes)
    {
        TorchProcess.SetOwnThreads(threads);
        TorchProcess.SetBlasThreads(lanes > 1 ? 1 : threads);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _work.CompleteAdding();
        _thread.Join(EndWithin);
        _work.Dispose();
        _stream?.Dispose();
    }

    private void Run()
    {
        foreach (var work in _work.GetConsumingEnumerable()) work();
    }
}
