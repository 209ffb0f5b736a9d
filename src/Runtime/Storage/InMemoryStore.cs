using Vae.Shared;
using Vae.Shared.Messages;

namespace Vae.Runtime.Storage;

/// <summary>A store without a disk, for tests and for runs whose results nobody keeps. Keeps the same promises as long as the process lives.</summary>
public sealed class InMemoryStore : IEventStore, IPointStore
{
    private readonly Content _content;
    private readonly TimeProvider _time;

    /// <summary>What outlives one opening: the disk of the real store.</summary>
    public sealed class Content
    {
        internal Lock Lock { get; } = new();

        internal long Term { get; set; }

        internal List<StoredEvent> Events { get; } = [];

        internal SortedDictionary<string, PointMark> Marks { get; } = new(StringComparer.Ordinal);

        internal SortedDictionary<(string Sweep, int Trial, int Attempt, long Step), MetricPoint.TrainStep> Steps { get; } = [];

        internal SortedDictionary<(string Sweep, int Trial, int Attempt, int Epoch), MetricPoint.Evaluation> Epochs { get; } = [];
    }

    /// <summary>Opens the content and takes the next term.</summary>
    public InMemoryStore(Content content, TimeProvider time)
    {
        (_content, _time) = (content, time);
        lock (content.Lock) Term = new(++content.Term);
    }

    /// <inheritdoc/>
    public Term Term { get; }

    /// <inheritdoc/>
    public Task AppendAsync(IReadOnlyList<NewEvent> batch) => WriteAsync(() =>
    {
        foreach (var added in batch) _content.Events.Add(new(_content.Events.Count + 1, Term, added.Stream, _time.GetUtcNow(), added.Fact));
        return batch.Count;
    });

    /// <inheritdoc/>
    public Task<IReadOnlyList<MetricPoint>> StoreAsync(IReadOnlyList<MetricPoint> points, IReadOnlyList<PointMark>? marks = null) => WriteAsync<IReadOnlyList<MetricPoint>>(() =>
    {
        foreach (var mark in marks ?? []) _content.Marks[mark.Worker.Value] = mark;
        return [.. points.Where(Add)];
    });

    /// <inheritdoc/>
    public IReadOnlyList<PointMark> ReadMarks()
    {
        lock (_content.Lock) return [.. _content.Marks.Values];
    }

    /// <inheritdoc/>
    public IEnumerable<StoredEvent> ReadStream(string stream, long afterSequence = 0) => ReadAll(afterSequence).Where(stored => stored.Stream == stream);

    /// <inheritdoc/>
    public IEnumerable<StoredEvent> ReadAll(long afterSequence = 0, Action<DamagedEvent>? damaged = null)
    {
        lock (_content.Lock) return [.. _content.Events.Where(stored => stored.Sequence > afterSequence)];
    }

    /// <inheritdoc/>
    public IReadOnlyList<Attempt> ReadAttempts(TrialId trial)
    {
        lock (_content.Lock)
        {
            var steps = _content.Steps.Keys.Where(key => (key.Sweep, key.Trial) == (trial.Sweep.Value, trial.Index)).Select(key => key.Attempt);
            var epochs = _content.Epochs.Keys.Where(key => (key.Sweep, key.Trial) == (trial.Sweep.Value, trial.Index)).Select(key => key.Attempt);
            return [.. steps.Union(epochs).Order().Select(attempt => new Attempt(attempt))];
        }
    }

    /// <inheritdoc/>
    public IReadOnlyList<MetricPoint.TrainStep> ReadTrainSteps(TrialId trial, Attempt attempt, int pointsMax = 2_000, Action<DamagedPoint>? damaged = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(pointsMax, 4);
        MetricPoint.TrainStep[] curve;
        lock (_content.Lock) curve = [.. _content.Steps.Values.Where(point => point.Trial == trial && point.Attempt == attempt)];
        if (curve.Length <= pointsMax) return curve;

        var (first, last, buckets) = (curve[0].Step.Value, curve[^1].Step.Value, (pointsMax - 2) / 2);
        return [.. curve.GroupBy(point => (point.Step.Value - first) * buckets / (last - first + 1))
            .SelectMany(IEnumerable<MetricPoint.TrainStep> (bucket) => [bucket.MinBy(Low)!, bucket.MaxBy(High)!])
            .Append(curve[0]).Append(curve[^1]).DistinctBy(point => point.Step).OrderBy(point => point.Step.Value)];

        static double Low(MetricPoint.TrainStep point) => double.IsNaN(point.Loss) ? double.PositiveInfinity : point.Loss;
        static double High(MetricPoint.TrainStep point) => double.IsNaN(point.Loss) ? double.NegativeInfinity : point.Loss;
    }

    /// <inheritdoc/>
    public IReadOnlyList<MetricPoint.Evaluation> ReadEpochs(TrialId trial, Attempt attempt, Action<DamagedPoint>? damaged = null)
    {
        lock (_content.Lock) return [.. _content.Epochs.Values.Where(point => point.Trial == trial && point.Attempt == attempt)];
    }

    /// <inheritdoc/>
    public IReadOnlyList<CurveGap> ReadGaps(TrialId trial, Attempt attempt, int gapsMax = 1_000)
    {
        var gaps = new List<CurveGap>();
        long? before = null;
        foreach (var point in ReadTrainSteps(trial, attempt, int.MaxValue))
        {
            if (before is { } step && point.Step.Value > step + 1 && gaps.Count < gapsMax) gaps.Add(new(new(step + 1), new(point.Step.Value - 1)));
            before = point.Step.Value;
        }

        return gaps;
    }

    private bool Add(MetricPoint point)
    {
        var (sweep, trial, attempt) = (point.Trial.Sweep.Value, point.Trial.Index, point.Attempt.Value);
        return point switch
        {
            MetricPoint.TrainStep step => _content.Steps.TryAdd((sweep, trial, attempt, step.Step.Value), step),
            MetricPoint.Evaluation epoch => _content.Epochs.TryAdd((sweep, trial, attempt, epoch.EpochsDone), epoch),
            _ => throw new InvalidOperationException($"No place for {point.GetType().Name}."),
        };
    }

    private Task<T> WriteAsync<T>(Func<T> write)
    {
        lock (_content.Lock)
        {
            return _content.Term == Term.Value ? Task.FromResult(write()) : Task.FromException<T>(new StaleTermException(new(_content.Term), Term));
        }
    }
}
