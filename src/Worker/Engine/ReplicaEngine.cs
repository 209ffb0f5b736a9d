using System.Runtime.ExceptionServices;
using System.Security.Cryptography;
using Microsoft.Extensions.Logging;
using Vae.Data;
using Vae.Runtime.Actors;
using Vae.Runtime.Remoting;
using Vae.Shared;
using Vae.Shared.Collectives;
using Vae.Shared.Messages;
using Vae.Shared.Sweeps;
using Vae.Torch;
using Vae.Worker.Collectives;
using Vae.Worker.Collectives.Engines;
using Vae.Worker.Training;

namespace Vae.Worker.Engine;

/// <summary>
/// One replica of one attempt, on a lane of its own: data and model in place, then, generation after generation, a ring and training. Results leave one by one, as trials end. A ring that breaks costs the act that was
/// under way and nothing else: trainer, data and model stay for the next generation.
/// </summary>
internal sealed partial class ReplicaEngine : IAsyncDisposable
{
    private const string HaltReason = "the gang forms again";

    private static readonly TimeSpan RingDeadline = TimeSpan.FromSeconds(30);

    private readonly CancellationTokenSource _stop = new();
    private readonly ReplicaAssignment _assignment;
    private readonly EngineParts _parts;
    private readonly DataShelf _shelf;
    private readonly Lane _lane;
    private readonly SlotOrders _orders = new();
    private readonly Lock _gate = new();
    private readonly ReplicaReporter _reporter;
    private readonly CheckpointWriter _checkpoints;
    private GenerationRun? _run;
    private int _haltedThrough;
    private TrainingData? _data;
    private PackTrainer? _trainer;
    private SlotResults? _results;
    private Exception? _failure;
    private bool _isNew = true;

    public ReplicaEngine(ReplicaAssignment assignment, EngineParts parts, DataShelf shelf)
    {
        (_assignment, _parts, _shelf) = (assignment, parts, shelf);
        (Stopping, _lane) = (_stop.Token, parts.Lanes.Take());
        _reporter = new ReplicaReporter(assignment, parts.Publish, parts.Meter, parts.Logger);
        _checkpoints = new CheckpointWriter(assignment, parts, _reporter.PublishRest, Stopping);
    }

    public CancellationToken Stopping { get; }

    /// <summary>Fetches what trials go on from, builds model and optimizer and puts the data on the device.</summary>
    /// <exception cref="CheckpointException">A trial cannot go on from where it is to.</exception>
    /// <exception cref="UnsupportedException">This version does not train such a trial, or this device cannot do what the sweep asks for.</exception>
    public async Task PrepareAsync(ImageSet images)
    {
        if (Supported.Refusal(_assignment.Resources, _parts.Device.type == DeviceType.CUDA) is { } lacking) throw new UnsupportedException(lacking);
        // Orders that come later need no look: they are of the same signature, or refused.
        foreach (var slot in _assignment.Slots)
        {
            if (Supported.Refusal(slot.Trial, _assignment.Source) is { } refusal) throw new UnsupportedException($"trial {slot.Trial.Index} ({slot.Trial.Label}): {refusal}");
        }

        var states = await new CheckpointFetch(_parts, Stopping).GetAsync(_assignment.Slots);
        await _lane.Do(() => Prepare(images, states));
    }

    /// <summary>Stores a checkpoint of where the pack stands: the next time it stands between two acts, which is now when it is halted.</summary>
    /// <exception cref="UserFitException">It cannot be stored.</exception>
    public Task<CheckpointInfo> SaveAsync()
    {
        var wanted = _checkpoints.WantAsync();
        _ = _lane.Do(() =>
        {
            if (_trainer is not null) _checkpoints.SaveHalted(_trainer);
        });
        return wanted;
    }

    private void Prepare(ImageSet images, IReadOnlyDictionary<int, TrialSnapshot> states)
    {
        Stopping.ThrowIfCancellationRequested();
        _lane.Enter(_parts.Device);
        Lane.SetThreads(_parts.ThreadsOf(_assignment.Shape), _assignment.Shape.Lanes);
        var known = _assignment.Dataset;
        var excluded = known.Excluded > 0 ? images.Slice(known.Count - known.Excluded, known.Excluded) : null;
        images = images.Slice(0, known.Count - known.Excluded);
        _data = _shelf.Take(_assignment.Dataset, _assignment.Source.Binarize, images);
        _trainer = new PackTrainer(_assignment.Shape.Slots, _assignment.Shape.Latent, _assignment.Slots[0].Trial, _data, _parts.Device, new GangOptions(_assignment.Resources.Balance, _assignment.Resources.Overlap, _assignment.Resources.Compression), _assignment.Resources.Precision);
        CheckpointFetch.Fill(_trainer, _assignment.Slots, states);
        _results = new SlotResults(_assignment, _parts, images, excluded, _trainer.EvaluationRows, Fail, Stopping);
    }

