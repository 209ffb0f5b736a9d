using System.Text;
using Vae.Coordinator.Actors;
using Vae.Coordinator.Projections;
using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Determinism;
using Vae.Shared.Messages;
using Vae.Shared.Sweeps;

namespace Vae.Tests.Unit.Actors;

/// <summary>A sweep among runners that do whatever they may in any order, and say everything twice now and then. Trials of four signatures and three latent sizes.</summary>
public class SweepPackRandomTests
{
    private const int Trials = 96;
    private const int TroubleMax = 60; // Failures and restarts; after them everything goes well, so that the sweep must end.

    private sealed class Running(PackMessage.StartRecorded start)
    {
        public PackMessage.StartRecorded Start => start;

        public SortedDictionary<int, TrialSpec> Slots { get; } = new(start.Slots.ToDictionary(fill => fill.Slot, fill => fill.Trial));

        /// <summary>Trials that begin when those in their slots end.</summary>
        public SortedDictionary<int, TrialSpec> Waiting { get; } = [];

        public IEnumerable<TrialSpec> All => Slots.Values.Concat(Waiting.Values);

        public bool Closed { get; set; } = start.Closed;

        public long Orders { get; set; }

        public SweepMessage.SlotEnded? Last { get; set; }
    }

    public static TheoryData<ulong> Seeds => [.. Enumerable.Range(1, 60).Select(seed => (ulong)seed)];

    [Theory, MemberData(nameof(Seeds))]
    public void Every_trial_ends_once_in_packs_of_its_own_kind_whatever_runners_do(ulong seed)
    {
        var world = new World(seed);
        world.Restart();
        for (var moves = 0; !world.HasEnded; moves++)
        {
            Assert.True(moves < 20_000, "the sweep does not end");
            world.Move();
        }

        var ends = world.Facts.OfType<SweepEvent.TrialEnded>().GroupBy(ended => ended.Result.TrialIndex).ToArray();
        Assert.Equal(Trials, ends.Length);
        Assert.All(ends, group => Assert.Single(group));
    }

    private sealed class World(ulong seed)
    {
        private readonly Prng _prng = new(seed);
        private readonly Dictionary<int, int> _attempts = []; // The last one of each trial.
        private readonly SortedDictionary<string, (PackId Pack, Attempt Attempt)> _waiting = new(StringComparer.Ordinal);
        private readonly SortedDictionary<string, Running> _running = new(StringComparer.Ordinal);
        private readonly SortedSet<string> _adopted = new(StringComparer.Ordinal);
        private readonly List<SweepMessage> _wakes = [];
        private Probe _sweep = null!;
        private int _troubles;

        public List<SweepEvent> Facts { get; } = [Submission()];

        public bool HasEnded => Facts[^1] is SweepEvent.Ended;

        public void Restart()
        {
            _waiting.Clear();
            _wakes.Clear();
            _adopted.Clear();
            _sweep = new(new Sweep(Some.Context(), Some.Sweep, [.. Facts]));
            Feed(new Signal.Started());
            foreach (var gone in _running.Keys.Except(_adopted).ToArray())
            {
                Assert.Empty(_running[gone].Slots); // What trains on is adopted.
                _running.Remove(gone);
            }

            if (_prng.Chance(0.5)) Feed(new SweepMessage.DatasetReady(Some.Manifest, []));
            foreach (var runner in _adopted.Where(_running.ContainsKey).ToArray())
            {
                if (_prng.Chance(0.3)) Feed(new SweepMessage.PackFailed(PackOf(runner), _running[runner].Start.Attempt, FailureKind.Preempted, "nobody came back"), runner);
                else EndSlot(runner);
            }

            Feed(new SweepMessage.DatasetReady(Some.Manifest, []));
        }

