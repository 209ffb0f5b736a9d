using System.Diagnostics;
using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Determinism;
using Vae.Shared.Messages;

namespace Vae.Worker.Actors;

/// <summary>
/// Gets every point of this worker to the coordinator, once and in order, over a network that loses, repeats and goes away. Points are gathered for
/// <see cref="FlushEvery"/>, or for <see cref="FlushSoon"/> once an evaluation is among them, sent in batches, kept until they are acknowledged as durable, and sent again when no acknowledgement comes. While the coordinator is
/// away training goes on, and what cannot be kept is thinned and counted.
/// </summary>
/// <param name="worker">The worker.</param>
/// <param name="incarnation">Its process.</param>
/// <param name="pointsMax">Points kept while nobody takes them, 1,000 or more. Default 100,000: some 10 MB, several minutes of fast steps.</param>
public sealed class MetricsOutbox(NodeId worker, ulong incarnation, int pointsMax = 100_000) : IActor
{
    /// <summary>How long points are gathered before they are sent.</summary>
    public static readonly TimeSpan FlushEvery = TimeSpan.FromMilliseconds(200);

    /// <summary>How long an evaluation waits for others to travel with: it often is the last point of a trial, and who waits for the trial's curves waits for it.</summary>
    public static readonly TimeSpan FlushSoon = TimeSpan.FromMilliseconds(10);

    /// <summary>Batches are sent again after this time without any acknowledgement.</summary>
    public static readonly TimeSpan ResendAfter = TimeSpan.FromSeconds(2);

    /// <summary>Batches on the way at once; the receiver keeps no more early ones than that.</summary>
    public const int InFlightMax = 16;

    private readonly PointBuffer _buffer = new(pointsMax);
    private readonly List<(long UpTo, OutboxMessage.AwaitDurable Wait)> _waits = []; // A few of each replica: it tells of two checkpoints at most.
    private long _sentUpTo;
    private Instant _lastProgress;
    private Term _term = new(0);
    private bool _tellWhenEmpty;
    private bool _timerRuns;
    private bool _timerEndsSoon;
    private long _timer;

    /// <summary>Points held; never more than the bound and one batch.</summary>
    public int Held => _buffer.Count;

    /// <summary>Points dropped over the life of the worker.</summary>
    public long ThinnedTotal => _buffer.ThinnedTotal;

    /// <inheritdoc/>
    public void Receive(ActorId sender, Message message, Instant now, Effects effects)
    {
        switch (message)
        {
            case Signal: break;
            case OutboxMessage.AddPoints add: Add(add.Points, effects); break;
            case OutboxMessage.PointsAccepted accepted: Accept(accepted, now, effects); break;
            case OutboxMessage.FlushDue due when due.Number == _timer: Flush(now, effects); break;
            case OutboxMessage.FlushDue: break;
            case OutboxMessage.AwaitDurable wait: Await(wait, effects); break;
            case OutboxMessage.FlushNow: FlushNow(now, effects); break;
            default: throw new UnreachableException($"No rule for {message.GetType().Name}.");
        }

        if (!_buffer.IsEmpty && !_timerRuns) StartTimer(FlushEvery, effects); // An idle worker has no timer at all.
    }

    private void Add(ValueList<MetricPoint> points, Effects effects)
    {
        _buffer.Add(points);
        if (points.Any(point => point is MetricPoint.Evaluation)) FlushBeforeLong(effects);
    }

    // A timer that ends soon is not put off.
    private void FlushBeforeLong(Effects effects)
    {
        if (!_timerRuns || !_timerEndsSoon) StartTimer(FlushSoon, effects);
    }

    private void Await(OutboxMessage.AwaitDurable wait, Effects effects)
    {
        _waits.RemoveAll(known => known.Wait == wait);
        _waits.Add((_buffer.LastSequence, wait));
        TellDurable(effects);
        if (_waits.Count > 0) FlushBeforeLong(effects);
    }

    private void TellDurable(Effects effects)
    {
        foreach (var (_, wait) in _waits.FindAll(known => known.UpTo <= _buffer.DurableUpTo)) effects.Send(wait.Replica, new ReplicaMessage.PointsDurable(wait.Position));
        _waits.RemoveAll(known => known.UpTo <= _buffer.DurableUpTo);
    }

    private void StartTimer(TimeSpan wait, Effects effects)
    {
        (_timerRuns, _timerEndsSoon) = (true, wait == FlushSoon);
        effects.Wake(wait, new OutboxMessage.FlushDue(++_timer));
    }

    private void Flush(Instant now, Effects effects)
    {
        _timerRuns = false;
        _buffer.Cut();
        if (now - _lastProgress >= ResendAfter) _sentUpTo = 0;
        SendUnsent(now, effects);
    }

    // After a reconnect or before leaving: do not wait for the resend time.
    private void FlushNow(Instant now, Effects effects)
    {
        _buffer.Cut();
        _sentUpTo = 0;
        _tellWhenEmpty = true;
        SendUnsent(now, effects);
        TellWhenEmpty(effects);
    }

    private void SendUnsent(Instant now, Effects effects)
    {
        var inFlight = 0;
        foreach (var batch in _buffer.Batches)
        {
            if (++inFlight > InFlightMax) return;
            if (batch.First <= _sentUpTo) continue;
            if (inFlight == 1) _lastProgress = now; // The clock of the resend starts with the oldest.
            effects.Send(Addresses.Metrics, new MetricsMessage.PointBatch(worker, incarnation, batch.First, batch.Thinned, batch.Points, _buffer.DurableUpTo));
            _sentUpTo = batch.First;
        }
    }

    private void Accept(OutboxMessage.PointsAccepted accepted, Instant now, Effects effects)
    {
        if (accepted.Incarnation != incarnation || accepted.Term.Value < _term.Value) return;
        _term = accepted.Term;
        if (!_buffer.Accept(accepted.UpTo)) return;
        _lastProgress = now;
        SendUnsent(now, effects);
        TellDurable(effects);
        TellWhenEmpty(effects);
    }

    private void TellWhenEmpty(Effects effects)
    {
        if (!_tellWhenEmpty || !_buffer.IsEmpty) return;
        _tellWhenEmpty = false;
        effects.Send(Addresses.Agent(worker), new AgentMessage.OutboxDrained());
    }
}
