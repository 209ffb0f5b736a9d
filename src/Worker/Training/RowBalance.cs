using Vae.Shared.Datasets;
using Vae.Worker.Collectives;

namespace Vae.Worker.Training;

/// <summary>
/// How the rows of a step are shared among the ranks. A step ends when the slowest rank has ended, so a rank that is slow for long gets fewer rows, until
/// all take the same time. Gradients are sums over rows and noise belongs to the row, so who computes a row changes nothing but the order of additions.
/// <para>
/// At the end of a window of steps, about as many as fit into <see cref="PeriodSeconds"/>, the ranks sum up a list with one place for each of them, so that all see
/// the same times and come to the same shares at the same step. The times are means, not medians: a worker that is stopped for a while every now and then has ordinary steps in between.
/// Against mere disturbances stand the length of a period (at least <see cref="PeriodSeconds"/>), and that the same rank must be behind by more than
/// <see cref="ActAbove"/> for <see cref="PeriodsToAct"/> of them. So machines that are alike keep equal parts, and a run on them repeats bit by bit.
/// </para>
/// </summary>
public sealed class RowBalance
{
    /// <summary>Fewest steps between two exchanges of times, and what the first exchange comes after.</summary>
    public const int WindowStepsMin = 8;

    /// <summary>Most steps between two exchanges of times.</summary>
    public const int WindowStepsMax = 256;

    /// <summary>Least length of a period, in seconds of the slowest rank's work.</summary>
    public const double PeriodSeconds = 1;

    /// <summary>Slowest over fastest: equal parts stay equal up to this.</summary>
    public const double ActAbove = 1.25;

    /// <summary>Slowest over fastest: parts that are unequal already stay as they are up to this.</summary>
    public const double CorrectAbove = 1.08;

    /// <summary>Slowest over fastest: once shares are being changed, they are until it has come down to this.</summary>
    public const double SettleBelow = 1.03;

    /// <summary>Periods in a row in which the same rank must be the slowest before anything is changed.</summary>
    public const int PeriodsToAct = 3;

    private const double Damping = 0.7; // Of the way to the shares that the last period calls for; the rest waits for the next period's word.
    private const double EvenWithin = 0.05; // Shares this close to equal ones become equal: the plain case is worth returning to.
    private const int WeightsTotal = 1 << 20; // Fine enough to place single rows of any batch.

    private readonly int _batch;
    private readonly bool _fixed;
    private readonly double[] _shares;
    private readonly int[] _weights;
    private readonly float[] _window;
    private readonly double[] _period;
    private readonly double[] _slowdowns; // Of each rank in the last periods, one period after the other.
    private double _windowSeconds;
    private int _steps;
    private int _windowSteps = WindowStepsMin;
    private int _slowest = -1;
    private int _periodsUneven;