        public void Move()
        {
            var roll = _prng.NextBelow(100);
            if (roll < 25 && _waiting.Count > 0) Grant(Pick(_waiting.Keys));
            else if (roll < 30 && _wakes.Count > 0) Fire();
            else if (roll < 33 && Trouble()) Fail();
            else if (roll < 34 && Trouble()) Restart();
            else if (roll < 36 && Trouble()) Feed(new SweepMessage.StopTrial(_prng.NextBelow(Trials), TrialState.Pruned, "for a test"));
            else if (roll < 45 && _running.Count > 0 && _running[Pick(_running.Keys)].Last is { } last) Feed(last);
            else if (roll < 60 && _running.Count > 0) SayEnding(Pick(_running.Keys));
            else if (_running.Count > 0) EndSlot(Pick(_running.Keys));
            else if (_waiting.Count > 0) Grant(Pick(_waiting.Keys));
            else Fire();
        }

        private static SweepEvent.Submitted Submission()
        {
            static SearchParameter Of(string path, params string[] values) => new(path, new ParameterDomain.Values(values.ToValueList()));
            var definition = Some.Definition(1) with
            {
                Search = new() { Parameters = [Of("training.seed", "1", "2", "3", "4", "5", "6", "7", "8"), Of("training.batch", "8", "16"), Of("model.encoder", "[4]", "[5]"), Of("model.latent", "2", "4", "6")] },
            };
            return new("test", "", Encoding.UTF8.GetString(SweepDefinitionJson.WriteUtf8(definition)), "", Trials) { Sweep = Some.Sweep };
        }

        private bool Trouble() => ++_troubles <= TroubleMax;

        private string Pick(ICollection<string> names) => names.ElementAt(_prng.NextBelow(names.Count));

        private static ActorId Actor(string runner) => new(NodeId.Coordinator, runner);

        private void Grant(string runner)
        {
            var (pack, attempt) = _waiting[runner];
            Feed(new SweepMessage.PackStarted(pack, attempt, [Some.Process(0)], _prng.NextBelow(4)), runner);
        }

        private void EndSlot(string runner)
        {
            var running = _running[runner];
            var start = running.Start;
            if (running.Slots.Count == 0)
            {
                if (running.Closed) Feed(new SweepMessage.PackDone(PackOf(runner), start.Attempt, []), runner);
                return;
            }

            var (slot, trial) = running.Slots.ElementAt(_prng.NextBelow(running.Slots.Count));
            running.Slots.Remove(slot);
            if (running.Waiting.Remove(slot, out var next)) running.Slots.Add(slot, next);
            var result = Some.Done(trial.Index, -1);
            if (_prng.Chance(0.1)) result = result with { State = TrialState.Failed, FailureText = "non-finite loss" };
            running.Last = new SweepMessage.SlotEnded(PackOf(runner), start.Attempt, slot, result, _prng.Chance(0.1));
            Feed(running.Last, runner);
        }

        private void SayEnding(string runner)
        {
            var running = _running[runner];
            if (running.Slots.Count == 0) return;
            var (slot, trial) = running.Slots.ElementAt(_prng.NextBelow(running.Slots.Count));
            Feed(new SweepMessage.SlotEnding(PackOf(runner), running.Start.Attempt, slot, trial.Index, _prng.Chance(0.1)), runner);
        }

        private void Fail()
        {
            if (_running.Count == 0) return;
            var runner = Pick(_running.Keys);
            FailureKind[] kinds = [FailureKind.Lost, FailureKind.Preempted, FailureKind.OutOfMemory, FailureKind.Engine, FailureKind.PeerLost, FailureKind.Refused];
            Feed(new SweepMessage.PackFailed(PackOf(runner), _running[runner].Start.Attempt, kinds[_prng.NextBelow(kinds.Length)], "for a test"), runner);
        }

        private void Fire()
        {
            if (_wakes.Count == 0) return;
            var wake = _wakes[_prng.NextBelow(_wakes.Count)];
            _wakes.Remove(wake);
            Feed(wake);
        }

