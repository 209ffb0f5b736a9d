using Vae.Coordinator.Hosting;
using Vae.Coordinator.Projections;
using Vae.Shared;
using Vae.Shared.Datasets;
using Vae.Shared.Sweeps;
using Vae.Shared.Messages;

namespace Vae.Cli.Sources;

/// <summary>The store under a home folder. Reads while another process writes.</summary>
internal sealed class LocalSource : ISweepSource
{
    private readonly SweepFolders _folders;
    private readonly Lazy<bool> _isInUse;
    private readonly SweepReader? _reader; // Null where nothing was ever run: an empty list is the answer then, not an error.

    public LocalSource(string home)
    {
        _folders = new SweepFolders(home);
        _isInUse = new(() => IsInUse(Path.Combine(_folders.Home, "lock")));
        if (File.Exists(_folders.StoreFile)) _reader = SweepReader.Open(home);
    }

    public Task<IReadOnlyList<SweepSummary>> ListAsync(CancellationToken cancellation) =>
        Task.FromResult<IReadOnlyList<SweepSummary>>([.. (_reader?.All() ?? []).Where(view => view.Submission is not null || view.Damage is not null).Select(SweepDocument.Summarize).Select(Honest)]);

    public Task<SweepDocument> ReadAsync(string id, CancellationToken cancellation) =>
        Task.FromResult(Honest(SweepDocument.Of(_reader?.Find(id) ?? throw new CliException(ExitCode.InvalidInput, $"There is no sweep {id}.")).WithGaps(_folders)));

    public Task<string> SourceOfAsync(string id, CancellationToken cancellation) =>
        Task.FromResult(_reader?.Find(id)?.Submission?.Source ?? throw new CliException(ExitCode.InvalidInput, $"There is no sweep {id}."));

    public Task<Stream?> OpenFileAsync(string sweep, int trial, string name, CancellationToken cancellation)
    {
        var path = Path.Combine(FolderOf(sweep, trial), name);
        return Task.FromResult<Stream?>(File.Exists(path) ? File.OpenRead(path) : null);
    }

    /// <summary>What a sweep of this store was submitted with, and the folder its paths are meant from.</summary>
    public (SweepDefinition Definition, string BaseDirectory) SubmissionOf(string sweep) =>
        _reader?.Find(sweep) is { Submission: { } submission } view ? (SweepDocument.DefinitionOf(view), submission.BaseDirectory) : throw new CliException(ExitCode.InvalidInput, $"There is no sweep {sweep}.");

    /// <summary>The data set that a sweep was given, and the folder its paths are meant from; null when the sweep is not in this store.</summary>
    public (DatasetSource Source, string BaseDirectory)? DatasetOf(string sweep) =>
        _reader?.Find(sweep) is { Submission: { } submission } view && view.Id.Value == sweep ? (SweepDocument.DefinitionOf(view).Dataset, submission.BaseDirectory) : null;

    /// <summary>What was stored as a trial's model; null when nothing was.</summary>
    public ArtifactInfo? ModelOf(string sweep, int trial) =>
        _reader?.Find(sweep) is { } view && trial < view.Trials ? view.Row(trial).Result?.Artifacts.FirstOrDefault(artifact => artifact.Kind == ArtifactKind.Model) : null;

    // A process that was killed leaves its sweep `running` in the store, and nobody there who runs it. `vae sweep resume`, or the next `vae coordinator` of this folder, goes on with it.
    private SweepSummary Honest(SweepSummary sweep) => sweep.State == SweepSummary.Running && !_isInUse.Value
        ? sweep with { State = SweepSummary.Interrupted, Reason = $"the process that ran it is gone; go on with it: vae sweep resume {sweep.Id}{HomeArgument}" }
        : sweep;

    private string HomeArgument => Path.GetFullPath(GlobalOptions.HomeDefault) == _folders.Home ? "" : $" --home {_folders.Home}";

    private SweepDocument Honest(SweepDocument document) => document with { Sweep = Honest(document.Sweep) };

    public string FolderOf(string sweep, int trial) => _folders.Trial(new TrialId(new SweepId(sweep), trial));

    // A coordinator holds the file for itself alone; a shared look succeeds only when there is none.
    private static bool IsInUse(string file)
    {
        try
        {
            new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.Read).Dispose();
            return false;
        }
        catch (FileNotFoundException)
        {
            return false;
        }
        catch (IOException)
        {
            return true;
        }
    }

    public void Dispose()
    {
        // The reader opens the store anew for each question and holds nothing.
    }
}
