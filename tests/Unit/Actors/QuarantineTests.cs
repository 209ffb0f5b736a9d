using Vae.Coordinator.Actors;
using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Messages;

namespace Vae.Tests.Unit.Actors;

public class QuarantineTests
{
    private static readonly ActorId Observer = ActorId.Host(NodeId.Coordinator);

    private readonly Probe _placement = new(new Placement(Some.Context() with { Observers = [Observer] }));
    private ulong _incarnations = 100;
    private int _packs;

    public QuarantineTests() => _placement.Feed(new PlacementMessage.RecoveryBegins([]));

    private IReadOnlyList<Effect> Join(int worker) => _placement.Feed(Some.Joined(Some.Worker(worker), incarnation: ++_incarnations));

    private IReadOnlyList<Effect> DieAndJoin(int worker, double afterSeconds)
    {
        _placement.FeedAfter(afterSeconds, new PlacementMessage.WorkerGone(Some.Worker(worker), _incarnations, false, "its connection broke"));
        return Join(worker);
    }

    private IReadOnlyList<Effect> Blame(int worker) => _placement.Feed(new PlacementMessage.WorkerBlamed(Some.Worker(worker), "no such device"));

    // The other worker trains a trial to its end.
    private void OtherSucceeds()
    {
        var pack = _packs++;
        var member = Assert.Single(Assert.Single(_placement.Feed(Some.Request(pack, 1, 1, 1)).Sent<PackMessage.GangGranted>()).Members);
        _placement.Feed(new PlacementMessage.GangProved(Some.Pack(pack), new(1)));
        _placement.Feed(new PlacementMessage.ReleaseGang(Some.Pack(pack), new(1)));
        _placement.Feed(new PlacementMessage.LaneFreed(member.Worker, 101, Some.Pack(pack), new(1), Generation.Max));
    }

    private static ObserverMessage.WorkerQuarantined? Held(IReadOnlyList<Effect> effects) => effects.Sent<ObserverMessage.WorkerQuarantined>().SingleOrDefault();

    private WorkerDescription Describe(int worker) =>
        Assert.Single(_placement.Feed(new PlacementMessage.DescribePlacement(Observer)).Sent<ObserverMessage.PlacementDescribed>()).Workers.Single(one => one.Worker == Some.Worker(worker));

    [Fact]
    public void A_worker_on_which_three_attempts_fail_while_another_succeeds_gets_no_new_work_and_is_shown_with_the_reason()
    {
        Join(0);
        Join(1);
        Assert.Null(Held(Blame(1)));
        Assert.Null(Held(Blame(1)));
        OtherSucceeds();
        var held = Held(Blame(1));
        Assert.Equal((Some.Worker(1), TimeSpan.FromSeconds(30)), (held!.Worker, held.For));
        var shown = Describe(1);
        Assert.Equal((WorkerStanding.Quarantined, "no such device", TimeSpan.FromSeconds(30)), (shown.Standing, shown.Reason, shown.For));

        Assert.Equal(Some.Worker(0), Assert.Single(Assert.Single(_placement.Feed(Some.Request(50, 1, 1, 2)).Sent<PackMessage.GangGranted>()).Members).Worker);
        Assert.Empty(_placement.Feed(Some.Request(51, 1, 1, 1)).Sent<PackMessage.GangGranted>());
        var released = _placement.FeedAfter(30, new PlacementMessage.PlacementTick());
        Assert.Equal(TimeSpan.Zero, Held(released)!.For);
        Assert.Single(released.Sent<PackMessage.GangGranted>());
    }

    [Fact]
    public void What_fails_on_all_workers_is_no_workers_fault()
    {
        Join(0);
        Join(1);
        for (var i = 0; i < 10; i++)
        {
            Assert.Null(Held(Blame(0)));
            Assert.Null(Held(Blame(1)));
        }
    }

    [Fact]
    public void The_only_worker_is_never_left_out()
    {
        Join(0);
        OtherSucceeds();
        for (var i = 0; i < 10; i++) Assert.Null(Held(Blame(0)));
        for (var i = 0; i < 10; i++) Assert.Null(Held(DieAndJoin(0, afterSeconds: 1)));
    }

