using Vae.Worker.Collectives;

namespace Vae.Worker.Training;

/// <summary>
/// Which link of a ring holds the gang up. A step takes as long as its slowest link, so what counts is how much longer it takes than with a link like the others: a link is named with the ratio of the
/// two. The others are its like in gangs of three and more, in the middle, so that a network that is slow everywhere blames nobody; with two members there is no other, and a link is compared with an ordinary one.
/// <para>
/// Of each link the best of its last <see cref="PeriodsToAct"/> measurements counts: a disturbed link or a peer that is stopped now and then makes single measurements worse, and none better.
/// </para>
/// </summary>
public sealed class LinkCosts
{
    /// <summary>Measurements that a link must be slow in, one after the other, before it is named.</summary>
    public const int PeriodsToAct = 3;

    /// <summary>What two members' link is compared with: a millisecond there and back, and 1 Gbit/s.</summary>
    public static readonly LinkReading Ordinary = new(1e-3, 110e6);

    /// <summary>No ratio is greater: what a link costs is estimated from its readings, and more than nearly all of a step it cannot be.</summary>
    public const double SlowdownMax = 20;

    private readonly LinkReading[] _readings; // Of each link in the last periods, one period after the other.
    private readonly double[] _costs;
    private readonly double[] _sorted;
    private readonly double[] _slowdowns;
    private readonly int _worldSize;

    /// <param name="worldSize">Ranks, at least 2. Link r goes from rank r to its right neighbour.</param>
    public LinkCosts(int worldSize)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(worldSize, 2);
        _worldSize = worldSize;
        _readings = new LinkReading[worldSize * PeriodsToAct];
        (_costs, _sorted, _slowdowns) = (new double[worldSize], new double[worldSize - 1], new double[worldSize]);
        Array.Fill(_slowdowns, 1);
    }

    /// <summary>Measurements so far.</summary>
    public long Periods { get; private set; }

    /// <summary>How many times as long a step takes as it would with this link like the others, 1 to <see cref="SlowdownMax"/>; 1 while too little is measured.</summary>
    public double SlowdownOf(int link) => _slowdowns[link];

    /// <summary>The best of a link's last measurements.</summary>
    public LinkReading ReadingOf(int link)
    {
        var best = _readings[link];
        for (var at = link + _worldSize; at < _readings.Length; at += _worldSize)
            best = new(Math.Min(best.RoundTripSeconds, _readings[at].RoundTripSeconds), Math.Max(best.BytesPerSecond, _readings[at].BytesPerSecond));
        return best;
    }

    /// <summary>Takes in what was measured on each link: the same numbers on every rank.</summary>
    /// <param name="readings">One for each link.</param>
    /// <param name="use">What a step asks of a link, and how long it takes.</param>
    public void PeriodDone(ReadOnlySpan<LinkReading> readings, LinkUse use)
    {
        readings.CopyTo(_readings.AsSpan((int)(Periods % PeriodsToAct) * _worldSize));
        if (++Periods < PeriodsToAct) return;
        for (var link = 0; link < _worldSize; link++) _costs[link] = use.SecondsOver(ReadingOf(link));
        for (var link = 0; link < _worldSize; link++)
        {
            var like = _worldSize == 2 ? use.SecondsOver(Ordinary) : OthersInTheMiddle(link);
            var without = use.StepSeconds - Math.Max(0, _costs[link] - like);
            _slowdowns[link] = without * SlowdownMax > use.StepSeconds ? use.StepSeconds / without : double.IsFinite(use.StepSeconds) && use.StepSeconds > 0 ? SlowdownMax : 1;
        }
    }

    // The lower of two in the middle: of a gang of three, both links of a member with a bad network are slow.
    private double OthersInTheMiddle(int link)
    {
        var count = 0;
        for (var other = 0; other < _worldSize; other++)
        {
            if (other != link) _sorted[count++] = _costs[other];
        }

        Array.Sort(_sorted);
        return _sorted[(count - 1) / 2];
    }
}

/// <summary>What a step asks of each link of the ring.</summary>
/// <param name="StepSeconds">How long a step takes, all told.</param>
/// <param name="Sums">All-reduces of a step. Each waits for the way over a link at least once: small ones go round the circle once, larger ones twice, piece by piece. What is estimated is the least, so that a link is rather named too late.</param>
/// <param name="Bytes">Bytes of a step that pass over a link.</param>
public readonly record struct LinkUse(double StepSeconds, double Sums, double Bytes)
{
    /// <summary>How long a step needs a link for.</summary>
    public double SecondsOver(LinkReading link) => (Sums * link.RoundTripSeconds / 2) + (Bytes / link.BytesPerSecond);
}
