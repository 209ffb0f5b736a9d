using Vae.Coordinator.Projections;
using Vae.Runtime.Actors;
using Vae.Runtime.Storage;

namespace Vae.Coordinator.Hosting;

/// <summary>Reads the sweeps of a home folder, also while a coordinator writes there.</summary>
public sealed class SweepReader
{
    private readonly SqliteReader _reader;

    private SweepReader(SqliteReader reader, SweepFolders folders) => (_reader, Folders) = (reader, folders);

    /// <summary>Where the files of sweeps lie.</summary>
    public SweepFolders Folders { get; }

    /// <summary>The stored points.</summary>
    public IPointReader Points => _reader;

    /// <exception cref="UserFitException">There is no store in the folder.</exception>
    /// <exception cref="StoreException">The store cannot be read.</exception>
    public static SweepReader Open(string home)
    {
        var folders = new SweepFolders(home);
        if (!File.Exists(folders.StoreFile)) throw new UserFitException($"There are no sweeps in {folders.Home}: it holds no store. Run one with `vae sweep run FILE`, or name its folder with --home.");
        return new SweepReader(SqliteReader.Open(folders.StoreFile), folders);
    }

    /// <summary>All sweeps, the oldest first.</summary>
    public IReadOnlyList<SweepView> All() => StoredSweeps.Fold(_reader);

    /// <summary>The sweep of this id, or the only one whose id begins so; <c>last</c> is the newest.</summary>
    /// <returns>Null when there is none, or more than one.</returns>
    /// <exception cref="StoreException">The sweep is there, but already its first fact cannot be read.</exception>
    public SweepView? Find(string idOrPrefix) => Look(idOrPrefix) switch
    {
        { Submission: null, Damage: { } damage } foreign => throw new StoreException(foreign.IsForeign ? StoreFault.OtherVersion : StoreFault.Damaged, damage),
        var view => view,
    };

    private SweepView? Look(string idOrPrefix)
    {
        var all = All();
        if (idOrPrefix == "last") return all.Count > 0 ? all[^1] : null;
        if (all.FirstOrDefault(view => view.Id.Value == idOrPrefix) is { } exact) return exact;
        var matching = all.Where(view => view.Id.Value.StartsWith(idOrPrefix, StringComparison.Ordinal)).Take(2).ToList();
        return matching.Count == 1 ? matching[0] : null;
    }
}
