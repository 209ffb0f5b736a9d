using Vae.Coordinator.Projections;
using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Determinism;
using Vae.Shared.Messages;
using Vae.Shared.Sweeps;

namespace Vae.Coordinator.Actors;

/// <content>
/// What a sweep does when it is replayed. Attempts that had begun are adopted: their workers have gone on training meanwhile, so each gets a runner that knows its generation, members and
/// orders from the facts, claims its workers and attaches to their replicas; what nobody attaches to within a bound fails like any other attempt and is tried again. Trials between two attempts
/// wait for their next one, in the packs that they were in, suspects among themselves. Then placement is told that everything else of the sweep is a stray.
/// </content>
public sealed partial class Sweep
{
    private void Recover(Instant now, Effects effects)
    {
        foreach (var row in _view.Packs.Values.ToArray())
        {
            if (row.Live.Count == 0) Record(new SweepEvent.PackEnded(row.Number, row.Attempt) { Sweep = _view.Id }, effects); // Only its farewell was lost.
            else Adopt(row, now, effects);
        }

        var waiting = _feed.Unfinished.Values.Where(trial => _view.Row(trial.Index).State != TrialState.Running);
        var attempts = _view.Touched.GroupBy(row => row.Pack).ToDictionary(rows => rows.Key, rows => rows.Max(row => row.Attempt.Value)); // Looked up only.
        foreach (var trials in waiting.GroupBy(trial => _view.Row(trial.Index).Pack).OrderBy(group => group.Key))
        {
            var slots = _view.ShapeOf(trials.Key)?.Slots ?? int.MaxValue; // Some may have waited for a slot behind others, which have gone on without them.
            foreach (var part in trials.Chunk(slots)) Reopen(trials.Key, new(attempts[trials.Key]), part.ToValueList());
        }

        effects.Send(Addresses.Placement, new PlacementMessage.SweepRecovered(_view.Id)); // After the claims.
    }

    private void Adopt(PackRow row, Instant now, Effects effects)
    {
        var pack = new OpenPack(new(_view.Id, row.Number), PackSignature.Of(_feed.Adopted[row.Live.Min]), []);
        RestoreHistory(pack, row.Attempt, [.. row.Live.Select(_view.Row)]);
        pack.Adopt(row, _feed.Adopted, _view);
        _open.Add(pack.Id.Number, pack);
        _firstStart ??= now;
        var plan = PlanOf(pack, pack.Start!.Slots[0].Trial);
        effects.Send(Addresses.Placement, new PlacementMessage.ClaimGang(plan.Request, row.Processes));
        Spawn(pack, plan, new Adoption(row.Generation, row.Processes, pack.Start!, OrdersOf(row), row.Live.ToValueList()) { Ended = EndedIn(row) }, effects);
    }

    private static ValueList<int> EndedIn(PackRow row) =>
        row.Started.Trials.Concat(row.Orders.OfType<SweepEvent.SlotFilled>().Select(fill => fill.Trial)).Where(trial => !row.Live.Contains(trial)).TakeLast(PackRunner.SettledMax).ToValueList();

    private ValueList<SlotOrder> OrdersOf(PackRow row) => row.Orders.Select((fact, index) => fact switch
    {
        SweepEvent.SlotFilled filled => new SlotOrder(index + 1, SlotOrderKind.Fill, filled.Slot, _feed.Adopted[filled.Trial], "", filled.From),
        SweepEvent.SlotStopOrdered stop => new SlotOrder(index + 1, SlotOrderKind.Empty, stop.Slot, _feed.Adopted[stop.Trial], stop.Reason),
        _ => new SlotOrder(index + 1, SlotOrderKind.Close, 0, null, ""),
    }).ToValueList();

    private void Reopen(int number, Attempt last, ValueList<TrialSpec> trials)
    {
        if (_open.ContainsKey(number)) number = _nextPack++;
        var pack = new OpenPack(new(_view.Id, number), PackSignature.Of(trials[0]), trials);
        RestoreHistory(pack, last, [.. trials.Select(trial => _view.Row(trial.Index))]);
        _open.Add(number, pack);
        _unplanned.Add(pack);
    }

    private void RestoreHistory(OpenPack pack, Attempt last, TrialRow[] rows)
    {
        var suspectedAfter = _view.Suspects.TryGetValue(pack.Id.Number, out var attempt) ? attempt : new Attempt(0);
        pack.Restore(new(Math.Max(suspectedAfter.Value, last.Value)), rows.Max(row => row.Losses), rows[0].Reason, _view.ShapeOf(rows[0].Pack));
        if (suspectedAfter.Value > 0) pack.Suspect();
    }

    private void RecordSuspicion(OpenPack pack, Effects effects) => Record(
        new SweepEvent.PackSuspected(pack.Id.Number, pack.Attempt, pack.Trials.Select(trial => trial.Index).ToValueList()) { Sweep = _view.Id }, effects);
}