    /// <summary>
    /// Joins the ring of a generation, takes over the source's state where there is one, and trains until the pack is closed and empty and its results are told, or until the generation halts. Called again for the next one.
    /// On other ranks than 0 it does not end by itself: until rank 0 has told all results, it may be lost with them, and then this rank tells them in the next generation.
    /// </summary>
    /// <param name="generation">Greater than those before.</param>
    /// <param name="members">In rank order.</param>
    /// <param name="source">Whose state all others take over; null: all have the same.</param>
    /// <param name="signals">What this generation tells.</param>
    /// <returns>Null: training has ended. Else all state is kept and another generation may follow.</returns>
    /// <exception cref="OperationCanceledException">The replica was stopped.</exception>
    public async Task<GangHalt?> TrainAsync(Generation generation, ValueList<GangMember> members, NodeId? source, EngineSignals signals)
    {
        await using var run = Begin(generation);
        try
        {
            var allReduce = await ConnectAsync(run, members, source, signals);
            run.Attach(allReduce);
            await _lane.Do(() => Train(run, allReduce, members, signals, isSource: source == _parts.Worker));
            await _results!.AllAsync(run.Halting);
        }
        catch (Exception exception) when (_failure is null && !Stopping.IsCancellationRequested)
        {
            if (HaltBy(exception, run, members) is { } halt) return halt;
            throw;
        }
        catch (Exception) when (_failure is not null)
        {
            // Training was only stopped because of it.
        }
        catch (AllReduceException)
        {
            throw new OperationCanceledException(Stopping);
        }

        if (_failure is not null) ExceptionDispatchInfo.Throw(_failure);
        return null;
    }

    /// <summary>Makes a generation halt between two acts, also one that has not begun; a step that waits for peers is woken.</summary>
    public void Halt(Generation generation)
    {
        GenerationRun? run;
        lock (_gate)
        {
            _haltedThrough = Math.Max(_haltedThrough, generation.Value);
            run = _run?.Generation.Value <= generation.Value ? _run : null;
        }

        run?.Halt(HaltReason);
    }

    /// <summary>Hands orders to the pack that trains, once what their trials go on from is here; those it has already are skipped.</summary>
    /// <exception cref="CheckpointException">A trial cannot go on from where it is to.</exception>
    public async Task OrderAsync(ValueList<SlotOrder> orders)
    {
        var restored = orders.Where(order => order is { From: not null, Trial: not null }).Select(order => new SlotFill(order.Slot, order.Trial!, order.From)).ToValueList();
        _orders.Add(orders, restored.Count > 0 ? await new CheckpointFetch(_parts, Stopping).GetAsync(restored) : null);
    }

    /// <summary>The end of this trial is durable: nobody needs its copy any more.</summary>
    public void Forget(int trial) => _results?.Kept.Forget(trial);

    /// <summary>Makes training end between two acts; a step that waits for peers is woken.</summary>
    public void Stop(string reason)
    {
        GenerationRun? run;
        lock (_gate)
        {
            _stop.Cancel();
            run = _run;
        }

        run?.Halt(reason);
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
        await _checkpoints.DisposeAsync();
        _parts.Lanes.Return(_lane);
        _results?.Dispose();
        _stop.Dispose();
    }

    // An order to halt may overtake the order to train.
    private GenerationRun Begin(Generation generation)
    {
        var run = new GenerationRun(generation);
        lock (_gate)
        {
            _run = run;
            if (Stopping.IsCancellationRequested || _haltedThrough >= generation.Value) run.Halt(HaltReason);
        }

        return run;
    }

    // Nothing of the generation outlives the loop: with the ring's sockets closed at once, all other ranks halt too.
    private void Train(GenerationRun run, IAllReduce allReduce, ValueList<GangMember> members, EngineSignals signals, bool isSource)
    {
        try
        {
            _isNew = false;
            _results!.Join(allReduce.Rank, allReduce.WorldSize, signals.Done, run.Halting);
            _reporter.Join(allReduce, members, _trainer!, isSource, new(signals.Started, end => _results.Take(end, _trainer!), signals.Ending, signals.Applied, () => _checkpoints.ActDone(_trainer!)));
            _checkpoints.Join(allReduce.Rank);
            _trainer!.Run(allReduce, _reporter, _orders, _assignment.Closed, run.Halting);
            _reporter.Start(); // There may have been nothing left to do.
        }
        finally
        {
            allReduce.Dispose();
            _reporter.Leave();
            if (_trainer!.RecordingRefused is { } reason) LogNotRecorded(_parts.Logger, _assignment.Pack, reason);
        }
    }