    [Fact]
    public void After_a_quarantine_one_failure_is_enough_for_one_twice_as_long_up_to_ten_minutes()
    {
        Join(0);
        Join(1);
        Blame(1);
        Blame(1);
        OtherSucceeds();
        var expected = 30.0;
        for (var i = 0; i < 7; i++)
        {
            Assert.Equal(expected, Held(Blame(1))!.For.TotalSeconds);
            Assert.NotNull(Held(_placement.FeedAfter(expected, new PlacementMessage.PlacementTick())));
            expected = Math.Min(600, expected * 2);
        }
    }

    [Fact]
    public void A_success_forgives_all_failures()
    {
        Join(0);
        Blame(0);
        Blame(0);
        OtherSucceeds(); // It is the only one, so the success is its own.
        Join(1);
        Assert.Equal(0, Describe(0).FailuresInRow);
        Assert.Null(Held(Blame(0)));
    }

    [Fact]
    public void A_worker_whose_process_keeps_dying_at_its_start_is_left_out_until_it_stays()
    {
        Join(0);
        Join(1);
        Assert.Null(Held(DieAndJoin(1, afterSeconds: 2)));
        var held = Held(DieAndJoin(1, afterSeconds: 2));
        Assert.Contains("died 2 s after it had joined: its connection broke", held!.Reason, StringComparison.Ordinal);
        DieAndJoin(1, afterSeconds: 2);
        Assert.Equal(WorkerStanding.Quarantined, Describe(1).Standing);
        _placement.FeedAfter(30, new PlacementMessage.PlacementTick());
        Assert.Equal(WorkerStanding.Idle, Describe(1).Standing);
        Assert.Equal(60, Held(DieAndJoin(1, afterSeconds: 2))!.For.TotalSeconds);
    }

    [Fact]
    public void A_worker_that_was_cut_off_and_comes_back_has_not_died()
    {
        Join(0);
        Join(1);
        for (var i = 0; i < 5; i++)
        {
            _placement.FeedAfter(12, new PlacementMessage.WorkerGone(Some.Worker(1), _incarnations, false, "it was silent"));
            Assert.Null(Held(_placement.Feed(Some.Joined(Some.Worker(1), incarnation: _incarnations))));
        }
    }

    [Fact]
    public void A_worker_that_left_on_purpose_or_lived_long_has_not_died_at_its_start()
    {
        Join(0);
        Join(1);
        for (var i = 0; i < 5; i++) Assert.Null(Held(DieAndJoin(1, afterSeconds: 61)));
        for (var i = 0; i < 5; i++)
        {
            _placement.Feed(new PlacementMessage.WorkerGone(Some.Worker(1), _incarnations, true, "SIGTERM"));
            Assert.Null(Held(Join(1)));
        }
    }

    [Fact]
    public void A_worker_that_is_to_leave_gets_nothing_more_until_another_process_of_it_registers()
    {
        Join(0);
        _placement.Feed(new PlacementMessage.WorkerLeaves(Some.Worker(0), _incarnations));
        Assert.Equal(WorkerStanding.Leaving, Describe(0).Standing);
        Assert.Empty(_placement.Feed(Some.Request(0, 1, 1, 1)).Sent<PackMessage.GangGranted>());
        _placement.Feed(new PlacementMessage.WorkerGone(Some.Worker(0), _incarnations, true, "it left"));
        Assert.Single(Join(0).Sent<PackMessage.GangGranted>());
    }

    [Fact]
    public void Standings_are_told_when_they_change()
    {
        Join(0);
        Join(1);
        _placement.Feed(Some.Request(0, 1, 1, 1));
        Assert.Equal([1, 1, 0, 0], Assert.Single(_placement.Feed(new PlacementMessage.PlacementTick()).Sent<ObserverMessage.StandingsChanged>()).Counts);
        Assert.Empty(_placement.Feed(new PlacementMessage.PlacementTick()).Sent<ObserverMessage.StandingsChanged>());
    }
}
