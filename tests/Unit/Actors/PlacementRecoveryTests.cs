using Vae.Coordinator.Actors;
using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Messages;

namespace Vae.Tests.Unit.Actors;

public class PlacementRecoveryTests
{
    private static readonly RunningReplica Left = new(Some.Pack(0), new(2), new(1));

    private readonly Probe _placement = new(new Placement(Some.Context()));

    private IReadOnlyList<Effect> Begin() => _placement.Feed(new PlacementMessage.RecoveryBegins([Some.Sweep]));

    private IReadOnlyList<Effect> Recovered() => _placement.Feed(new PlacementMessage.SweepRecovered(Some.Sweep));

    private IReadOnlyList<Effect> Claim(params int[] workers) =>
        _placement.Feed(new PlacementMessage.ClaimGang(Some.Request(0, 2, 1, 3), workers.Select(Some.Process).ToValueList()));

    private IReadOnlyList<Effect> Return(int worker, params RunningReplica[] running) => _placement.Feed(Some.Joined(Some.Worker(worker)) with { Running = running.ToValueList() });

    private static string[] Members(IReadOnlyList<Effect> effects) => [.. effects.Sent<PackMessage.GangGranted>()[^1].Members.Select(member => member.Worker.Value)];

    private IReadOnlyList<Effect> AskForAnother() => _placement.Feed(Some.Request(7, 1, 1, 1));

    [Fact]
    public void Claimed_workers_are_their_gangs_again_in_whatever_order_they_and_the_claim_come()
    {
        Begin();
        Assert.Empty(Return(0, Left).Sent<AgentMessage.StopReplica>());
        Assert.Equal(["w0"], Members(Claim(0, 1)));
        Recovered();
        var returned = Return(1, Left);
        Assert.Empty(returned.Sent<AgentMessage.StopReplica>());
        Assert.Equal(["w0", "w1"], Members(returned));
        Assert.Empty(AskForAnother().Sent<PackMessage.GangGranted>());
    }

    [Fact]
    public void Lanes_of_a_replica_that_may_be_claimed_yet_are_given_to_nobody()
    {
        Return(0, Left); // Before the book has said which sweeps go on.
        Begin();
        Assert.Empty(AskForAnother().Sent<PackMessage.GangGranted>());
    }

    [Fact]
    public void What_a_sweep_has_not_claimed_is_stopped_as_soon_as_it_has_recovered()
    {
        Begin();
        Return(0, Left);
        Assert.Equal(Some.Pack(0), Assert.Single(Recovered().Sent<AgentMessage.StopReplica>()).Pack);
        Assert.Single(Return(1, Left).Sent<AgentMessage.StopReplica>());
    }

    [Fact]
    public void A_replica_of_a_sweep_that_does_not_go_on_is_stopped_at_once()
    {
        Begin();
        Assert.Single(Return(0, new RunningReplica(new(new("s-ended"), 1), new(1), new(1))).Sent<AgentMessage.StopReplica>());
    }

    [Fact]
    public void A_sweep_that_never_claims_keeps_lanes_only_for_so_long()
    {
        Begin();
        Return(0, Left);
        Assert.Empty(_placement.FeedAfter(1, new PlacementMessage.PlacementTick()).Sent<AgentMessage.StopReplica>());
        Assert.Empty(_placement.FeedAfter(59, new PlacementMessage.PlacementTick()).Sent<AgentMessage.StopReplica>());
        Assert.Single(_placement.FeedAfter(1, new PlacementMessage.PlacementTick()).Sent<AgentMessage.StopReplica>());
    }

    [Fact]
    public void A_claimed_worker_that_comes_back_without_its_replica_is_told_as_lost()
    {
        Begin();
        Claim(0, 1);
        Assert.Equal(Some.Worker(0), Assert.Single(Return(0).Sent<PackMessage.MemberLost>()).Worker);
        Assert.Single(AskForAnother().Sent<PackMessage.GangGranted>());
    }

    [Fact]
    public void An_older_process_of_a_claimed_workers_name_is_not_taken_for_it()
    {
        Begin();
        var claim = new PlacementMessage.ClaimGang(Some.Request(0, 2, 1, 3), [new(Some.Worker(0), 2)]);
        _placement.Feed(Some.Joined(Some.Worker(0)) with { Running = [Left] });
        Assert.Empty(Assert.Single(_placement.Feed(claim).Sent<PackMessage.GangGranted>()).Members);
        var back = _placement.Feed(Some.Joined(Some.Worker(0), incarnation: 2) with { Running = [Left with { PreparedFor = new(4) }] });
        Assert.Equal([Some.Member(0) with { Incarnation = 2, PreparedFor = new(4) }], back.Sent<PackMessage.GangGranted>()[^1].Members);
    }

    [Fact]
    public void A_later_process_of_a_claimed_workers_name_is_the_loss_of_the_one_that_had_the_state()
    {
        Begin();
        Claim(0);
        var other = _placement.Feed(Some.Joined(Some.Worker(0), incarnation: 2) with { Running = [Left] });
        Assert.Equal(Some.Worker(0), Assert.Single(other.Sent<PackMessage.MemberLost>()).Worker);
    }

    [Fact]
    public void A_claimed_worker_that_was_let_go_before_it_came_back_is_stopped_when_it_does()
    {
        Begin();
        Return(0, Left);
        Claim(0, 1);
        Recovered();
        _placement.Feed(new PlacementMessage.ReleaseMember(Some.Pack(0), new(2), Some.Process(1), new(1), MayReturn: false, "it did not come back"));
        Assert.Single(Return(1, Left).Sent<AgentMessage.StopReplica>());
    }

    [Fact]
    public void A_claim_that_is_repeated_is_answered_again()
    {
        Begin();
        Return(0, Left);
        Claim(0, 1);
        Assert.Equal(["w0"], Members(Claim(0, 1)));
    }

    [Fact]
    public void A_claimed_gang_grows_when_all_of_it_have_come_or_were_let_go()
    {
        Begin();
        Return(0, Left);
        Claim(0, 1);
        Return(2);
        Assert.Empty(_placement.FeedAfter(1, new PlacementMessage.PlacementTick()).Sent<PackMessage.GangGrown>());
        _placement.Feed(new PlacementMessage.ReleaseMember(Some.Pack(0), new(2), Some.Process(1), new(1), MayReturn: false, "it did not come back"));
        Assert.Single(_placement.FeedAfter(1, new PlacementMessage.PlacementTick()).Sent<PackMessage.GangGrown>());
    }

    [Fact]
    public void A_claimed_gang_whose_runner_ends_gives_its_workers_back()
    {
        Begin();
        Return(0, Left);
        Claim(0);
        Assert.Single(_placement.Feed(new Signal.Terminated(Addresses.PackRunner(Some.Pack(0), new(2)), "crashed")).Sent<AgentMessage.StopReplica>());
    }
}
