using System.Diagnostics;
using System.Text;
using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Determinism;
using Vae.Shared.Messages;
using Vae.Shared.Sweeps;

namespace Vae.Coordinator.Actors;

/// <summary>
/// All sweeps that there are. It makes a submission durable before anybody hears of it, answers a repeated one instead of running it twice, starts
/// an actor for each sweep that has not ended, and does the same again from the facts when the coordinator is restarted.
/// </summary>
public sealed class SweepBook : IActor
{
    /// <summary>Sweeps that run at once; more are turned away with the reason.</summary>
    public const int RunningMax = 1_000;

    /// <summary>Sweeps in the store, ended ones included.</summary>
    public const int KnownMax = 1_000_000;

    private readonly CoordinatorContext _context;
    private readonly SortedDictionary<string, int> _trialsOf = new(StringComparer.Ordinal); // Every sweep ever taken: its number of trials.
    private readonly SortedSet<string> _running = new(StringComparer.Ordinal);

    /// <param name="context">Shared by all actors of this life of the coordinator.</param>
    /// <param name="history">At least the submissions and ends of all sweeps, oldest first.</param>
    public SweepBook(CoordinatorContext context, IEnumerable<SweepEvent> history)
    {
        _context = context;
        foreach (var fact in history)
        {
            if (fact is SweepEvent.Submitted submitted)
            {
                _trialsOf.Add(fact.Sweep.Value, submitted.Trials);
                _running.Add(fact.Sweep.Value);
            }
            else if (fact is SweepEvent.Ended)
            {
                _running.Remove(fact.Sweep.Value);
            }
        }
    }

    /// <inheritdoc/>
    public void Receive(ActorId sender, Message message, Instant now, Effects effects)
    {
        switch (message)
        {
            case Signal.Started: Recover(effects); break;
            case Signal.Terminated gone: Bury(gone, effects); break;
            case Signal: break;
            case SweepBookMessage.SubmitSweep submit: Submit(submit, effects); break;
            case SweepBookMessage.CancelSweep cancel: Cancel(cancel, effects); break;
            case SweepBookMessage.SweepRetired retired: _running.Remove(retired.Sweep.Value); break;
            default: throw new UnreachableException($"No rule for {message.GetType().Name}.");
        }
    }

    private void Recover(Effects effects)
    {
        effects.Send(Addresses.Placement, new PlacementMessage.RecoveryBegins(_running.Select(sweep => new SweepId(sweep)).ToValueList()));
        foreach (var sweep in _running) Start(new(sweep), effects);
    }

    private void Submit(SweepBookMessage.SubmitSweep submit, Effects effects)
    {
        if (_trialsOf.TryGetValue(submit.Sweep.Value, out var trials))
        {
            effects.Send(submit.ReplyTo, new ObserverMessage.SweepAccepted(submit.Sweep, trials));
            return;
        }

        if (Refusal() is { } text)
        {
            effects.Send(submit.ReplyTo, new ObserverMessage.SweepRejected(submit.Sweep, text));
            return;
        }

        trials = checked((int)SweepTrials.Count(submit.Definition));
        Verify.That(trials >= 1); // The parser refuses an empty search.
        _trialsOf.Add(submit.Sweep.Value, trials);
        _running.Add(submit.Sweep.Value);
        var definition = Encoding.UTF8.GetString(SweepDefinitionJson.WriteUtf8(submit.Definition));
        _context.Record(
            new SweepEvent.Submitted(submit.Definition.Name, submit.Source, definition, submit.BaseDirectory, trials) { Sweep = submit.Sweep }, effects);
        effects.Send(submit.ReplyTo, new ObserverMessage.SweepAccepted(submit.Sweep, trials));
        Start(submit.Sweep, effects);
    }

    private string? Refusal()
    {
        if (_running.Count >= RunningMax) return $"{RunningMax:N0} sweeps are running, which is the most at once; wait for one to end, or cancel one.";
        return _trialsOf.Count >= KnownMax ? $"The store holds {KnownMax:N0} sweeps, which is the most; start with a new one." : null;
    }

    // The factory reads the facts anew at each start, so a sweep that crashed continues from what is durable.
    private void Start(SweepId sweep, Effects effects)
    {
        var context = _context;
        effects.Spawn(Addresses.Sweep(sweep).Name, () => new Sweep(context, sweep, context.History(sweep)));
        effects.Watch(Addresses.Sweep(sweep));
    }

    private void Cancel(SweepBookMessage.CancelSweep cancel, Effects effects)
    {
        if (_running.Contains(cancel.Sweep.Value)) effects.Send(Addresses.Sweep(cancel.Sweep), new SweepMessage.StopSweep(cancel.Reason));
    }

    // A sweep that retired is no longer among the running; what is left here crashed again and again.
    private void Bury(Signal.Terminated gone, Effects effects)
    {
        const string prefix = "sweep.";
        if (!gone.Actor.Name.StartsWith(prefix, StringComparison.Ordinal)) return;
        var sweep = new SweepId(gone.Actor.Name[prefix.Length..]);
        if (_running.Remove(sweep.Value))
            _context.Record(new SweepEvent.Ended(SweepState.Failed, $"It could not be carried on: {gone.Reason}") { Sweep = sweep }, effects);
    }
}