        // pack.SWEEP.NUMBER.ATTEMPT
        private static PackId PackOf(string runner) => new(Some.Sweep, int.Parse(runner.Split('.')[2], System.Globalization.CultureInfo.InvariantCulture));

        private void Feed(Message message, string? runner = null)
        {
            foreach (var effect in _sweep.Feed(message, runner is null ? null : Actor(runner)))
            {
                switch (effect)
                {
                    case Effect.Persist { Event: SweepEvent fact }: Facts.Add(fact); break;
                    case Effect.Spawn spawn: Spawn(spawn.Name); break;
                    case Effect.Wake { Message: SweepMessage.RetryDue retry }: _wakes.Add(retry); break;
                    case Effect.Send { Message: PlannerMessage.PlanPack ask }: Feed(Some.Planned(ask, 1 + _prng.NextBelow(5))); break;
                    case Effect.Send send when send.Target.Name.StartsWith("pack.", StringComparison.Ordinal): Hear(send.Target.Name, send.Message); break;
                    default: break;
                }
            }
        }

        private void Spawn(string runner)
        {
            if (_running.ContainsKey(runner))
            {
                Assert.True(_adopted.Add(runner), $"{runner} is adopted twice");
                return;
            }

            var parts = runner.Split('.');
            var attempt = int.Parse(parts[3], System.Globalization.CultureInfo.InvariantCulture);
            Assert.True(_waiting.TryAdd(runner, (PackOf(runner), new(attempt))), $"{runner} is there already");
        }

        private void Hear(string runner, Message message)
        {
            switch (message)
            {
                case PackMessage.StartRecorded start when _waiting.Remove(runner): Begin(runner, start); break;
                case PackMessage.OrderSlots orders when _running.TryGetValue(runner, out var running):
                    foreach (var order in orders.Orders) Apply(running, order);
                    break;
                case PackMessage.CancelPack or PackMessage.PackSettled:
                    _waiting.Remove(runner);
                    _running.Remove(runner);
                    break;
                default: break;
            }
        }

        private void Begin(string runner, PackMessage.StartRecorded start)
        {
            Assert.InRange(start.Slots.Count, 1, start.Shape.Slots);
            foreach (var fill in start.Slots) Check(runner, fill.Trial, start);
            _running.Add(runner, new(start));
        }

        private void Apply(Running running, SlotOrder order)
        {
            Assert.Equal(++running.Orders, order.Number);
            switch (order.Kind)
            {
                case SlotOrderKind.Fill:
                    Assert.False(running.Closed);
                    Check("", order.Trial!, running.Start);
                    if (running.Slots.ContainsKey(order.Slot)) running.Waiting.Add(order.Slot, order.Trial!); // Throws where another waits.
                    else running.Slots.Add(order.Slot, order.Trial!);
                    break;
                case SlotOrderKind.Close: running.Closed = true; break;
                default: break; // The trial ends by itself all the same: the order may come too late.
            }
        }

        // Durable before it is told, of the pack's kind, within its width, and in no other running pack.
        private void Check(string runner, TrialSpec trial, PackMessage.StartRecorded start)
        {
            Assert.Equal(PackSignature.Of(start.Slots[0].Trial), PackSignature.Of(trial));
            Assert.True(start.Shape.Fits(trial), $"{runner}: {trial.Label} does not fit {start.Shape}");
            Assert.DoesNotContain(_running.Values.SelectMany(running => running.All), other => other.Index == trial.Index);
            var view = new SweepView(Some.Sweep);
            foreach (var fact in Facts) view.Apply(fact);
            Assert.Equal((TrialState.Running, start.Attempt), (view.Row(trial.Index).State, view.Row(trial.Index).Attempt));
            Assert.True(start.Attempt.Value > _attempts.GetValueOrDefault(trial.Index), $"trial {trial.Index} has attempt {start.Attempt.Value} twice");
            _attempts[trial.Index] = start.Attempt.Value;
        }
    }
}
