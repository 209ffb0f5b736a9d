using Vae.Shared;
using Vae.Shared.Determinism;

namespace Vae.Coordinator.Actors;

/// <summary>How the processes of one worker have fared since its last success.</summary>
internal sealed class Conduct(NodeId worker)
{
    public NodeId Worker { get; } = worker;

    /// <summary>Failures in a row.</summary>
    public int Failures { get; set; }

    /// <summary>Of those, processes that died soon after they had joined.</summary>
    public int EarlyDeaths { get; set; }

    /// <summary>Successes of any worker before the first of the failures.</summary>
    public long ProofsBefore { get; set; }

    /// <summary>Quarantines since the last success.</summary>
    public int Times { get; set; }

    /// <summary>When the present one ends; null while there is none.</summary>
    public Instant? Until { get; set; }

    /// <summary>The last failure, in words.</summary>
    public string Reason { get; set; } = "";

    /// <summary>When that was.</summary>
    public Instant At { get; set; }

    /// <summary>The last process that ended or was given up, how long it had been a member, and why it went; empty when it left on purpose.</summary>
    public (ulong Incarnation, TimeSpan Lived, string Reason) Gone { get; set; }
}

/// <summary>
/// Who gets nothing to do for a while. One bad machine must not eat a sweep: it fails fast, so it is free again at once, and takes the next pack. A worker on which <see cref="FailuresMax"/> attempts
/// in a row failed, while others trained trials to their end, is left out for <see cref="First"/>, and twice as long each time that it fails again, up to <see cref="Longest"/>; so is one whose process dies
/// soon after it has joined, <see cref="EarlyDeathsMax"/> times in a row, if there is another to do the work. After that one failure is enough. A success forgives everything.
/// What all workers share is the trials' fault, and nobody's here. It is forgotten when the coordinator is restarted.
/// </summary>
internal sealed class Quarantine
{
    public const int FailuresMax = 3;
    public const int EarlyDeathsMax = 2;

    /// <summary>A process that dies within this time of joining has died at its start.</summary>
    public static readonly TimeSpan EarlyWithin = TimeSpan.FromSeconds(60);

    public static readonly TimeSpan First = TimeSpan.FromSeconds(30);

    public static readonly TimeSpan Longest = TimeSpan.FromMinutes(10);

    /// <summary>A worker that has not failed for so long is forgotten: so their number stays that of workers.</summary>
    private static readonly TimeSpan ForgetAfter = TimeSpan.FromHours(1);

    private readonly SortedDictionary<string, Conduct> _conducts = new(StringComparer.Ordinal);
    private long _proofs;

    public Conduct? Find(NodeId worker) => _conducts.GetValueOrDefault(worker.Value);

    public bool Holds(NodeId worker) => Find(worker)?.Until is not null;

    /// <summary>A gang trained a trial to its end.</summary>
    public void Prove(IEnumerable<NodeId> workers)
    {
        _proofs++;
        foreach (var worker in workers)
        {
            if (Find(worker) is { Until: null }) _conducts.Remove(worker.Value);
        }
    }

    /// <summary>An attempt failed because of it, as it seems.</summary>
    /// <returns>True when it is quarantined for that.</returns>
    public bool Blame(NodeId worker, string reason, bool othersServe, Instant now)
    {
        var conduct = Note(worker, reason, now);
        return conduct.Until is null && othersServe && conduct.Failures >= FailuresMax && _proofs > conduct.ProofsBefore && Begin(conduct, now);
    }

    /// <summary>A process of it went, on purpose or not.</summary>
    public void Gone(NodeId worker, ulong incarnation, TimeSpan lived, bool onPurpose, string reason, Instant now)
    {
        if (onPurpose && Find(worker) is null) return;
        var conduct = Find(worker) ?? Add(worker, now);
        conduct.Gone = onPurpose ? default : (incarnation, lived, reason);
    }

    /// <summary>A process of it has joined. Only now is it known that the one before died, and was not merely cut off.</summary>
    /// <returns>True when it is quarantined for that.</returns>
    public bool Joined(NodeId worker, ulong incarnation, bool othersServe, Instant now)
    {
        if (Find(worker) is not { Gone: { Incarnation: > 0 } gone } conduct) return false;
        conduct.Gone = default;
        if (gone.Incarnation == incarnation || gone.Lived >= EarlyWithin) return false;
        Note(worker, $"its process died {gone.Lived.TotalSeconds:0} s after it had joined: {gone.Reason}", now);
        conduct.EarlyDeaths++;
        return conduct.Until is null && othersServe && conduct.EarlyDeaths >= EarlyDeathsMax && Begin(conduct, now);
    }

    /// <returns>Those whose quarantine is over now.</returns>
    public List<Conduct> Release(Instant now)
    {
        List<Conduct> over = [];
        List<string> forgotten = [];
        foreach (var (name, conduct) in _conducts)
        {
            if (conduct.Until is { } until && until <= now) over.Add(conduct);
            else if (conduct.Until is null && conduct.At + ForgetAfter <= now) forgotten.Add(name);
        }

        foreach (var conduct in over) (conduct.Until, conduct.Failures, conduct.EarlyDeaths) = (null, FailuresMax - 1, EarlyDeathsMax - 1); // One more is enough.
        foreach (var name in forgotten) _conducts.Remove(name);
        return over;
    }

    private Conduct Note(NodeId worker, string reason, Instant now)
    {
        var conduct = Find(worker) ?? Add(worker, now);
        if (conduct.Failures == 0) conduct.ProofsBefore = _proofs;
        conduct.Failures++;
        (conduct.Reason, conduct.At) = (reason, now);
        return conduct;
    }

    private Conduct Add(NodeId worker, Instant now)
    {
        var conduct = new Conduct(worker) { At = now };
        _conducts.Add(worker.Value, conduct);
        return conduct;
    }

    private static bool Begin(Conduct conduct, Instant now)
    {
        var pause = First * Math.Pow(2, Math.Min(conduct.Times, 16));
        conduct.Times++;
        conduct.Until = now + (pause < Longest ? pause : Longest);
        return true;
    }
}
