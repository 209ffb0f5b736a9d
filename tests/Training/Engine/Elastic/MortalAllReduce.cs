using Vae.Worker.Collectives;

namespace Vae.Tests.Training.Engine.Elastic;

/// <summary>Where in a sum a rank is lost.</summary>
internal enum Death
{
    /// <summary>Before it has sent a byte of the sum.</summary>
    Before,

    /// <summary>At whatever point of the sum it is after some microseconds.</summary>
    During,

    /// <summary>After the sum, before the act is applied: others may have applied it.</summary>
    After,
}

/// <summary>Thrown on the thread of a rank that dies. Its sockets are closed without a word, as the kernel closes those of a killed process.</summary>
internal sealed class RankDiedException : Exception;

/// <summary>The ring of a rank that may die in a certain sum.</summary>
internal sealed class MortalAllReduce(IAllReduce ring) : ICompressingAllReduce
{
    private int _sums;

    /// <summary>The sum in which it dies, from 1; 0: never.</summary>
    public int DiesAt { get; init; }

    /// <summary>Where in that sum.</summary>
    public Death Death { get; init; }

    /// <summary>How long it lives into a sum in which it dies <see cref="Death.During"/>.</summary>
    public int Microseconds { get; init; }

    public int Rank => ring.Rank;

    public int WorldSize => ring.WorldSize;

    public string Engine => ring.Engine;

    public AllReduceStatistics Statistics => ring.Statistics;

    public void AllReduce(Span<float> buffer, long step, int bucket)
    {
        using var timer = Begin();
        try
        {
            ring.AllReduce(buffer, step, bucket);
        }
        catch (AllReduceAbortedException) when (_sums == DiesAt)
        {
            // It counts as dead below.
        }

        End();
    }

    public void AllReduce(Span<float> buffer, Span<float> residual, long step, int bucket)
    {
        using var timer = Begin();
        try
        {
            ((ICompressingAllReduce)ring).AllReduce(buffer, residual, step, bucket);
        }
        catch (AllReduceAbortedException) when (_sums == DiesAt)
        {
            // It counts as dead below.
        }

        End();
    }

    public void Abort(string reason) => ring.Abort(reason);

    public void Dispose() => ring.Dispose();

    private Timer? Begin()
    {
        _sums++;
        if (_sums != DiesAt) return null;
        if (Death == Death.Before) Die();
        return Death == Death.During ? new Timer(_ => ring.Abort("the rank dies"), null, TimeSpan.FromMicroseconds(Microseconds), Timeout.InfiniteTimeSpan) : null;
    }

    private void End()
    {
        if (_sums == DiesAt) Die();
    }

    private void Die()
    {
        ring.Dispose();
        throw new RankDiedException();
    }
}