    /// <param name="worldSize">Ranks, at least 1.</param>
    /// <param name="batch">Rows of a full step over all ranks.</param>
    /// <param name="even">True: equal parts for ever, and no times are exchanged.</param>
    public RowBalance(int worldSize, int batch, bool even = false)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(worldSize, 1);
        _batch = batch;
        _fixed = even || worldSize == 1 || batch < 2 * worldSize; // With hardly a row for each there is nothing to share.
        _shares = new double[worldSize];
        _weights = new int[worldSize];
        _window = new float[worldSize];
        _period = new double[worldSize];
        _slowdowns = new double[worldSize * PeriodsToAct];
        Array.Fill(_slowdowns, 1);
        Array.Fill(_shares, 1.0 / worldSize);
    }

    /// <summary>Equal parts, as at the beginning.</summary>
    public bool IsEven { get; private set; } = true;

    /// <summary>Shares are on their way to new values.</summary>
    public bool Adjusting { get; private set; }

    /// <summary>Share of the rows for each rank; they add up to 1.</summary>
    public ReadOnlySpan<double> Shares => _shares;

    /// <summary>Periods that were compared.</summary>
    public long Periods { get; private set; }

    /// <summary>
    /// How many times as long as the mean of the others a rank takes for a row, whatever its share is: the least of the last <see cref="PeriodsToAct"/> periods, so what lasts and not what passes by. 1 while too few were compared.
    /// </summary>
    public double SlowdownOf(int rank)
    {
        var least = double.PositiveInfinity;
        for (var period = 0; period < PeriodsToAct; period++) least = Math.Min(least, _slowdowns[(period * _shares.Length) + rank]);
        return Periods < PeriodsToAct ? 1 : least;
    }

    /// <summary>The part of <paramref name="count"/> rows that <paramref name="rank"/> takes; the parts of all ranks tile the rows.</summary>
    public RowRange Split(int count, int rank) =>
        IsEven ? BatchPlan.Split(count, rank, _shares.Length) : BatchPlan.Split(count, rank, _weights);

    /// <summary>
    /// A step was applied. At the end of a window this is a small all-reduce, so all ranks must call it after the same steps. Allocates nothing.
    /// </summary>
    /// <param name="allReduce">The ring; no other all-reduce may run.</param>
    /// <param name="step">The update.</param>
    /// <param name="bucket">A bucket number that nothing else of this step uses.</param>
    /// <param name="busySeconds">What this rank spent on the step, without waiting for others.</param>
    /// <returns>True when the shares have changed; the next step uses the new ones.</returns>
    /// <exception cref="AllReduceException">A peer is gone or silent.</exception>
    public bool StepDone(IAllReduce allReduce, long step, int bucket, double busySeconds)
    {
        if (_fixed) return false;
        _windowSeconds += busySeconds;
        if (++_steps < _windowSteps) return false;
        Array.Clear(_window);
        _window[allReduce.Rank] = (float)_windowSeconds;
        (_windowSeconds, _steps) = (0, 0);
        allReduce.AllReduce(_window, step, bucket);
        return WindowDone(_window);
    }

    /// <summary>Takes in what each rank spent on the last window, in seconds: the same numbers on every rank.</summary>
    /// <returns>True when the shares have changed.</returns>
    internal bool WindowDone(ReadOnlySpan<float> seconds)
    {
        var slowest = 0f;
        for (var rank = 0; rank < _period.Length; rank++)
        {
            _period[rank] += seconds[rank];
            slowest = Math.Max(slowest, seconds[rank]);
        }

        // From numbers that all ranks have, so that their windows end together.
        var stepsOfPeriod = PeriodSeconds * _windowSteps / slowest;
        _windowSteps = stepsOfPeriod < WindowStepsMax ? Math.Max((int)stepsOfPeriod, WindowStepsMin) : WindowStepsMax;
        if (_period.Max() < PeriodSeconds) return false;
        var changed = PeriodDone();
        Array.Clear(_period);
        return changed;
    }

    private bool PeriodDone()
    {
        var (slowest, imbalance) = (Array.IndexOf(_period, _period.Max()), _period.Max() / _period.Min());
        if (!double.IsFinite(imbalance)) return false; // A rank that measured nothing, or nonsense.
        Compare();
        if (Adjusting)
        {
            Adjusting = imbalance > SettleBelow;
        }
        else
        {
            _periodsUneven = imbalance <= (IsEven ? ActAbove : CorrectAbove) ? 0 : slowest == _slowest ? _periodsUneven + 1 : 1;
            Adjusting = _periodsUneven >= PeriodsToAct;
        }

        _slowest = slowest;
        if (!Adjusting) return false;
        _periodsUneven = 0;
        Adjust();
        return true;
    }

    private void Compare()
    {
        var perRow = 0.0;
        for (var rank = 0; rank < _shares.Length; rank++) perRow += _period[rank] / _shares[rank];
        var at = (int)(Periods++ % PeriodsToAct) * _shares.Length;
        for (var rank = 0; rank < _shares.Length; rank++)
        {
            var own = _period[rank] / _shares[rank];
            _slowdowns[at + rank] = own * (_shares.Length - 1) / (perRow - own);
        }
    }

    // Only additions, products and quotients: they give the same bits on any processor, so ranks of different make agree.
    private void Adjust()
    {
        var speeds = 0.0;
        for (var rank = 0; rank < _shares.Length; rank++) speeds += _shares[rank] / _period[rank];
        for (var rank = 0; rank < _shares.Length; rank++)
        {
            var due = _shares[rank] / _period[rank] / speeds;
            _shares[rank] += Damping * (due - _shares[rank]);
        }

        KeepOneRow();
        IsEven = _shares.Max() * _shares.Length < 1 + EvenWithin && _shares.Min() * _shares.Length > 1 - EvenWithin;
        if (IsEven) Array.Fill(_shares, 1.0 / _shares.Length);
        for (var rank = 0; rank < _weights.Length; rank++) _weights[rank] = (int)(_shares[rank] * WeightsTotal) + 1;
    }

    // Every rank keeps at least a row of a full batch, or it could never show that it has become faster.
    private void KeepOneRow()
    {
        var least = 1.0 / _batch + (double)(_shares.Length + 1) / WeightsTotal;
        double given = 0, taken = 0;
        foreach (var share in _shares)
        {
            if (share < least) given += least - share;
            else taken += share - least;
        }

        for (var rank = 0; rank < _shares.Length; rank++)
        {
            _shares[rank] = _shares[rank] < least ? least : _shares[rank] - ((_shares[rank] - least) * given / taken);
        }
    }
}
