using System.Runtime.InteropServices;
using Vae.Shared.Sweeps;

namespace Vae.Worker.Training;

/// <summary>
/// The whole state of a pack between two acts: each trial's own, and what all ranks have agreed on. Its memory is used again by the next save. It is taken on the training thread by
/// <see cref="PackTrainer.Save"/> in the time that copying takes; whoever writes or sends it does so elsewhere, and no save may come before that is over.
/// </summary>
public sealed class PackSnapshot
{
    /// <summary>Most slots of a pack, as in a sweep file.</summary>
    public const int SlotsMax = 1024;

    private readonly List<TrialSnapshot> _trials = [];
    private readonly Stack<TrialSnapshot> _spare = [];
    private readonly List<(int Slot, TrialSpec Trial)> _waiting = [];

    /// <summary>Where the pack stood beside its trials.</summary>
    public PackProgress Progress { get; internal set; }

    /// <summary>Places for trials, K.</summary>
    public int Slots { get; internal set; }

    /// <summary>What all trials have in common.</summary>
    public PackSignature Signature { get; internal set; } = new("");

    /// <summary>The trials, by slot.</summary>
    public IReadOnlyList<TrialSnapshot> Trials => _trials;

    /// <summary>Trials that have not begun and follow those in their slots, by slot. They have no state, so nobody goes on from here with them; other ranks have to know of them.</summary>
    public IReadOnlyList<(int Slot, TrialSpec Trial)> Waiting => _waiting;

    /// <summary>Writes a checkpoint file, front to back.</summary>
    public void WriteTo(Stream target) => SnapshotFile.Write(this, target);

    /// <summary>Reads what <see cref="WriteTo"/> wrote, with all rules of safetensors and of checkpoints.</summary>
    /// <param name="file">The whole file.</param>
    /// <param name="shownAs">How messages call it.</param>
    /// <exception cref="Data.Safetensors.SafetensorsException">A rule is broken; the message names the tensor and the rule.</exception>
    public static PackSnapshot Read(ReadOnlyMemory<byte> file, string shownAs = "the snapshot") =>
        Read(MemoryMarshal.TryGetArray(file, out var bytes) ? new MemoryStream(bytes.Array!, bytes.Offset, bytes.Count, writable: false) : new MemoryStream(file.ToArray(), writable: false), shownAs);

    /// <summary>Reads what <see cref="WriteTo"/> wrote from a stream that can seek, and closes it.</summary>
    /// <param name="file">At its start.</param>
    /// <param name="shownAs">How messages call it.</param>
    /// <param name="only">Index of the one trial to read; null for all.</param>
    /// <exception cref="Data.Safetensors.SafetensorsException">A rule is broken, or the trial is not in it; the message names the tensor and the rule.</exception>
    public static PackSnapshot Read(Stream file, string shownAs, int? only = null) => SnapshotReader.Read(file, shownAs, only);

    /// <summary>The trial of this index; null when it is not in the snapshot.</summary>
    public TrialSnapshot? Find(int trial) => _trials.Find(own => own.Trial.Index == trial);

    /// <summary>Forgets the trials and keeps their memory.</summary>
    internal void Clear()
    {
        for (var i = _trials.Count - 1; i >= 0; i--) _spare.Push(_trials[i]); // So that the first slot finds its own memory again.
        _trials.Clear();
        _waiting.Clear();
    }

    internal void AddWaiting(int slot, TrialSpec trial) => _waiting.Add((slot, trial));

    /// <summary>Room for one more trial.</summary>
    internal TrialSnapshot Add()
    {
        var trial = _spare.TryPop(out var spare) ? spare : new TrialSnapshot();
        _trials.Add(trial);
        return trial;
    }
}
