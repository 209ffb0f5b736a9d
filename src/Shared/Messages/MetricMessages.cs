using Vae.Shared.Actors;

namespace Vae.Shared.Messages;

/// <summary>One reading of one trial. Means per sample, in nats.</summary>
public abstract record MetricPoint
{
    private MetricPoint() { }

    /// <summary>The trial.</summary>
    public required TrialId Trial { get; init; }

    /// <summary>The pack attempt that made it; points of an older attempt are kept apart.</summary>
    public required Attempt Attempt { get; init; }

    /// <summary>Updates done when it was taken.</summary>
    public required Step Step { get; init; }

    /// <summary>One training step, over the whole global batch.</summary>
    /// <param name="EpochIndex">From 0.</param>
    /// <param name="Loss">distortion + beta x rate: what is minimised.</param>
    /// <param name="Distortion">-E[log p(x|z)].</param>
    /// <param name="Rate">KL(q(z|x) || p(z)).</param>
    /// <param name="Beta">The weight of the rate at this step, warm-up included.</param>
    /// <param name="Seconds">Wall time of the step.</param>
    public sealed record TrainStep(int EpochIndex, double Loss, double Distortion, double Rate, double Beta, double Seconds) : MetricPoint;

    /// <summary>Held-out evaluation after an epoch.</summary>
    /// <param name="EpochsDone">Epochs done.</param>
    /// <param name="Elbo">At beta = 1.</param>
    /// <param name="Distortion">-E[log p(x|z)].</param>
    /// <param name="Rate">KL(q(z|x) || p(z)).</param>
    /// <param name="ActiveUnits">See <see cref="TrialResult"/>.</param>
    /// <param name="KlPerDimension">The rate by latent dimension.</param>
    /// <param name="TrainLoss">Mean training loss of the epoch.</param>
    /// <param name="Seconds">Wall time since training began.</param>
    public sealed record Evaluation(int EpochsDone, double Elbo, double Distortion, double Rate, int ActiveUnits, ValueList<double> KlPerDimension, double TrainLoss, double Seconds) : MetricPoint
    {
        /// <summary>What the trial's own objective says of the same rows beside the bound, such as <c>perplexity</c> or <c>iwae_bound</c>; most trials have none.</summary>
        public ValueList<NamedFigure> Figures { get; init; } = [];
    }
}

/// <summary>A run of steps without a point: lost, or thinned by a worker whose coordinator was away for too long.</summary>
/// <param name="First">The first step that lacks.</param>
/// <param name="Last">The last one of the run.</param>
public readonly record struct CurveGap(Step First, Step Last)
{
    /// <summary>How many steps lack.</summary>
    public long Steps => Last.Value - First.Value + 1;
}

/// <summary>How far one worker's points are durable: all of its sequences up to and including <paramref name="UpTo"/>.</summary>
public sealed record PointMark(NodeId Worker, ulong Incarnation, long UpTo);

/// <summary>To <c>coordinator/metrics</c>: deduplicates, aggregates, persists, publishes.</summary>
public abstract record MetricsMessage : Message
{
    private MetricsMessage() { }

    /// <summary>
    /// A run of one worker's points. Resent until acknowledged, so duplicates are normal. A batch keeps its range of sequence numbers for ever, even when
    /// points had to be dropped from it: the range is <paramref name="FirstSequence"/> .. FirstSequence + Points.Count + Thinned - 1, so a gap is declared, never silent.
    /// </summary>
    /// <param name="Worker">Who measured.</param>
    /// <param name="Incarnation">Its process; sequences count from 1 in each.</param>
    /// <param name="FirstSequence">Number of the first point.</param>
    /// <param name="Thinned">Points of the range that were dropped because nobody took them for too long.</param>
    /// <param name="Points">The points that are left, in order.</param>
    /// <param name="DurableUpTo">
    /// Everything up to here was acknowledged to this process, 0 for nothing: who has forgotten the stream goes on behind it, and waits for nothing that will never be sent again.
    /// </param>
    public sealed record PointBatch(NodeId Worker, ulong Incarnation, long FirstSequence, int Thinned, ValueList<MetricPoint> Points, long DurableUpTo) : MetricsMessage;

    /// <summary>From the store: the points of write <paramref name="Write"/> are synced.</summary>
    /// <param name="Write">Number of the write.</param>
    /// <param name="Fresh">Those that the store did not hold before, in order. The others were published again by another rank, and count once.</param>
    public sealed record PointsStored(long Write, ValueList<MetricPoint> Fresh) : MetricsMessage;

    /// <summary>Timer: write again what could not be written.</summary>
    public sealed record WriteDue(long Write) : MetricsMessage;

    /// <summary>Tell this actor of every fresh point from now on.</summary>
    public sealed record Subscribe(ActorId Observer) : MetricsMessage;
}

/// <summary>To <c>WORKER/outbox</c>: batches points, keeps an acknowledged tail, resends.</summary>
public abstract record OutboxMessage : Message
{
    private OutboxMessage() { }

    /// <summary>From the engine on this worker.</summary>
    public sealed record AddPoints(ValueList<MetricPoint> Points) : OutboxMessage;

    /// <summary>All points up to and including this sequence are durable.</summary>
    public sealed record PointsAccepted(Term Term, ulong Incarnation, long UpTo) : OutboxMessage;

    /// <summary>Timer.</summary>
    public sealed record FlushDue(long Number) : OutboxMessage;

    /// <summary>From a replica: tell by <see cref="ReplicaMessage.PointsDurable"/> when every point that was given before this is durable; a checkpoint must not be ahead of the curves that lead to it.</summary>
    public sealed record AwaitDurable(ActorId Replica, long Position) : OutboxMessage;

    /// <summary>From the agent: send all that is left now. Answered by <see cref="AgentMessage.OutboxDrained"/> once all of it is durable.</summary>
    public sealed record FlushNow : OutboxMessage;
}
