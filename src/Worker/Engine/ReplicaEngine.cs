using System.Runtime.ExceptionServices;
using System.Security.Cryptography;
using Microsoft.Extensions.Logging;
using Vae.Data;
using Vae.Shared;
using Vae.Shared.Messages;
using Vae.Torch;
using Vae.Worker.Collectives;
using Vae.Worker.Collectives.Engines;
using Vae.Worker.Training;

namespace Vae.Worker.Engine;

/// <summary>One replica of one attempt, on a lane of its own: data and model in place, then a ring, then training. Results leave one by one, as trials end.</summary>
internal sealed partial class ReplicaEngine : IAsyncDisposable
{
    private static readonly TimeSpan RingDeadline = TimeSpan.FromSeconds(30);

    private readonly CancellationTokenSource _stop = new();
    private readonly ReplicaAssignment _assignment;
    private readonly EngineParts _parts;
    private readonly DataShelf _shelf;
    private readonly Lane _lane;
    private readonly SlotOrders _orders = new();
    private IAllReduce? _allReduce;
    private TrainingData? _data;
    private PackTrainer? _trainer;
    private ImageSet? _images;
    private Exception? _failure;

    public ReplicaEngine(ReplicaAssignment assignment, EngineParts parts, DataShelf shelf)
    {
        (_assignment, _parts, _shelf) = (assignment, parts, shelf);
        (Stopping, _lane) = (_stop.Token, parts.Lanes.Take());
    }

    public CancellationToken Stopping { get; }

    /// <summary>Builds model and optimizer and puts the data on the device.</summary>
    public Task PrepareAsync(ImageSet images) => _lane.Do(() =>
    {
        Stopping.ThrowIfCancellationRequested();
        _lane.Enter(_parts.Device);
        Lane.SetThreads(_parts.ThreadsOf(_assignment.Shape), _assignment.Shape.Lanes);
        _images = images;
        _data = _shelf.Take(_assignment.Dataset, _assignment.Source.Binarize, images);
        _trainer = new PackTrainer(_assignment.Shape.Slots, _assignment.Shape.Latent, _assignment.Slots[0].Trial, _data, _parts.Device, new GangOptions(_assignment.Resources.Balance, _assignment.Resources.Overlap, _assignment.Resources.Compression), _assignment.Resources.Precision);
        foreach (var fill in _assignment.Slots) _trainer.Fill(fill.Slot, fill.Trial);
        return true;
    });

    /// <summary>Joins the ring of this generation and trains until the pack is closed and empty, and all results are stored.</summary>
    /// <param name="generation">Of the gang.</param>
    /// <param name="members">All ranks.</param>
    /// <param name="started">Called after the first step, or when the pack waits for its first trial.</param>
    /// <param name="done">Gets each result on rank 0; not called on other ranks.</param>
    /// <param name="applied">Gets the number of each order that all ranks have applied.</param>
    public async Task TrainAsync(Generation generation, ValueList<GangMember> members, Action started, Action<int, TrialResult> done, Action<long> applied)
    {
        using var allReduce = await ConnectAsync(generation, members);
        _allReduce = allReduce;
        if (Stopping.IsCancellationRequested) allReduce.Abort("the replica was stopped");
        var results = new SlotResults(_assignment, allReduce.Rank, members.Count, _parts, _images!, _trainer!.EvaluationRows, done, Fail, Stopping);
        var signals = new PackSignals(started, end => results.Take(end, _trainer), applied);
        var reporter = new ReplicaReporter(_assignment, allReduce, _parts.Publish, _parts.Meter, signals, _parts.Logger);
        try
        {
            await _lane.Do(() => Train(allReduce, reporter));
            await results.AllAsync();
        }
        catch (Exception) when (_failure is not null)
        {
            // Training was only stopped because of it.
        }

        if (_failure is not null) ExceptionDispatchInfo.Throw(_failure);
    }

    /// <summary>Hands orders to the pack that trains; those it has already are skipped.</summary>
    public void Order(ValueList<SlotOrder> orders) => _orders.Add(orders);

    /// <summary>Makes training end between two steps; a step that waits for peers is woken.</summary>
    public void Stop(string reason)
    {
        _stop.Cancel();
        _allReduce?.Abort(reason);
    }

    /// <summary>Frees what the device holds, behind whatever the lane still does for this replica.</summary>
    public async ValueTask DisposeAsync()
    {
        await _lane.Do(() =>
        {
            _trainer?.Dispose();
            if (_data is not null) _shelf.Return(_data);
            return true;
        });
        _parts.Lanes.Return(_lane);
        _stop.Dispose();
    }

    private bool Train(IAllReduce allReduce, ReplicaReporter reporter)
    {
        try
        {
            _trainer!.Run(allReduce, reporter, _orders, _assignment.Closed, Stopping);
            return true;
        }
        catch (AllReduceAbortedException) when (Stopping.IsCancellationRequested)
        {
            throw new OperationCanceledException(Stopping);
        }
        finally
        {
            reporter.Flush();
            if (_trainer!.RecordingRefused is { } reason) LogNotRecorded(_parts.Logger, _assignment.Pack, reason);
        }
    }

    // A result that cannot be stored ends the attempt: the trial would be lost without anybody noticing.
    private void Fail(Exception exception)
    {
        if (exception is OperationCanceledException && Stopping.IsCancellationRequested) return;
        Interlocked.CompareExchange(ref _failure, exception, null);
        Stop("a result could not be stored");
    }

    private Task<IAllReduce> ConnectAsync(Generation generation, ValueList<GangMember> members)
    {
        foreach (var member in members) _parts.Transport.Expect(member.Endpoint.Host, member.Endpoint.Port, member.Worker);
        var key = new RingKey(_assignment.Pack.ToString(), _assignment.Attempt.Value, generation.Value);
        var hello = new RingHello(key, RankIn(members), members.Count, _trainer!.Parameters, ModelHash());
        var ring = members.Select((member, rank) => new RingMember(rank, member.Endpoint.Host, member.Endpoint.Port)).ToList();
        var request = new AllReduceRequest(_assignment.Resources.AllReduce, _parts.Device.type == DeviceType.CUDA);
        return _parts.AllReduce.ConnectAsync(hello, ring, _parts.Transport, RingDeadline, request, Stopping);
    }

    private int RankIn(ValueList<GangMember> members)
    {
        for (var rank = 0; rank < members.Count; rank++)
        {
            if (members[rank].Worker == _parts.Worker) return rank;
        }

        throw new InvalidOperationException($"{_parts.Worker} is no member of the generation that it is to train in.");
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

    [LoggerMessage(EventId = 3002, Level = LogLevel.Warning, Message = "Steps of pack {Pack} were not recorded as graphs and ran one launch at a time: {Reason}")]
    private static partial void LogNotRecorded(ILogger logger, PackId pack, string reason);
}
