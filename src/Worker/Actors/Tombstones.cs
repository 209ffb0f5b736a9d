using Vae.Shared;

namespace Vae.Worker.Actors;

/// <summary>
/// Which attempts this worker has been told to stop. An assignment may overtake its own end on a network that delays and repeats; it must not
/// bring back what was stopped.
/// </summary>
internal sealed class Tombstones
{
    /// <summary>Packs remembered; the oldest is forgotten first. An assignment is late by seconds, and packs end at a few per second at most.</summary>
    public const int PacksMax = 1_024;

    private readonly Dictionary<PackId, int> _stopped = []; // Looked up only.
    private readonly Queue<PackId> _byAge = [];

    public void Add(PackId pack, Attempt attempt)
    {
        if (!_stopped.TryGetValue(pack, out var before)) _byAge.Enqueue(pack);
        _stopped[pack] = Math.Max(before, attempt.Value);
        if (_byAge.Count > PacksMax) _stopped.Remove(_byAge.Dequeue());
    }

    public bool Covers(PackId pack, Attempt attempt) => _stopped.TryGetValue(pack, out var stopped) && attempt.Value <= stopped;
}
