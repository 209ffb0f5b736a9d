using Microsoft.Extensions.Logging;
using Vae.Runtime.Blobs;
using Vae.Shared;
using Vae.Shared.Messages;

namespace Vae.Coordinator.Hosting;

/// <summary>
/// Keeps the folders of checkpoints to what is needed. A file whose row is not durable yet may be needed in a moment: it goes only when its attempt is over, or when a later one of its
/// attempt has a row. What cannot be deleted is tried again with the next checkpoint; space is not worth a sweep.
/// </summary>
internal sealed partial class CheckpointFolder(SweepFolders folders, SweepViews views, ILogger logger)
{
    private readonly Dictionary<SweepId, long> _seen = [];

    /// <summary>Removes what the last life of the coordinator left: files that were being written, and those that it had no time to remove.</summary>
    public void CleanUp()
    {
        var root = Path.GetDirectoryName(folders.Sweep(new SweepId("s")))!;
        if (!Directory.Exists(root)) return;
        foreach (var id in Directory.GetDirectories(root).Select(Path.GetFileName).Where(name => NodeId.IsValid(name!)))
        {
            var sweep = new SweepId(id!);
            var leftovers = ArtifactFile.RemoveLeftovers(folders.Checkpoints(sweep)) + Trials(sweep).Sum(ArtifactFile.RemoveLeftovers);
            if (leftovers > 0) LogLeftovers(logger, sweep, leftovers);
            Trim(sweep);
        }
    }

    /// <summary>A fact is in the views.</summary>
    public void Observe(SweepEvent fact)
    {
        if (fact is not (SweepEvent.CheckpointStored or SweepEvent.CheckpointRefused or SweepEvent.TrialEnded or SweepEvent.Ended)) return;
        var changes = views.Read(fact.Sweep, view => view.Checkpoints.Changes);
        if (_seen.GetValueOrDefault(fact.Sweep) == changes) return;
        _seen[fact.Sweep] = changes;
        Trim(fact.Sweep);
        if (fact is SweepEvent.Ended) _seen.Remove(fact.Sweep);
    }

    private void Trim(SweepId sweep)
    {
        var folder = folders.Checkpoints(sweep);
        if (!Directory.Exists(folder)) return;
        var (known, needed, live) = views.Read(sweep, view => (
            view.Damage is null, // What came after the damage is not known here; its files stay.
            view.Checkpoints.Needed.Select(own => SweepFolders.CheckpointName(new(own.Pack, own.Attempt, own.Position))).ToHashSet(),
            view.Packs.Values.ToDictionary(pack => pack.Number, pack => (pack.Attempt, pack.CheckpointedTo))));
        if (!known) return;
        try
        {
            foreach (var file in Directory.GetFiles(folder))
            {
                var name = Path.GetFileName(file);
                if (needed.Contains(name) || SweepFolders.CheckpointOf(sweep, name) is not { } key) continue;
                var mayGetItsRow = live.TryGetValue(key.Pack.Number, out var pack) && pack.Attempt == key.Attempt && key.Position > pack.CheckpointedTo;
                if (!mayGetItsRow) File.Delete(file);
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            LogKept(logger, sweep, exception.Message);
        }
    }

    private string[] Trials(SweepId sweep)
    {
        var folder = Path.Combine(folders.Sweep(sweep), "trials");
        return Directory.Exists(folder) ? Directory.GetDirectories(folder) : [];
    }

    [LoggerMessage(EventId = 4011, Level = LogLevel.Information, Message = "Sweep {Sweep}: removed {Count} files that were being written when the coordinator ended")]
    private static partial void LogLeftovers(ILogger logger, SweepId sweep, int count);

    [LoggerMessage(EventId = 4012, Level = LogLevel.Warning, Message = "Sweep {Sweep}: checkpoints that nobody needs could not be removed and are tried again: {Reason}")]
    private static partial void LogKept(ILogger logger, SweepId sweep, string reason);
}
