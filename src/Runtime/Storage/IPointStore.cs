using Vae.Shared;
using Vae.Shared.Messages;

namespace Vae.Runtime.Storage;

/// <summary>Reads the curves of trials; may be open while another process writes. All methods throw <see cref="StoreException"/> when the store cannot be read.</summary>
public interface IPointReader
{
    /// <summary>The attempts of a trial that have points, in order.</summary>
    IReadOnlyList<Attempt> ReadAttempts(TrialId trial);

    /// <summary>The training curve in step order. A curve of more than <paramref name="pointsMax"/> points is thinned: of each run of steps the
    /// lowest and the highest loss remain, and always the first and the last point, so that spikes and the end stay visible.</summary>
    /// <param name="trial">The trial.</param>
    /// <param name="attempt">Points of other attempts are kept apart.</param>
    /// <param name="pointsMax">At least 4.</param>
    /// <param name="damaged">Hears of points that are not what was written, and are left out. Null: the first of them is an exception.</param>
    IReadOnlyList<MetricPoint.TrainStep> ReadTrainSteps(TrialId trial, Attempt attempt, int pointsMax = 2_000, Action<DamagedPoint>? damaged = null);

    /// <summary>The evaluations in order of epochs; all of them.</summary>
    /// <param name="trial">The trial.</param>
    /// <param name="attempt">Points of other attempts are kept apart.</param>
    /// <param name="damaged">As above.</param>
    IReadOnlyList<MetricPoint.Evaluation> ReadEpochs(TrialId trial, Attempt attempt, Action<DamagedPoint>? damaged = null);

    /// <summary>The steps that lack between the first and the last point of the training curve, in order: every step gives a point, so these were thinned by a worker
    /// whose coordinator was away for too long. At most <paramref name="gapsMax"/> of them, the first ones.</summary>
    IReadOnlyList<CurveGap> ReadGaps(TrialId trial, Attempt attempt, int gapsMax = 1_000);
}

/// <summary>Durable metric points. A point that is there already is left as it is, so sending one again costs nothing but time.</summary>
public interface IPointStore : IPointReader
{
    /// <summary>Stores all points and marks or none; the task ends when they are synced to the disk.</summary>
    /// <param name="points">A point that is there already is left as it is.</param>
    /// <param name="marks">How far the workers' streams are durable with these points; each replaces its worker's last one. Null for none.</param>
    /// <returns>The points that were new, in order.</returns>
    /// <exception cref="StaleTermException">A newer coordinator has taken over; nothing was written.</exception>
    /// <exception cref="StoreException">The store cannot take the points and will not either; its text is fit for a user.</exception>
    Task<IReadOnlyList<MetricPoint>> StoreAsync(IReadOnlyList<MetricPoint> points, IReadOnlyList<PointMark>? marks = null);

    /// <summary>The newest mark of each worker, in order of names.</summary>
    IReadOnlyList<PointMark> ReadMarks();
}
