namespace Vae.Shared.Messages;

/// <summary>What a worker is there for at present.</summary>
public enum WorkerStanding
{
    /// <summary>All its lanes are free.</summary>
    Idle,

    /// <summary>Some of its lanes are in use.</summary>
    Busy,

    /// <summary>It was told to leave and gets nothing more to do.</summary>
    Leaving,

    /// <summary>Attempts on it failed that do not fail elsewhere: it gets nothing to do for a while.</summary>
    Quarantined,
}

/// <summary>A pack on a worker.</summary>
/// <param name="Pack">The pack.</param>
/// <param name="Attempt">Its attempt.</param>
/// <param name="Lanes">Lanes of the worker that it takes up.</param>
/// <param name="Stopping">It is to stop, and the worker has not yet said that it has.</param>
public sealed record PackOnWorker(PackId Pack, Attempt Attempt, int Lanes, bool Stopping);

/// <summary>A worker as placement sees it.</summary>
/// <param name="Worker">Its name.</param>
/// <param name="Standing">What it is there for.</param>
/// <param name="Lanes">Its lanes.</param>
/// <param name="LanesUsed">Those in use.</param>
/// <param name="Packs">What runs there.</param>
/// <param name="Reason">Why it is quarantined, or what it is suspected of; else empty.</param>
/// <param name="For">How long the quarantine lasts yet; else zero.</param>
/// <param name="FailuresInRow">Failures since its last success that others did not share.</param>
public sealed record WorkerDescription(
    NodeId Worker, WorkerStanding Standing, int Lanes, int LanesUsed, ValueList<PackOnWorker> Packs, string Reason, TimeSpan For, int FailuresInRow);

/// <summary>A worker as the cluster sees it.</summary>
/// <param name="Worker">Its name.</param>
/// <param name="Incarnation">Of its process.</param>
/// <param name="Facts">Its device.</param>
/// <param name="Load">As told with its last heartbeat.</param>
/// <param name="MemberFor">How long it has been a member.</param>
/// <param name="SilentFor">How long ago it was heard of last.</param>
/// <param name="Suspicion">Why its lease was cut short; empty while its connection stands.</param>
/// <param name="LastLines">The last lines of the log of the process before, when that did not end in good order; oldest first.</param>
public sealed record MemberDescription(
    NodeId Worker, ulong Incarnation, DeviceFacts Facts, WorkerLoad Load, TimeSpan MemberFor, TimeSpan SilentFor, string Suspicion, ValueList<string> LastLines);