    // What breaks a ring leaves the pack whole; everything else is a defect, or the trial's own fault.
    private GangHalt? HaltBy(Exception exception, GenerationRun run, ValueList<GangMember> members)
    {
        var silent = exception switch
        {
            AllReduceException broken => broken.Silent,
            RingConnectTimeoutException missing => missing.MissingRanks,
            HandshakeException { Rule: HandshakeRule.WrongNode } => [RingSchedule.RightOf(RankIn(members), members.Count)],
            _ => null,
        };
        if (run.Ordered is { } reason && (silent is not null || exception is OperationCanceledException)) return new(_trainer!.Progress.Position, FailureKind.Preempted, reason, []);
        if (silent is null) return null;
        return new(_trainer!.Progress.Position, FailureKind.PeerLost, exception.Message, silent.Where(rank => rank < members.Count).Select(rank => members[rank].Worker).ToValueList());
    }

    // A result that cannot be stored ends the attempt: the trial would be lost without anybody noticing.
    private void Fail(Exception exception)
    {
        if (exception is OperationCanceledException && Stopping.IsCancellationRequested) return;
        Interlocked.CompareExchange(ref _failure, exception, null);
        Stop("a result could not be stored");
    }

    private Task<IAllReduce> ConnectAsync(GenerationRun run, ValueList<GangMember> members, NodeId? source, EngineSignals signals)
    {
        foreach (var member in members) _parts.Transport.Expect(member.Endpoint.Host, member.Endpoint.Port, member.Worker);
        var key = new RingKey(_assignment.Pack.ToString(), _assignment.Attempt.Value, run.Generation.Value);
        var hello = new RingHello(key, RankIn(members), members.Count, _trainer!.Parameters, ModelHash());
        var ring = members.Select((member, rank) => new RingMember(rank, member.Endpoint.Host, member.Endpoint.Port)).ToList();
        var request = new AllReduceRequest(_assignment.Resources.AllReduce, _parts.Device.type == DeviceType.CUDA);
        Func<RingLinks, Task>? first = source is { } from ? links => _lane.Do(() => TakeOver(links, RankOf(from, members), run, signals)) : null;
        return _parts.AllReduce.ConnectAsync(hello, ring, _parts.Transport, RingDeadline, request, first, run.Halting);
    }

    private void TakeOver(RingLinks links, int source, GenerationRun run, EngineSignals signals)
    {
        if (!new StateTransfer(_trainer!, _results!.Kept, _isNew).Run(links, source, RingDeadline, run.Halting)) return;
        _isNew = false;
        LogTakenOver(_parts.Logger, _assignment.Pack, run.Generation.Value, source, _trainer!.Progress.Position);
        signals.Applied(_trainer.Progress.OrdersApplied);
    }

    private int RankIn(ValueList<GangMember> members) => RankOf(_parts.Worker, members);

    private static int RankOf(NodeId worker, ValueList<GangMember> members)
    {
        for (var rank = 0; rank < members.Count; rank++)
        {
            if (members[rank].Worker == worker) return rank;
        }

        throw new InvalidOperationException($"{worker} is no member of the generation that is to be formed.");
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

    [LoggerMessage(EventId = 3003, Level = LogLevel.Information, Message = "Pack {Pack} generation {Generation}: took over the state of rank {Source} at position {Position}")]
    private static partial void LogTakenOver(ILogger logger, PackId pack, int generation, int source, long position);

    [LoggerMessage(EventId = 3002, Level = LogLevel.Warning, Message = "Steps of pack {Pack} were not recorded as graphs and ran one launch at a time: {Reason}")]
    private static partial void LogNotRecorded(ILogger logger, PackId pack, string reason);
}

/// <summary>What one generation tells its replica.</summary>
/// <param name="Started">The first act is done, or the pack waits for its first trial.</param>
/// <param name="Done">A result, on rank 0 alone.</param>
/// <param name="Ending">A slot, and the trial in it, which is soon through; on rank 0 alone.</param>
/// <param name="Applied">The number of the last order that is applied, here or in a state that was taken over.</param>
internal sealed record EngineSignals(Action Started, Action<int, TrialResult> Done, Action<int, int> Ending, Action<long> Applied);
