using System.Globalization;
using System.Text;
using Vae.Shared;
using Vae.Shared.Sweeps;

namespace Vae.Tests.Simulation.Trainer;

/// <summary>A trial in its slot: what a checkpoint holds of it.</summary>
internal sealed class SlotState(TrialSpec trial)
{
    public TrialSpec Trial => trial;

    public long Step { get; set; }

    public ulong Weights { get; set; }

    /// <summary>Epochs whose evaluation is done.</summary>
    public long Evaluated { get; set; }

    public bool IsEvaluationDue => Step > 0 && Step % Oracle.EpochSteps == 0 && Evaluated < Step / Oracle.EpochSteps;

    public bool IsFinished => Step >= Oracle.StepsOf(trial.Index);

    public SlotState Copy() => new(trial) { Step = Step, Weights = Weights, Evaluated = Evaluated };
}

/// <summary>All that a rank of a pack has between two acts, and that is equal on all ranks at the same position.</summary>
internal sealed class TrainerState
{
    public long Position { get; set; }

    public long OrdersApplied { get; set; }

    public bool Closed { get; set; }

    public SortedDictionary<int, SlotState> Slots { get; private init; } = [];

    /// <summary>Trials that begin when those in their slots end.</summary>
    public SortedDictionary<int, TrialSpec> Waiting { get; } = [];

    public bool IsOver => Closed && Slots.Count == 0;

    public bool EvaluationDue
    {
        get
        {
            foreach (var slot in Slots.Values)
            {
                if (slot.IsEvaluationDue) return true;
            }

            return false;
        }
    }

    /// <summary>Equal states have equal digests.</summary>
    public ulong Digest()
    {
        var hash = Oracle.Mix((ulong)Position, (ulong)((OrdersApplied * 2) + (Closed ? 1 : 0)));
        foreach (var (number, slot) in Slots)
            hash = Oracle.Mix(hash, Oracle.Mix(slot.Weights, (ulong)((((slot.Step * 1_000) + slot.Evaluated) * 10_000) + (slot.Trial.Index * 100) + number)));
        foreach (var (number, trial) in Waiting) hash = Oracle.Mix(hash, (ulong)((trial.Index * 100) + number));
        return hash;
    }

    public TrainerState Copy()
    {
        var copy = new TrainerState { Position = Position, OrdersApplied = OrdersApplied, Closed = Closed };
        foreach (var (number, slot) in Slots) copy.Slots.Add(number, slot.Copy());
        foreach (var (number, trial) in Waiting) copy.Waiting.Add(number, trial);
        return copy;
    }

    /// <summary>A checkpoint's content: a line that says so, and one per trial.</summary>
    public byte[] Serialize()
    {
        var text = new StringBuilder("checkpoint\n");
        foreach (var slot in Slots.Values) text.Append(CultureInfo.InvariantCulture, $"{slot.Trial.Index} {slot.Step} {slot.Weights} {slot.Evaluated}\n");
        return Encoding.ASCII.GetBytes(text.ToString());
    }

    /// <summary>One trial out of a checkpoint; null when the file does not hold it.</summary>
    public static SlotState? Restore(byte[] content, TrialSpec trial)
    {
        foreach (var line in Encoding.ASCII.GetString(content).Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            var parts = line.Split(' ');
            if (parts.Length != 4 || Number(parts[0]) != (ulong)trial.Index) continue;
            return new SlotState(trial) { Step = (long)Number(parts[1]), Weights = Number(parts[2]), Evaluated = (long)Number(parts[3]) };
        }

        return null;
    }

    private static ulong Number(string text) => ulong.Parse(text, NumberStyles.None, CultureInfo.InvariantCulture);
}
