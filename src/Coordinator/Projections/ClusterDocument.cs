using System.Text.Json.Serialization;
using Vae.Shared;
using Vae.Shared.Messages;

namespace Vae.Coordinator.Projections;

/// <summary>A pack on a worker.</summary>
/// <param name="Sweep">The sweep.</param>
/// <param name="Pack">Number of the pack in the sweep.</param>
/// <param name="Attempt">Its attempt.</param>
/// <param name="Generation">How often its gang was formed in this attempt; null where the sweep is not known here.</param>
/// <param name="Trials">Trials that it trains now; null where the sweep is not known here.</param>
/// <param name="Lanes">Lanes of the worker that it takes up.</param>
/// <param name="Stopping">It is to stop, and the worker has not yet said that it has.</param>
public sealed record ClusterPack(string Sweep, int Pack, int Attempt, int? Generation, int? Trials, int Lanes, bool Stopping);

/// <summary>A link from a worker to the next of a ring.</summary>
/// <param name="To">The worker at its other end.</param>
/// <param name="Slowdown">How many times as long a step takes as it would with this link like the others; 1 when it is.</param>
/// <param name="RoundTripMilliseconds">There and back.</param>
/// <param name="MegabytesPerSecond">How fast bytes follow.</param>
public sealed record ClusterLink(string To, double Slowdown, double RoundTripMilliseconds, double MegabytesPerSecond);

/// <summary>A worker.</summary>
/// <param name="Name">Its name.</param>
/// <param name="State"><c>idle</c>, <c>busy</c>, <c>leaving</c> or <c>quarantined</c>.</param>
/// <param name="Reason">Why it is quarantined, or what failed on it last; empty while nothing did.</param>
/// <param name="QuarantineSeconds">How long the quarantine lasts yet; 0 while there is none.</param>
/// <param name="FailuresInRow">Failures since its last success.</param>
/// <param name="Host">Its host.</param>
/// <param name="ProcessId">Its process on that host.</param>
/// <param name="Device"><c>cpu</c> or <c>cuda:N</c>.</param>
/// <param name="DeviceName">Name of the accelerator; empty on a processor.</param>
/// <param name="Lanes">Its lanes.</param>
/// <param name="LanesUsed">Those in use.</param>
/// <param name="StepsPerSecond">Updates per second of late.</param>
/// <param name="SamplesPerSecond">Rows per second of late.</param>
/// <param name="MemoryBytes">Memory that its process fills.</param>
/// <param name="WaitShare">Share of its training time spent waiting for peers.</param>
/// <param name="Slowdown">How many times as long as the mean of its gang it takes; 1 when it is like the others.</param>
/// <param name="Link">The link from it to the next worker of a ring that holds a gang up most; null while it has none.</param>
/// <param name="MemberSeconds">How long it has been a member.</param>
/// <param name="SilentSeconds">How long ago it was heard of last.</param>
/// <param name="Suspicion">Why its lease was cut short; empty while its connection stands.</param>
/// <param name="Packs">What it trains.</param>
/// <param name="LastLines">The last lines of the log of the process of this name before, when that did not end in good order.</param>
public sealed record ClusterWorker(
    string Name, string State, string Reason, double QuarantineSeconds, int FailuresInRow, string Host, int ProcessId, string Device, string DeviceName, int Lanes, int LanesUsed,
    double StepsPerSecond, double SamplesPerSecond, long MemoryBytes, double WaitShare, double Slowdown, ClusterLink? Link, double MemberSeconds, double SilentSeconds, string Suspicion,
    IReadOnlyList<ClusterPack> Packs, IReadOnlyList<string> LastLines);

/// <summary>A cluster, as the HTTP interface serves it.</summary>
/// <param name="Term">Of the coordinator: how often one has taken over the store.</param>
/// <param name="PacksRunning">Packs that have workers.</param>
/// <param name="PacksWaiting">Packs that wait for some.</param>
/// <param name="Workers">By name.</param>
public sealed record ClusterDocument(long Term, int PacksRunning, int PacksWaiting, IReadOnlyList<ClusterWorker> Workers)
{
    /// <summary>Puts together what the actors say.</summary>
    /// <param name="term">The coordinator's.</param>
    /// <param name="members">Who is there.</param>
    /// <param name="placed">What they are used for.</param>
    /// <param name="packOf">Generation and trials of a pack; nulls where it is not known.</param>
    public static ClusterDocument Of(
        Term term, ObserverMessage.ClusterDescribed members, ObserverMessage.PlacementDescribed placed, Func<PackId, Attempt, (int? Generation, int? Trials)> packOf)
    {
        var byName = placed.Workers.ToDictionary(worker => worker.Worker);
        return new(term.Value, placed.PacksRunning, placed.PacksWaiting, [.. members.Members.Select(member => Of(member, byName.GetValueOrDefault(member.Worker), packOf))]);
    }

    private static ClusterWorker Of(MemberDescription member, WorkerDescription? placed, Func<PackId, Attempt, (int? Generation, int? Trials)> packOf)
    {
        var (facts, load) = (member.Facts, member.Load);
        return new(
            member.Worker.Value, (placed?.Standing ?? WorkerStanding.Idle).ToString().ToLowerInvariant(), placed?.Reason ?? "", Seconds(placed?.For ?? default), placed?.FailuresInRow ?? 0,
            facts.Host, facts.ProcessId, facts.Device, facts.DeviceName, placed?.Lanes ?? 0, placed?.LanesUsed ?? 0,
            Finite(load.StepsPerSecond), Finite(load.SamplesPerSecond), load.MemoryBytes, Finite(load.AllreduceWaitShare), Finite(load.Slowdown), Of(load.Link), Seconds(member.MemberFor), Seconds(member.SilentFor), member.Suspicion,
            [.. (placed?.Packs ?? []).Select(pack => Of(pack, packOf))], member.LastLines);
    }

    private static ClusterLink? Of(LinkReport? link) =>
        link is null ? null : new(link.To.Value, Finite(link.Slowdown), Finite(link.RoundTripSeconds * 1e3), Finite(link.BytesPerSecond / 1e6));

    private static ClusterPack Of(PackOnWorker on, Func<PackId, Attempt, (int? Generation, int? Trials)> packOf)
    {
        var (generation, trials) = packOf(on.Pack, on.Attempt);
        return new(on.Pack.Sweep.Value, on.Pack.Number, on.Attempt.Value, generation, trials, on.Lanes, on.Stopping);
    }

    private static double Seconds(TimeSpan time) => Math.Round(time.TotalSeconds, 1);

    private static double Finite(double value) => double.IsFinite(value) ? Math.Round(value, 3) : 0;
}

/// <summary>The answer to an order to drain a worker.</summary>
/// <param name="Worker">Its name.</param>
/// <param name="State"><c>leaving</c>.</param>
public sealed record DrainDocument(string Worker, string State);

/// <summary>Serializers made at build time: no reflection at start.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(ClusterDocument))]
[JsonSerializable(typeof(DrainDocument))]
public sealed partial class ClusterDocumentJson : JsonSerializerContext;
