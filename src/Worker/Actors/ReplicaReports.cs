using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Messages;

namespace Vae.Worker.Actors;

/// <summary>What a replica has told and nobody has answered yet, repeated ever more slowly: a coordinator that is away may stay away for long.</summary>
/// <param name="assignment">Whose replica it is.</param>
internal sealed class ReplicaReports(ReplicaAssignment assignment)
{
    /// <summary>First pause between repeats; it doubles up to <see cref="RepeatMax"/>.</summary>
    public static readonly TimeSpan RepeatMin = TimeSpan.FromSeconds(1);

    /// <summary>Longest pause between repeats.</summary>
    public static readonly TimeSpan RepeatMax = TimeSpan.FromSeconds(8);

    /// <summary>Checkpoints that are told again; older ones are of no use to anybody.</summary>
    public const int CheckpointsMax = 2;

    private readonly List<PackMessage.SlotEnded> _ends = []; // At most one per slot and those refilled meanwhile.
    private readonly List<PackMessage.SlotEnding> _endings = []; // At most one per slot.
    private readonly List<PackMessage.CheckpointMade> _checkpoints = [];
    private PackMessage? _report; // Where it stands, while that is to be told: ready, halted, done or failed.
    private PackMessage.ReplicaLeaving? _leaving;
    private TimeSpan _pause;
    private long _repeats;

    /// <summary>Tells where the replica stands from now on.</summary>
    public void Report(PackMessage report, Effects effects)
    {
        _report = report;
        Tell(effects);
        RepeatSoon(effects);
    }

    /// <summary>The runner has answered by the next order.</summary>
    public void Withdraw() => _report = null;

    public void Leave(string reason, Effects effects)
    {
        _leaving = new(assignment.Attempt, reason);
        effects.Send(assignment.Runner, _leaving);
        RepeatSoon(effects);
    }

    public void AddEnd(ReplicaMessage.SlotDone done, Effects effects)
    {
        var end = new PackMessage.SlotEnded(assignment.Attempt, done.Slot, done.Result);
        _endings.RemoveAll(ending => ending.Trial == done.Result.TrialIndex);
        _ends.RemoveAll(known => known.Result.TrialIndex == done.Result.TrialIndex);
        _ends.Add(end);
        effects.Send(assignment.Runner, end);
        RepeatSoon(effects);
    }

    public void ForgetEnd(int trial, Effects effects)
    {
        _endings.RemoveAll(ending => ending.Trial == trial);
        if (_ends.RemoveAll(end => end.Result.TrialIndex == trial) > 0 && _ends.Count == 0 && _report is PackMessage.ReplicaDone) Tell(effects);
    }

    public void AddEnding(ReplicaMessage.SlotEnding soon, Effects effects)
    {
        _endings.RemoveAll(known => known.Slot == soon.Slot);
        _endings.Add(new(assignment.Attempt, soon.Slot, soon.Trial));
        effects.Send(assignment.Runner, _endings[^1]);
        RepeatSoon(effects);
    }

    /// <summary>The runner has answered by orders: what these slots go on with is known.</summary>
    public void ForgetEndings(ValueList<SlotOrder> orders)
    {
        foreach (var order in orders) _endings.RemoveAll(ending => order.Kind == SlotOrderKind.Close || (order.Kind == SlotOrderKind.Fill && order.Slot == ending.Slot));
    }

    public void AddCheckpoint(CheckpointInfo checkpoint, Effects effects)
    {
        _checkpoints.RemoveAll(known => known.Checkpoint.Position == checkpoint.Position);
        if (_checkpoints.Count == CheckpointsMax) _checkpoints.RemoveAt(0);
        _checkpoints.Add(new(assignment.Attempt, checkpoint));
        effects.Send(assignment.Runner, _checkpoints[^1]);
        RepeatSoon(effects);
    }

    public void ForgetCheckpoints(long through) => _checkpoints.RemoveAll(made => made.Checkpoint.Position <= through);

    public void Repeat(long number, Effects effects)
    {
        if (number != _repeats || !TellAll(effects)) return;
        _pause = _pause + _pause < RepeatMax ? _pause + _pause : RepeatMax;
        effects.Wake(_pause, new ReplicaMessage.ReportDue(++_repeats));
    }

    /// <returns>Whether there was anything to tell.</returns>
    public bool TellAll(Effects effects)
    {
        if (_leaving is not null) effects.Send(assignment.Runner, _leaving);
        foreach (var end in _ends) effects.Send(assignment.Runner, end);
        foreach (var ending in _endings) effects.Send(assignment.Runner, ending); // After the ends: a slot has one trial that waits, at most.
        foreach (var made in _checkpoints) effects.Send(assignment.Runner, made);
        Tell(effects);
        return _leaving is not null || _ends.Count > 0 || _endings.Count > 0 || _checkpoints.Count > 0 || _report is not null;
    }

    // That the pack is done is told last: it would end the attempt, and with it the results that nobody has heard of.
    public void Tell(Effects effects)
    {
        if (_report is not null && (_report is not PackMessage.ReplicaDone || _ends.Count == 0)) effects.Send(assignment.Runner, _report);
    }

    private void RepeatSoon(Effects effects)
    {
        _pause = RepeatMin;
        effects.Wake(_pause, new ReplicaMessage.ReportDue(++_repeats));
    }
}
