using Vae.Coordinator.Actors;
using Vae.Shared;
using Vae.Shared.Messages;
using static Vae.Tests.Simulation.Host.Rule;

namespace Vae.Tests.Simulation.Trainer;

/// <summary>The points table of a run: what survives crashes. A reading that comes twice is stored once, and breaks I8 when it is not the same.</summary>
internal sealed class PointTable
{
    private readonly Dictionary<(TrialId Trial, int Attempt, long Step, bool IsStep), MetricPoint> _points = [];
    private readonly HashSet<(TrialId, long)> _steps = [];
    private readonly SortedDictionary<string, PointMark> _marks = new(StringComparer.Ordinal);
    private readonly Dictionary<(NodeId, ulong), long> _stored = [];

    public int Count => _points.Count;

    public IReadOnlyList<PointMark> Marks => [.. _marks.Values];

    /// <summary>Readings that came a second time: told again by another rank 0.</summary>
    public long Doubles { get; private set; }

    /// <summary>Whether some attempt's reading of that step is there.</summary>
    public bool HasStep(TrialId trial, long step) => _steps.Contains((trial, step));

    /// <summary>Whether all of a stream up to there is durable.</summary>
    public bool IsStored(NodeId worker, ulong incarnation, long upTo) => _stored.GetValueOrDefault((worker, incarnation)) >= upTo;

    public void Write(StorePointsJob job)
    {
        foreach (var point in job.Points)
        {
            var key = (point.Trial, point.Attempt.Value, point.Step.Value, point is MetricPoint.TrainStep);
            if (_points.TryAdd(key, point))
            {
                if (key.Item4) _steps.Add((point.Trial, point.Step.Value));
                continue;
            }

            Doubles++;
            Require(_points[key].Equals(point), $"I8: {point} is stored as {_points[key]}");
        }

        foreach (var mark in job.Marks)
        {
            var before = _marks.GetValueOrDefault(mark.Worker.Value);
            Require(before is null || before.Incarnation != mark.Incarnation || before.UpTo <= mark.UpTo, $"I8: {mark} goes back from {before}");
            _marks[mark.Worker.Value] = mark;
            _stored[(mark.Worker, mark.Incarnation)] = Math.Max(mark.UpTo, _stored.GetValueOrDefault((mark.Worker, mark.Incarnation)));
        }
    }
}
