using System.Security.Cryptography;
using Vae.Data;
using Vae.Shared;
using Vae.Shared.Messages;
using Vae.Torch;
using Vae.Worker.Collectives;
using Vae.Worker.Collectives.Engines;
using Vae.Worker.Training;

namespace Vae.Worker.Engine;

/// <summary>One replica of one attempt: data and model in place, then a ring, then training, then results.</summary>
internal sealed class ReplicaEngine(ReplicaAssignment assignment, EngineParts parts) : IAsyncDisposable
{
    private static readonly TimeSpan RingDeadline = TimeSpan.FromSeconds(30);

    private readonly CancellationTokenSource _stop = new();
    private IAllReduce? _allReduce;
    private TrainingData? _data;
    private PackTrainer? _trainer;
    private ImageSet? _images;

    public CancellationToken Stopping => _stop.Token;

    /// <summary>Builds model and optimizer and puts the data on the device.</summary>
    public Task PrepareAsync(ImageSet images) => OnLane(() =>
    {
        // libtorch keeps one setting for the process; a worker has one lane, so the replica may set it.
        TorchProcess.SetThreads(assignment.Shape.Threads > 0 ? assignment.Shape.Threads : parts.Facts.Threads);
        _images = images;
        _data = new TrainingData(images, assignment.Dataset.HeldOut, assignment.Source.Binarize, parts.Device);
        _trainer = new PackTrainer(assignment.Shape.Slots, assignment.Shape.Latent, assignment.Slots[0].Trial, _data, parts.Device, new GangOptions(assignment.Resources.Balance, assignment.Resources.Overlap));
        foreach (var fill in assignment.Slots) _trainer.Fill(fill.Slot, fill.Trial);
        return true;
    });

    /// <summary>Joins the ring of this generation and trains until the pack is closed and empty.</summary>
    /// <returns>The results on rank 0; nothing on other ranks.</returns>
    public async Task<ValueList<TrialResult>> TrainAsync(Generation generation, ValueList<GangMember> members, Action started)
    {
        using var allReduce = await ConnectAsync(generation, members);
        _allReduce = allReduce;
        if (_stop.IsCancellationRequested) allReduce.Abort("the replica was stopped");
        var results = new SlotResults(assignment, parts, _images!, Stopping);
        var signals = new PackSignals(started, end => results.Take(end, _trainer!), _ => { });
        var reporter = new ReplicaReporter(assignment, allReduce, parts.Publish, parts.Meter, signals, parts.Logger);
        await OnLane(() =>
        {
            try
            {
                _trainer!.Run(allReduce, reporter, Stopping);
            }
            catch (AllReduceAbortedException) when (Stopping.IsCancellationRequested)
            {
                throw new OperationCanceledException(Stopping);
            }
            finally
            {
                reporter.Flush();
            }

            return true;
        });
        return await results.AllAsync();
    }

    /// <summary>Makes training end between two steps; a step that waits for peers is woken.</summary>
    public void Stop(string reason)
    {
        _stop.Cancel();
        _allReduce?.Abort(reason);
    }

    /// <summary>Frees what the device holds, behind whatever the lane still does for this replica.</summary>
    public async ValueTask DisposeAsync()
    {
        await OnLane(() =>
        {
            _trainer?.Dispose();
            _data?.Dispose();
            return true;
        });
        _stop.Dispose();
    }

    private Task<IAllReduce> ConnectAsync(Generation generation, ValueList<GangMember> members)
    {
        foreach (var member in members) parts.Transport.Expect(member.Endpoint.Host, member.Endpoint.Port, member.Worker);
        var key = new RingKey(assignment.Pack.ToString(), assignment.Attempt.Value, generation.Value);
        var hello = new RingHello(key, assignment.Rank.Value, members.Count, _trainer!.Parameters, ModelHash());
        var ring = members.Select(member => new RingMember(member.Rank.Value, member.Endpoint.Host, member.Endpoint.Port)).ToList();
        var request = new AllReduceRequest(assignment.Resources.AllReduce, parts.Device.type == DeviceType.CUDA);
        return parts.AllReduce.ConnectAsync(hello, ring, parts.Transport, RingDeadline, request, Stopping);
    }

    // Names and shapes of all parameters: ranks that would add apples to pears must refuse each other before the first step.
    private string ModelHash()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var (name, parameter) in _trainer!.Network.named_parameters())
        {
            hash.AppendData(System.Text.Encoding.UTF8.GetBytes($"{name}[{string.Join(',', parameter.shape)}]"));
        }

        return Convert.ToHexStringLower(hash.GetCurrentHash())[..16];
    }

    private Task<T> OnLane<T>(Func<T> work)
    {
        var done = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        parts.Lane.Post(() =>
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
}
