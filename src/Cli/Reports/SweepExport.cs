using System.Text;
using Vae.Cli.Sources;
using Vae.Cli.Terminal;
using Vae.Coordinator.Hosting;
using Vae.Coordinator.Projections;
using Vae.Shared.Messages;

namespace Vae.Cli.Reports;

/// <summary>A sweep as a folder that can be handed on: all of it or nothing, for it is made under another name and then renamed.</summary>
internal static class SweepExport
{
    private const string SweepFileName = "sweep.yaml", ResultsName = "results.json", CurvesName = "curves.csv", BestName = "best";
    private const int NameMax = 60;

    private static readonly string CurveFile = SweepFolders.FileName(ArtifactKind.Curves);

    /// <summary>What of a sweep's name may be part of a folder's: it came from a file or over the network.</summary>
    public static string FolderName(string name)
    {
        var plain = new string([.. name.Take(NameMax).Select(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' ? c : '-')]).Trim('-');
        return plain.Length > 0 ? plain : "sweep";
    }

    /// <summary>Makes the folder.</summary>
    /// <returns>The files, relative to it.</returns>
    /// <exception cref="CliException">It is there already, or a file cannot be had.</exception>
    public static async Task<IReadOnlyList<string>> WriteAsync(ISweepSource sweeps, string sweep, string folder, Output output, CancellationToken cancellation)
    {
        if (File.Exists(folder) || (Directory.Exists(folder) && Directory.EnumerateFileSystemEntries(folder).Any()))
        {
            throw new CliException(ExitCode.InvalidInput, $"{folder} is there already.", "Name a folder that does not exist, or an empty one, with --out.");
        }

        var document = await sweeps.ReadAsync(sweep, cancellation);
        var partial = $"{folder}.partial-{Environment.ProcessId}";
        try
        {
            Directory.CreateDirectory(partial);
            var files = await FillAsync(sweeps, document, partial, output, cancellation);
            if (Directory.Exists(folder)) Directory.Delete(folder);
            Directory.Move(partial, folder);
            return files;
        }
        finally
        {
            if (Directory.Exists(partial)) Directory.Delete(partial, recursive: true);
        }
    }

    private static async Task<IReadOnlyList<string>> FillAsync(ISweepSource sweeps, SweepDocument document, string folder, Output output, CancellationToken cancellation)
    {
        var sweep = document.Sweep;
        await File.WriteAllTextAsync(Path.Combine(folder, SweepFileName), await sweeps.SourceOfAsync(sweep.Id, cancellation), cancellation);
        await using (var results = new StreamWriter(Path.Combine(folder, ResultsName)) { NewLine = "\n" })
        {
            SweepReport.WriteJson(document, new Output(results, output.Notes, output.Mode with { Json = true }));
        }

        List<string> files = [SweepFileName, ResultsName];
        if (await WriteCurvesAsync(sweeps, document, Path.Combine(folder, CurvesName), cancellation)) files.Add(CurvesName);
        if (document.Trials.FirstOrDefault(trial => trial.Rank == 1) is { } best)
        {
            foreach (var name in best.Files) if (await CopyAsync(sweeps, sweep.Id, best.Trial, name, Path.Combine(folder, BestName), cancellation)) files.Add($"{BestName}/{name}");
        }

        var touched = sweep.Trials - sweep.Counts.GetValueOrDefault("queued");
        if (document.Trials.Count < touched) output.Warning($"{ResultsName} and {CurvesName} hold the first {document.Trials.Count:N0} of {touched:N0} trials: a coordinator tells no more. On its machine, `vae sweep export --home FOLDER` writes all.");
        if (sweep.State == SweepSummary.Running) output.Warning("the sweep still runs: this is how far it has come.");
        return files;
    }

    // One table: the curves of the trials one after the other, with the trial's number ahead of each row.
    private static async Task<bool> WriteCurvesAsync(ISweepSource sweeps, SweepDocument document, string path, CancellationToken cancellation)
    {
        StreamWriter? table = null;
        try
        {
            foreach (var trial in document.Trials.Where(trial => trial.Files.Contains(CurveFile)).OrderBy(trial => trial.Trial))
            {
                await using var curves = await sweeps.OpenFileAsync(document.Sweep.Id, trial.Trial, CurveFile, cancellation);
                if (curves is null) continue;
                using var reader = new StreamReader(curves, Encoding.UTF8);
                var header = await reader.ReadLineAsync(cancellation);
                if (table is null)
                {
                    table = new StreamWriter(path) { NewLine = "\n" };
                    await table.WriteLineAsync($"trial,{header}");
                }

                while (await reader.ReadLineAsync(cancellation) is { } row) await table.WriteLineAsync($"{trial.Trial},{row}");
            }
        }
        finally
        {
            if (table is not null) await table.DisposeAsync();
        }

        return table is not null;
    }

    private static async Task<bool> CopyAsync(ISweepSource sweeps, string sweep, int trial, string name, string folder, CancellationToken cancellation)
    {
        // A name that a coordinator made up must not leave the folder.
        if (!Enum.GetValues<ArtifactKind>().Any(kind => SweepFolders.FileName(kind) == name)) return false;
        await using var content = await sweeps.OpenFileAsync(sweep, trial, name, cancellation);
        if (content is null) return false;
        Directory.CreateDirectory(folder);
        await using var file = File.Create(Path.Combine(folder, name));
        await content.CopyToAsync(file, cancellation);
        return true;
    }
}
