using Vae.Coordinator.Actors;
using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Messages;

namespace Vae.Tests.Unit.Actors;

/// <summary>Who is out when training halts: what is seen here decides, a peer's word alone never, and a pack that kills its workers ends its attempt.</summary>
public class PackHaltTests
{
    private static readonly Attempt Now = GangProbe.Attempt;

    [Fact]
    public void A_broken_connection_disturbs_nobody_who_trains_and_a_worker_that_returns_is_whole_again()
    {
        var gang = GangProbe.Training(3);
        Assert.Empty(gang.Break(1).Sent<ReplicaMessage.HaltTraining>());
        gang.After(1);
        Assert.Equal([Some.Replica(1, Now.Value)], gang.Told<ReplicaMessage.Attach>());
        Assert.Single(gang.Tell(1, new PackMessage.ReplicaState(Now, new(1), ReplicaPhase.Training, 40, 0)).OfType<Effect.Watch>());
        gang.Halted(0, 1, 40, silent: 1); // Its word counts no more than before the break.
        gang.Halted(2, 1, 40);
        Assert.Empty(gang.Last.Sent<PlacementMessage.ReleaseMember>());
        gang.Halted(1, 1, 40);
        gang.AssertRegroups(2, 0, 1, 2);
    }

    [Fact]
    public void A_worker_whose_connection_breaks_while_a_ring_is_formed_and_that_comes_back_at_once_halts_nobody()
    {
        var gang = GangProbe.Training(2);
        gang.AllHalted(1, 40, 0, 1);
        gang.Recorded(2);
        Assert.Empty(gang.Break(1).Sent<ReplicaMessage.HaltTraining>());
        gang.After(0.5);
        Assert.Equal(2, gang.Last.Sent<ReplicaMessage.FormRing>().Count); // Its order may have been lost with the connection.
        Assert.Single(gang.Tell(1, new PackMessage.ReplicaTraining(Now, new(2))).OfType<Effect.Watch>());
        gang.After(1);
        Assert.Empty(gang.Last.Sent<ReplicaMessage.HaltTraining>());
        gang.Tell(0, new PackMessage.ReplicaTraining(Now, new(2)));
        gang.After(1);
        Assert.Empty(gang.Last.Sent<ReplicaMessage.FormRing>());
    }

    [Fact]
    public void A_worker_whose_connection_stays_broken_halts_a_ring_that_is_being_formed_where_nobody_would_notice()
    {
        var gang = GangProbe.Training(2);
        gang.Halted(0, 1, 40);
        gang.Halted(1, 1, 40);
        gang.Recorded(2);
        Assert.Empty(gang.Break(1).Sent<ReplicaMessage.HaltTraining>());
        gang.After(0.8);
        Assert.Equal(2, gang.Last.Sent<ReplicaMessage.HaltTraining>().Count);
        gang.Halted(0, 2, 40);
        Assert.Empty(gang.Last.Sent<SweepMessage.PackRegrouped>());
        Assert.Single(gang.Halted(1, 2, 40).OfType<Effect.Watch>());
        gang.AssertRegroups(3, 0, 1);
    }

    [Fact]
    public void A_worker_that_does_not_answer_repeated_orders_is_out_after_two_seconds()
    {
        var gang = GangProbe.Training(3);
        gang.Halted(0, 1, 40, silent: 1);
        gang.Tell(2, new PackMessage.ReplicaHalting(Now, new(1)));
        gang.After(1.9);
        Assert.Equal(2, gang.Last.Sent<ReplicaMessage.HaltTraining>().Count);
        gang.After(0.2);
        gang.AssertReleases(1);
        Assert.Empty(gang.Last.Sent<SweepMessage.PackRegrouped>()); // w2 is busy, and lives.
        gang.Halted(2, 1, 40);
        gang.AssertRegroups(2, 0, 2);
    }

    [Fact]
    public void A_worker_that_lives_but_never_halts_is_out_after_a_minute()
    {
        var gang = GangProbe.Training(2);
        gang.Halted(0, 1, 40, silent: 1);
        gang.Tell(1, new PackMessage.ReplicaHalting(Now, new(1)));
        gang.After(59);
        Assert.Empty(gang.Last.Sent<SweepMessage.PackRegrouped>());
        gang.After(1);
        gang.AssertRegroups(2, 0);
        Assert.Contains("w1 did not halt within 60 s", gang.Regrouped.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void F22_A_worker_that_calls_all_others_dead_excludes_nobody_who_answers()
    {
        var gang = GangProbe.Training(3);
        gang.Halted(0, 1, 40, silent: [1, 2]);
        gang.AllHalted(1, 40, 1, 2);
        gang.AssertRegroups(2, 0, 1, 2);
    }

    [Fact]
    public void F22_Who_calls_the_others_dead_again_and_again_is_isolated_itself()
    {
        var gang = GangProbe.Training(3);
        for (var generation = 1; generation <= PackRunner.FailuresMax; generation++)
        {
            gang.Halted(0, generation, 40, silent: [1, 2]);
            gang.Halted(1, generation, 40, silent: 0); // It was the one to hang up.
            gang.Halted(2, generation, 40, silent: 0);
            if (generation == PackRunner.FailuresMax) break;
            gang.AssertRegroups(generation + 1, 0, 1, 2);
            gang.Recorded(generation + 1);
        }

        gang.AssertRegroups(PackRunner.FailuresMax + 1, 1, 2);
        gang.AssertReleases(0);
    }

    [Fact]
    public void A_pack_that_kills_a_worker_three_times_at_one_place_ends_its_attempt()
    {
        var gang = GangProbe.Training(4);
        for (var generation = 1; generation <= PackRunner.FailuresMax; generation++)
        {
            for (var worker = 0; worker < 4 - generation; worker++) gang.Halted(worker, generation, 40 + generation, silent: 4 - generation);
            gang.Lose(4 - generation);
            if (generation < PackRunner.FailuresMax) gang.Recorded(generation + 1);
        }

        gang.AssertFails(FailureKind.Lost);
    }

    [Fact]
    public void A_gang_that_gets_on_between_losses_survives_any_number_of_them()
    {
        var gang = GangProbe.Training(6);
        for (var generation = 1; generation <= 5; generation++)
        {
            for (var worker = 0; worker < 6 - generation; worker++) gang.Halted(worker, generation, 40 * generation, silent: 6 - generation);
            gang.Lose(6 - generation);
            gang.AssertRegroups(generation + 1, [.. Enumerable.Range(0, 6 - generation)]);
            gang.Recorded(generation + 1);
            gang.AllTrain(generation + 1, [.. Enumerable.Range(0, 6 - generation)]);
        }

        Assert.Empty(gang.Last.Sent<SweepMessage.PackFailed>());
    }

    [Fact]
    public void A_worker_that_slept_through_its_exclusion_is_told_so_by_name_and_stopped()
    {
        var gang = GangProbe.Training(2);
        gang.Lose(1);
        var refused = Assert.Single(gang.Halted(1, 1, 7, silent: 0).Sent<ReplicaMessage.Dismissed>());
        Assert.Equal("w1 is no member of generation 1 of attempt 2", refused.Reason);
        Assert.Empty(gang.Tell(1, new PackMessage.SlotEnded(Now, 0, Some.Done(0, -1))).Sent<SweepMessage.SlotEnded>());
    }
}
