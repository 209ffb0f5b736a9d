using System.Globalization;
using System.Security.Cryptography;
using System.Text.RegularExpressions;
using Vae.Cli.Sources;
using Vae.Coordinator.Projections;
using Vae.Models.Files;
using Vae.Shared.Messages;

namespace Vae.Cli.Models;

/// <summary>Finds the model that a user means: a folder, a file, a trial of a sweep, or the best trial of one.</summary>
internal static partial class ModelPath
{
    public const string Help = "A folder with model.safetensors and config.json, that file itself, SWEEP/TRIAL such as s-7k2m9q/4, or best:SWEEP (best:last for the newest).";

    private const string BestPrefix = "best:";

    /// <returns>A folder, or the path of a weights' file.</returns>
    /// <exception cref="CliException">There is none.</exception>
    public static async Task<string> FindAsync(string typed, string home, CancellationToken cancellation)
    {
        if (Path.Exists(typed)) return typed;
        if (typed.StartsWith(BestPrefix, StringComparison.Ordinal)) return await OfSweepAsync(typed[BestPrefix.Length..], null, home, cancellation);
        if (TrialName().Match(typed) is { Success: true } match && int.TryParse(match.Groups[2].ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture, out var trial))
        {
            return await OfSweepAsync(match.Groups[1].Value, trial, home, cancellation);
        }

        throw new CliException(ExitCode.InvalidInput, $"There is no model {typed}.", Help);
    }

    private static async Task<string> OfSweepAsync(string sweep, int? trial, string home, CancellationToken cancellation)
    {
        using var source = new LocalSource(home);
        var found = SweepLookup.Find(await source.ListAsync(cancellation), sweep);
        if (trial is null && found.State is SweepSummary.Damaged or SweepSummary.Unreadable) throw new CliException(ExitCode.InvalidInput, $"Which trial of sweep {found.Id} is the best cannot be told: {found.Reason}", $"Name one of its trials, as {found.Id}/0.");
        var index = trial ?? found.BestTrial ?? throw new CliException(ExitCode.InvalidInput, $"No trial of sweep {found.Id} has a result yet.", $"`vae sweep status {found.Id}` tells where it stands.");
        var folder = source.FolderOf(found.Id, index);
        var file = Path.Combine(folder, TrainedModel.FileName);
        if (!File.Exists(file)) throw new CliException(ExitCode.InvalidInput, $"Trial {index} of sweep {found.Id} has no model in {folder}.", $"`vae sweep results {found.Id}` lists those that have.");
        if (source.ModelOf(found.Id, index) is { } stored) await RequireWholeAsync(file, stored, cancellation);
        return folder;
    }

    // A damaged weight is as good a number as any: only the hash that was stored with the result can tell.
    private static async Task RequireWholeAsync(string file, ArtifactInfo stored, CancellationToken cancellation)
    {
        await using var content = File.OpenRead(file);
        if (content.Length == stored.Bytes && Convert.ToHexStringLower(await SHA256.HashDataAsync(content, cancellation)) == stored.Sha256) return;
        throw new CliException(ExitCode.InvalidInput, $"{file} is damaged: it is not the model that was stored with the trial's result.", "Restore it from a backup, or train the trial again from its config.json.");
    }

    [GeneratedRegex("^([A-Za-z0-9._-]+)/([0-9]{1,9})$")]
    private static partial Regex TrialName();
}
