using System.Globalization;
using Vae.Shared;
using Vae.Shared.Messages;

namespace Vae.Coordinator.Hosting;

/// <summary>
/// Where things lie under the home folder. Every name is made from ids and enums here; nothing that a client or a worker sends ever becomes
/// part of a path.
/// </summary>
public sealed class SweepFolders(string home)
{
    /// <summary>The home folder, absolute.</summary>
    public string Home { get; } = Path.GetFullPath(home);

    /// <summary>Events and points.</summary>
    public string StoreFile => Path.Combine(Home, "coordinator.db");

    /// <summary>The cluster's token.</summary>
    public string TokenFile => Path.Combine(Home, "token");

    /// <summary>Logs of local workers.</summary>
    public string Logs => Path.Combine(Home, "logs");

    /// <summary>Shards fetched by local workers.</summary>
    public string Cache => Path.Combine(Home, "cache");

    /// <summary>All files of a sweep.</summary>
    public string Sweep(SweepId sweep) => Path.Combine(Home, "sweeps", Checked(sweep));

    /// <summary>The published files of a trial.</summary>
    public string Trial(TrialId trial) => Path.Combine(Sweep(trial.Sweep), "trials", Number(trial.Index));

    /// <summary>Files of one attempt, before the trial's result is durable.</summary>
    public string Staging(TrialId trial, Attempt attempt) =>
        Path.Combine(Sweep(trial.Sweep), "staging", $"{Number(trial.Index)}-{attempt.Value.ToString(CultureInfo.InvariantCulture)}");

    /// <summary>The file name of an artifact.</summary>
    public static string FileName(ArtifactKind kind) => kind switch
    {
        ArtifactKind.Model => "model.safetensors",
        ArtifactKind.Config => "config.json",
        ArtifactKind.Samples => "samples.png",
        ArtifactKind.Reconstructions => "reconstructions.png",
        ArtifactKind.Curves => "curves.csv",
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "Unknown artifact."),
    };

    private static string Number(int index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        return index.ToString("D4", CultureInfo.InvariantCulture);
    }

    // A sweep id is made by us, but it also arrives over HTTP: anything else than our alphabet stops here.
    private static string Checked(SweepId sweep) => NodeId.IsValid(sweep.Value) ? sweep.Value : throw new ArgumentException($"'{sweep.Value}' is not a sweep id.", nameof(sweep));
}
