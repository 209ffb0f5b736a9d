using System.Diagnostics;
using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Determinism;
using Vae.Shared.Messages;
using Vae.Shared.Sweeps;

namespace Vae.Coordinator.Actors;

/// <summary>
/// Which shape the packs of a signature get: how many trials are fused, how many packs a worker trains side by side, with how many threads. What is best differs by machine and
/// model by more than ten times, so it measures where the work is long enough to repay that, and remembers the readings per kind of worker and signature; else a rule of thumb answers.
/// A question never fails, and waits for a few seconds at most once there is a worker: a probe that is refused, lost or late is replaced by the rule.
/// While probes are wanted all answers are held back, because the packs that an answer sets free would disturb the measurements of the others.
/// </summary>
public sealed class Planner(CoordinatorContext context) : IActor
{
    /// <summary>A probe that has not answered by then is given up: the 5 s it may take, and the way there and back.</summary>
    public static readonly TimeSpan ProbeWithin = TimeSpan.FromSeconds(8);

    /// <summary>Signatures whose readings are kept; the oldest are forgotten first.</summary>
    public const int KnownMax = 1_024;

    /// <summary>Signatures probed in one go while the others wait: a sweep of many shapes should not spend minutes before its first step.</summary>
    public const int ProbesMax = 3;

    private readonly PlannerWorkers _workers = new();
    private readonly List<Pending> _waiting = []; // One per signature and running sweep.
    private readonly Dictionary<string, ValueList<ProbeReading>> _known = []; // Looked up only.
    private readonly Queue<string> _knownByAge = [];
    private Probe? _probe;
    private int _probes;
    private long _numbers;

    private sealed class Pending(PlannerMessage.PlanPack ask)
    {
        public PackQuestion Question => ask.Question;

        public ActorId ReplyTo => ask.ReplyTo;

        /// <summary>Workers that were asked to probe; their refusals cost little, their silence <see cref="ProbeWithin"/>.</summary>
        public HashSet<NodeId> Asked { get; } = [];

        public bool MayAsk { get; set; } = true;
    }

    private sealed record Probe(long Number, string Key, NodeId Worker, Pending Pending);

    /// <inheritdoc/>
    public void Receive(ActorId sender, Message message, Instant now, Effects effects)
    {
        switch (message)
        {
            case Signal: break;
            case PlannerMessage.PlanPack ask: Take(ask); break;
            case PlannerMessage.WorkerJoined joined: _workers.Join(joined); break;
            case PlannerMessage.WorkerGone gone: Lose(gone); break;
            case PlannerMessage.ProbeEnded ended: Learn(ended); break;
            case PlannerMessage.ProbeOverdue overdue when overdue.Number == _probe?.Number: GiveUp(); break;
            case PlannerMessage.ProbeOverdue: break;
            default: throw new UnreachableException($"No rule for {message.GetType().Name}.");
        }

        if (_probe is null && !StartProbe(effects)) AnswerAll(effects);
    }

    private void Take(PlannerMessage.PlanPack ask)
    {
        var signature = ask.Question.Signature;
        if (!_waiting.Exists(other => other.ReplyTo == ask.ReplyTo && other.Question.Signature == signature)) _waiting.Add(new(ask));
    }

    private void Lose(PlannerMessage.WorkerGone gone)
    {
        if (_workers.Leave(gone) && _probe?.Worker == gone.Worker) _probe = null;
    }

    // Empty-handed is a worker that has work, or one that was asked only for what it knows.
    private void Learn(PlannerMessage.ProbeEnded ended)
    {
        if (_probe is null || _probe.Number != ended.Number) return;
        if (ended.Readings.Count > 0) Remember(_probe.Key, ended.Readings);
        _probe = null;
    }

    private void GiveUp()
    {
        _probe!.Pending.MayAsk = false;
        _probe = null;
    }

    private void Remember(string key, ValueList<ProbeReading> readings)
    {
        if (_known.TryAdd(key, readings)) _knownByAge.Enqueue(key);
        else _known[key] = readings;
        if (_known.Count > KnownMax) _known.Remove(_knownByAge.Dequeue());
    }

    // True when one is out now.
    private bool StartProbe(Effects effects)
    {
        foreach (var pending in _waiting)
        {
            if (!pending.MayAsk || _workers.RoomFor(pending.Question) is not { } room || !PackPlanner.HasChoice(pending.Question, room)) continue;
            if (_known.ContainsKey(KeyOf(pending.Question))) continue;
            var onlyKnown = _probes >= ProbesMax || !PackPlanner.IsWorthProbing(pending.Question, room);
            if (_workers.NextToAsk(pending.Question, pending.Asked) is not { } worker) continue;
            pending.Asked.Add(worker.Worker);
            if (onlyKnown) pending.MayAsk = false;
            else _probes++;
            var order = ProbeOrder.Of(pending.Question, room);
            _probe = new(++_numbers, order.Key(worker.Facts), worker.Worker, pending);
            effects.Send(Addresses.Agent(worker.Worker), new AgentMessage.ProbePack(context.Term, _numbers, order, onlyKnown));
            effects.Wake(ProbeWithin, new PlannerMessage.ProbeOverdue(_numbers));
            return true;
        }

        return false;
    }

    private void AnswerAll(Effects effects)
    {
        var left = new List<Pending>();
        foreach (var pending in _waiting)
        {
            if (_workers.RoomFor(pending.Question) is { } room) Answer(pending, room, effects);
            else left.Add(pending);
        }

        if (left.Count < _waiting.Count) _probes = 0;
        _waiting.Clear();
        _waiting.AddRange(left);
    }

    private void Answer(Pending pending, WorkerRoom room, Effects effects)
    {
        var readings = _known.GetValueOrDefault(KeyOf(pending.Question)) ?? [];
        var choice = PackPlanner.Choose(pending.Question, room, readings);
        effects.Send(pending.ReplyTo, new SweepMessage.PackPlanned(pending.Question.Signature.Key, choice.Shape, choice.Reason));
    }

    private string KeyOf(PackQuestion question) => ProbeOrder.Of(question, _workers.RoomFor(question)!).Key(_workers.FactsFor(question));
}
