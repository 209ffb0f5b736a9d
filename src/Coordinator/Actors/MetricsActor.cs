using System.Diagnostics;
using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Determinism;
using Vae.Shared.Messages;

namespace Vae.Coordinator.Actors;

/// <summary>
/// Takes every point of every worker exactly once. Workers resend until they are told that a point is durable; here each stream is put in order and
/// doubles are dropped, points gather while one write is under way, and the next write takes all of them at once: the slower the
/// store, the larger the batches. A point is acknowledged only after its write is synced, so a crash here loses nothing. The marks in each write say how
/// far each stream is durable. A stream is that of one process: two processes of one worker's name have two, and the older one is served as well, for it goes on when the
/// later one dies. The store keeps the mark of one of them; the other says itself how far it was acknowledged, and what it sends again the store knows already.
/// </summary>
public sealed class MetricsActor : IActor
{
    /// <summary>Points that may wait for the store; more are not taken, and will be resent.</summary>
    public const int WaitingMax = 65_536;

    /// <summary>
    /// Streams remembered. The one silent longest is forgotten first; it belongs to a process that is long gone, for in a cluster whose
    /// workers come and go there are always new streams. One that is forgotten too soon begins again where it was acknowledged.
    /// </summary>
    public const int StreamsMax = 2 * Cluster.WorkersMax;

    /// <summary>Observers at once; more are refused silently, they would see nothing anyway.</summary>
    public const int ObserversMax = 256;

    private static readonly TimeSpan WriteAgainAfter = TimeSpan.FromSeconds(1);

    private readonly CoordinatorContext _context;
    private readonly Dictionary<(NodeId Worker, ulong Incarnation), PointStream> _streams = []; // At most StreamsMax; looked up only.
    private readonly SortedDictionary<long, PointStream> _byUse = []; // The same streams, the one that was silent longest first.
    private readonly List<PointStream> _touched = []; // Streams with points in _waiting.
    private readonly List<ActorId> _observers = [];
    private readonly SweepFigures _figures = new();
    private readonly SortedDictionary<string, SweepAggregate> _changed = new(StringComparer.Ordinal);
    private List<MetricPoint> _waiting = [];
    private StorePointsJob? _writing;
    private long _writes;
    private long _uses;

    /// <param name="context">Shared by all actors of this life of the coordinator.</param>
    /// <param name="marks">The newest mark of each worker in the store.</param>
    public MetricsActor(CoordinatorContext context, IEnumerable<PointMark> marks)
    {
        _context = context;
        foreach (var mark in marks) Remember(new PointStream(mark.Worker, mark.Incarnation, mark.UpTo));
    }

    /// <inheritdoc/>
    public void Receive(ActorId sender, Message message, Instant now, Effects effects)
    {
        switch (message)
        {
            case Signal.JobFailed { Job: StorePointsJob job }: effects.Wake(WriteAgainAfter, new MetricsMessage.WriteDue(job.Write)); break;
            case Signal.Terminated gone: _observers.Remove(gone.Actor); break;
            case Signal: break;
            case MetricsMessage.PointBatch batch: Take(batch, effects); break;
            case MetricsMessage.PointsStored stored: Acknowledge(stored, effects); break;
            case MetricsMessage.WriteDue due: WriteAgain(due.Write, effects); break;
            case MetricsMessage.Subscribe subscribe: Subscribe(subscribe.Observer, effects); break;
            default: throw new UnreachableException($"No rule for {message.GetType().Name}.");
        }
    }

    private void Take(MetricsMessage.PointBatch batch, Effects effects)
    {
        var stream = StreamOf(batch);
        if (batch.FirstSequence <= stream.StoredUpTo)
        {
            TellAccepted(stream.Worker, stream.Incarnation, stream.StoredUpTo, effects); // The first acknowledgement was lost.
            return;
        }

        if (_waiting.Count >= WaitingMax) return;
        foreach (var fresh in stream.Take(batch))
        {
            _waiting.AddRange(fresh.Points);
            if (!_touched.Contains(stream)) _touched.Add(stream);
            if (fresh.Thinned > 0 && fresh.Points.Count > 0) Note(_figures.AddThinned(fresh.Points[0].Trial.Sweep, fresh.Thinned));
        }

        Write(effects);
    }

    private PointStream StreamOf(MetricsMessage.PointBatch batch)
    {
        var stream = _streams.GetValueOrDefault((batch.Worker, batch.Incarnation)) ?? new PointStream(batch.Worker, batch.Incarnation, batch.DurableUpTo);
        stream.SkipTo(batch.DurableUpTo);
        Remember(stream);
        return stream;
    }

    private void Remember(PointStream stream)
    {
        _byUse.Remove(stream.LastUse);
        stream.LastUse = ++_uses;
        _streams[(stream.Worker, stream.Incarnation)] = stream;
        _byUse.Add(stream.LastUse, stream);
        if (_streams.Count <= StreamsMax) return;
        var (use, silent) = _byUse.First();
        _byUse.Remove(use);
        _streams.Remove((silent.Worker, silent.Incarnation));
    }

    private void Write(Effects effects)
    {
        if (_writing is not null || _touched.Count == 0) return;
        _writing = new StorePointsJob(++_writes, _waiting.ToValueList(), _touched.Select(stream => stream.Mark).ToValueList());
        _waiting = [];
        _touched.Clear();
        effects.Run(_writing);
    }

    private void WriteAgain(long write, Effects effects)
    {
        if (_writing?.Write == write) effects.Run(_writing);
    }

    private void Acknowledge(MetricsMessage.PointsStored stored, Effects effects)
    {
        if (_writing is not { } written || written.Write != stored.Write) return;
        _writing = null;
        foreach (var mark in written.Marks)
        {
            if (_streams.GetValueOrDefault((mark.Worker, mark.Incarnation)) is { } stream) stream.StoredUpTo = Math.Max(stream.StoredUpTo, mark.UpTo);
            TellAccepted(mark.Worker, mark.Incarnation, mark.UpTo, effects);
        }

        Publish(stored.Fresh, effects); // What a new rank 0 publishes again is in the store already, and in the figures.
        Write(effects);
    }

    private void TellAccepted(NodeId worker, ulong incarnation, long upTo, Effects effects) =>
        effects.Send(Addresses.Outbox(worker), new OutboxMessage.PointsAccepted(_context.Term, incarnation, upTo));

    private void Publish(ValueList<MetricPoint> points, Effects effects)
    {
        foreach (var point in points) Note(_figures.Add(point));
        if (points.Count > 0) Tell(new ObserverMessage.PointsRecorded(points), effects);
        if (_changed.Count > 0) Tell(new ObserverMessage.AggregatesChanged(_changed.Values.ToValueList()), effects);
        _changed.Clear();
    }

    private void Note(SweepAggregate figures) => _changed[figures.Sweep.Value] = figures;

    private void Tell(ObserverMessage news, Effects effects)
    {
        _context.Tell(news, effects);
        foreach (var observer in _observers) effects.Send(observer, news);
    }

    private void Subscribe(ActorId observer, Effects effects)
    {
        if (_observers.Contains(observer) || _observers.Count >= ObserversMax) return;
        _observers.Add(observer);
        effects.Watch(observer);
    }
}
