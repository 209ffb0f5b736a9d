using Vae.Shared.Actors;

namespace Vae.Shared.Messages;

/// <summary>How far a trial is in a checkpoint.</summary>
public sealed record CheckpointedTrial(int Trial, Step Step);

/// <summary>A file that holds a pack at one position, between two acts; its row in the store is what makes it count.</summary>
/// <param name="Pack">The pack.</param>
/// <param name="Attempt">The attempt that made it.</param>
/// <param name="Position">Acts since that attempt began.</param>
/// <param name="Bytes">Length of the file.</param>
/// <param name="Sha256">Lower-case hex digest of its content; a file with another is not trusted.</param>
/// <param name="Trials">The trials whose state it holds.</param>
public sealed record CheckpointInfo(PackId Pack, Attempt Attempt, long Position, long Bytes, string Sha256, ValueList<CheckpointedTrial> Trials)
{
    /// <summary>What a worker needs to fetch and verify it.</summary>
    public CheckpointRef Ref => new(Pack, Attempt, Position, Bytes, Sha256);
}

/// <summary>Names a stored checkpoint and says what must come out when it is read.</summary>
/// <param name="Pack">The pack that made it.</param>
/// <param name="Attempt">Its attempt.</param>
/// <param name="Position">Acts since that attempt began.</param>
/// <param name="Bytes">Length of the file.</param>
/// <param name="Sha256">Lower-case hex digest of its content.</param>
public sealed record CheckpointRef(PackId Pack, Attempt Attempt, long Position, long Bytes, string Sha256);
