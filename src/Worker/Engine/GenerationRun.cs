using Vae.Shared;
using Vae.Shared.Messages;
using Vae.Worker.Collectives;

namespace Vae.Worker.Engine;

/// <summary>A generation that ended before its pack did. All state is kept.</summary>
/// <param name="Position">Acts done since the attempt began.</param>
/// <param name="Kind"><see cref="FailureKind.Preempted"/>: it was ordered to halt; <see cref="FailureKind.PeerLost"/>: the ranks could not go on together.</param>
/// <param name="Text">What happened.</param>
/// <param name="Silent">Workers that were waited for in vain, or whose connection ended.</param>
internal sealed record GangHalt(long Position, FailureKind Kind, string Text, ValueList<NodeId> Silent);

/// <summary>One generation while an engine runs it: what an order to halt has to wake, whether it connects, computes, waits for peers or waits for orders.</summary>
internal sealed class GenerationRun(Generation generation) : IAsyncDisposable
{
    private readonly CancellationTokenSource _halt = new();
    private readonly Lock _gate = new();
    private IAllReduce? _allReduce;
    private string? _reason;
    private Task _waking = Task.CompletedTask;
    private bool _over;

    /// <summary>Which.</summary>
    public Generation Generation => generation;

    /// <summary>Cancelled by an order to halt.</summary>
    public CancellationToken Halting => _halt.Token;

    /// <summary>Why it was ordered to halt; null while it was not.</summary>
    public string? Ordered
    {
        get
        {
            lock (_gate) return _reason;
        }
    }

    /// <summary>The ring is up; from now on an order to halt tears it down, so that all other ranks halt too.</summary>
    public void Attach(IAllReduce allReduce)
    {
        lock (_gate)
        {
            _allReduce = allReduce;
            if (_reason is not null) allReduce.Abort(_reason);
        }
    }

    /// <summary>Orders it to halt. Any thread may, any number of times.</summary>
    public void Halt(string reason)
    {
        lock (_gate)
        {
            if (_over || _reason is not null) return;
            _reason = reason;
            _allReduce?.Abort(reason);
            _waking = _halt.CancelAsync(); // Whoever is woken may end this run on the same thread.
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        Task waking;
        lock (_gate) (_over, waking) = (true, _waking);
        await waking;
        _halt.Dispose();
    }
}
