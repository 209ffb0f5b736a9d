using Vae.Coordinator.Actors;
using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Messages;

namespace Vae.Tests.Unit.Actors;

/// <summary>What belongs to the attempt and not to a generation: slot orders, ends of trials, checkpoints and the end of the pack pass from one generation to the next.</summary>
public class PackCarriedTests
{
    private static readonly Attempt Now = GangProbe.Attempt;

    [Fact]
    public void Ends_that_became_durable_are_told_again_before_a_generation_forms_and_no_more_once_it_trains()
    {
        var gang = GangProbe.Training(3);
        gang.Feed(new PackMessage.SlotSettled(Now, 0));
        gang.Lose(0);
        gang.Halted(1, 1, 40, silent: 0);
        gang.Halted(2, 1, 40, silent: 0);
        gang.AssertForms(2, source: 1, 1, 2);
        Assert.Equal([(1, 0), (2, 0)], gang.Last.OfType<Effect.Send>().Where(send => send.Message is ReplicaMessage.SlotEndAccepted)
            .Select(send => (int.Parse(send.Target.Node.Value[1..], null), ((ReplicaMessage.SlotEndAccepted)send.Message).Trial)));
        gang.AllTrain(2, 1, 2);
        gang.Lose(1);
        gang.Halted(2, 2, 50, silent: 1);
        gang.AssertForms(3, source: 2, 2);
        Assert.Empty(gang.Last.Sent<ReplicaMessage.SlotEndAccepted>());
    }

    [Fact]
    public void Orders_that_a_lost_member_never_applied_hold_up_nobody()
    {
        var gang = GangProbe.Training(2);
        gang.Feed(new PackMessage.OrderSlots(Now, [new(1, SlotOrderKind.Close, 0, null, "")]));
        gang.Tell(0, new PackMessage.SlotsChanged(Now, 1));
        gang.Lose(1);
        gang.Halted(0, 1, 7);
        gang.Recorded(2);
        Assert.Empty(gang.Tell(0, new PackMessage.ReplicaTraining(Now, new(2))).Sent<ReplicaMessage.ChangeSlots>());
    }

    [Fact]
    public void Who_takes_over_a_state_has_the_orders_in_it_and_gets_the_rest()
    {
        var gang = GangProbe.Training(2);
        gang.Feed(new PackMessage.OrderSlots(Now, [new(1, SlotOrderKind.Empty, 0, null, "x"), new(2, SlotOrderKind.Close, 0, null, "")]));
        gang.Tell(0, new PackMessage.SlotsChanged(Now, 1));
        gang.Halted(0, 1, 8, silent: 1);
        gang.Halted(1, 1, 7);
        gang.Recorded(2);
        gang.AllTrain(2, 0, 1);
        Assert.All(gang.Last.Sent<ReplicaMessage.ChangeSlots>(), change => Assert.Equal([2L], change.Orders.Select(order => order.Number)));
        Assert.Equal(2, gang.Last.Sent<ReplicaMessage.ChangeSlots>().Count);
    }

    [Fact]
    public void Ends_and_checkpoints_pass_while_the_gang_stands_still()
    {
        var gang = GangProbe.Training(2);
        gang.Halted(0, 1, 8, silent: 1);
        Assert.Single(gang.Tell(0, new PackMessage.SlotEnded(Now, 0, Some.Done(0, -1))).Sent<SweepMessage.SlotEnded>());
        Assert.Equal(2, gang.Feed(new PackMessage.SlotSettled(Now, 0)).Sent<ReplicaMessage.SlotEndAccepted>().Count);
        var made = new CheckpointInfo(Some.Pack(0), Now, 5, 9, "ab", []);
        Assert.Equal(made, Assert.Single(gang.Tell(0, new PackMessage.CheckpointMade(Now, made)).Sent<SweepMessage.PackCheckpointed>()).Checkpoint);
        Assert.Equal(2, gang.Feed(new PackMessage.CheckpointSettled(Now, 5)).Sent<ReplicaMessage.CheckpointAccepted>().Count);
    }

    [Fact]
    public void A_rank_0_that_is_done_ends_the_attempt_also_while_others_halt()
    {
        var gang = GangProbe.Training(2);
        gang.Halted(1, 1, 7, silent: 0);
        Assert.Single(gang.Done(0, 1).Sent<SweepMessage.PackDone>());
    }

    [Fact]
    public void A_survivor_that_is_done_is_the_source_of_the_generation_that_tells_the_last_ends()
    {
        var gang = GangProbe.Training(3);
        gang.Lose(0);
        gang.Done(1, 1);
        gang.Halted(2, 1, 99, silent: 0);
        gang.AssertForms(2, source: 1, 1, 2);
        Assert.Empty(gang.Done(1, 1).Sent<SweepMessage.PackDone>()); // Of before: it has not told them yet.
        Assert.Single(gang.Done(1, 2).Sent<SweepMessage.PackDone>());
    }
}
