using Vae.Shared.Actors;
using Vae.Shared.Determinism;
using Vae.Shared.Messages;

namespace Vae.Runtime.Actors;

/// <summary>Settings of one actor system.</summary>
public sealed record ActorSystemOptions
{
    /// <summary>Messages that wait for one actor before senders feel it, 1 to 1,000,000. Default 10,000. Signals, timers and job answers are never refused.</summary>
    public int MailboxCapacity
    {
        get;
        init => field = value is >= 1 and <= 1_000_000 ? value : throw new ArgumentOutOfRangeException(nameof(value), value, "1 to 1,000,000.");
    } = 10_000;

    /// <summary>How long a connection waits for room in a mailbox before it is closed. Default 5 s, which is under the 10 s in which a peer is thought dead.</summary>
    public TimeSpan RemotePatience { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Longest wait for actors to stop. Default 10 s.</summary>
    public TimeSpan StopDeadline { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Folder of the report that a broken invariant leaves behind. Default: the system's folder for temporary files.</summary>
    public string ReportDirectory { get; init; } = Path.GetTempPath();

    /// <summary>Called with a broken invariant and the path of its report. Default: end the process, because going on would train on bad state.</summary>
    public Action<InvariantException, string> OnBrokenInvariant { get; init; } = static (broken, report) =>
        Environment.FailFast($"{broken.Message} A report is in {report}. This is a defect of this program; please report it.");

    /// <summary>The stream that a fact belongs to. Default: a sweep's facts belong to the sweep, all others to the actor that wrote them.</summary>
    public Func<ActorId, DomainEvent, string> StreamOf { get; init; } = static (author, fact) =>
        fact is SweepEvent sweepEvent ? sweepEvent.Sweep.Value : author.Name;
}
