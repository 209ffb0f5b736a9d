using System.Globalization;
using Vae.Runtime.Blobs;
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

    /// <summary>A published file of a trial.</summary>
    public string File(TrialId trial, ArtifactKind kind) => Path.Combine(Trial(trial), FileName(kind));

    /// <summary>Files of one attempt, before the trial's result is durable.</summary>
    public string Staging(TrialId trial, Attempt attempt) =>
        Path.Combine(Sweep(trial.Sweep), "staging", $"{Number(trial.Index)}-{attempt.Value.ToString(CultureInfo.InvariantCulture)}");

    /// <summary>Where the checkpoints of a sweep lie.</summary>
    public string Checkpoints(SweepId sweep) => Path.Combine(Sweep(sweep), "checkpoints");

    /// <summary>The file of a checkpoint.</summary>
    public string Checkpoint(CheckpointKey key) => Path.Combine(Checkpoints(key.Pack.Sweep), CheckpointName(key));

    /// <summary>The name of a checkpoint's file in its folder: pack, attempt and position.</summary>
    public static string CheckpointName(CheckpointKey key)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(key.Position);
        return string.Create(CultureInfo.InvariantCulture, $"{Number(key.Pack.Number)}-{key.Attempt.Value}-{key.Position}{CheckpointEnd}");
    }

    /// <summary>Reads a name that <see cref="CheckpointName"/> made; null for any other.</summary>
    public static CheckpointKey? CheckpointOf(SweepId sweep, string name)
    {
        if (!name.EndsWith(CheckpointEnd, StringComparison.Ordinal)) return null;
        var parts = name[..^CheckpointEnd.Length].Split('-');
        if (parts.Length != 3 || !int.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out var pack)) return null;
        if (!int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out var attempt) || !long.TryParse(parts[2], NumberStyles.None, CultureInfo.InvariantCulture, out var position)) return null;
        var key = new CheckpointKey(new(sweep, pack), new(attempt), position);
        return CheckpointName(key) == name ? key : null;
    }

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

    private const string CheckpointEnd = ".safetensors";

    private static string Number(int index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        return index.ToString("D4", CultureInfo.InvariantCulture);
    }

    // A sweep id is made by us, but it also arrives over HTTP: anything else than our alphabet stops here.
    private static string Checked(SweepId sweep) => NodeId.IsValid(sweep.Value) ? sweep.Value : throw new ArgumentException($"'{sweep.Value}' is not a sweep id.", nameof(sweep));
}
