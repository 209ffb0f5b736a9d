using Vae.Shared;
using Vae.Shared.Messages;

namespace Vae.Worker.Actors;

/// <summary>
/// What this worker has been told to stop. An assignment may overtake its own end on a network that delays and repeats; it must not bring back what was stopped. One for a later generation of the
/// attempt was made after that end, by a runner that wants the worker back.
/// </summary>
internal sealed class Tombstones
{
    /// <summary>Packs remembered; the oldest is forgotten first. An assignment is late by seconds, and packs end at a few per second at most.</summary>
    public const int PacksMax = 1_024;

    private readonly Dictionary<PackId, (Attempt Attempt, Generation Through)> _stopped = []; // Looked up only.
    private readonly Queue<PackId> _byAge = [];

    public void Add(PackId pack, Attempt attempt, Generation through)
    {
        if (!_stopped.TryGetValue(pack, out var before)) _byAge.Enqueue(pack);
        if (before.Attempt.Value < attempt.Value || (before.Attempt == attempt && before.Through.Value < through.Value)) _stopped[pack] = (attempt, through);
        if (_byAge.Count > PacksMax) _stopped.Remove(_byAge.Dequeue());
    }

    public bool Covers(ReplicaAssignment assignment) => assignment.Generation.Value <= StoppedThrough(assignment.Pack, assignment.Attempt).Value;

    /// <summary>Assignments of the attempt up to this generation were stopped.</summary>
    public Generation StoppedThrough(PackId pack, Attempt attempt)
    {
        if (!_stopped.TryGetValue(pack, out var stopped) || stopped.Attempt.Value < attempt.Value) return Generation.None;
        return stopped.Attempt == attempt ? stopped.Through : Generation.Max; // A later attempt was stopped: this one is long over.
    }
}
