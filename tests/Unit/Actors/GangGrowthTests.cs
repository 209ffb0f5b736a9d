using Vae.Coordinator.Actors;
using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Messages;

namespace Vae.Tests.Unit.Actors;

public class GangGrowthTests
{
    private readonly Probe _placement = new(new Placement(Some.Context()));

    public GangGrowthTests() => _placement.Feed(new PlacementMessage.RecoveryBegins([]));

    private void Join(int first, int count, int lanes = 1)
    {
        for (var i = first; i < first + count; i++) _placement.Feed(Some.Joined(Some.Worker(i), lanes));
    }

    private IReadOnlyList<Effect> Tick() => _placement.FeedAfter(1, new PlacementMessage.PlacementTick());

    private IReadOnlyList<Effect> Lose(int worker, ulong incarnation = 1) => _placement.Feed(new PlacementMessage.WorkerGone(Some.Worker(worker), incarnation, false, "silent"));

    private static string[] Grown(IReadOnlyList<Effect> effects) => [.. effects.Sent<PackMessage.GangGrown>().SelectMany(grown => grown.Joiners).Select(member => member.Worker.Value)];

    private string[] Members(int pack) => [.. Assert.Single(_placement.Feed(Some.Request(pack, 1, 1, 3)).Sent<PackMessage.GangGranted>()).Members.Select(member => member.Worker.Value)];

    [Fact]
    public void A_running_gang_below_its_most_gets_workers_that_come_later_all_at_one_time()
    {
        Join(0, 1);
        _placement.Feed(Some.Request(0, 1, 1, 3));
        Join(1, 3);
        Assert.Equal(["w1", "w2"], Grown(Tick()));
        Assert.Empty(Grown(Tick()));
        Assert.Equal(["w0", "w1", "w2"], Members(0));
    }

    [Fact]
    public void A_gang_that_waits_goes_before_one_that_would_grow()
    {
        Join(0, 1);
        _placement.Feed(Some.Request(0, 1, 1, 3));
        _placement.Feed(Some.Request(1, 1, 2, 2));
        Assert.Empty(Grown(Tick()));
        Join(1, 1);
        Assert.Empty(Grown(Tick())); // The waiting gang needs two, and there are two workers that serve.
        _placement.Feed(new PlacementMessage.ReleaseGang(Some.Pack(1), new(1)));
        Assert.Equal(["w1"], Grown(Tick()));
    }

    [Fact]
    public void The_smallest_gang_grows_first()
    {
        Join(0, 3);
        _placement.Feed(Some.Request(0, 1, 2, 3));
        _placement.Feed(new PlacementMessage.ReleaseGang(Some.Pack(0), new(1)));
        for (var i = 0; i < 3; i++) _placement.Feed(new PlacementMessage.LaneFreed(Some.Worker(i), 1, Some.Pack(0), new(1), Generation.Max));
        _placement.Feed(Some.Request(1, 1, 2, 2));
        _placement.Feed(Some.Request(2, 1, 1, 2));
        Join(3, 1);
        var grown = Tick();
        Assert.Equal(["w3"], Grown(grown));
        Assert.Equal(Addresses.PackRunner(Some.Pack(2), new(1)), grown.OfType<Effect.Send>().Single(send => send.Message is PackMessage.GangGrown).Target);
    }

    [Fact]
    public void A_lost_worker_leaves_its_gang_and_another_takes_its_place()
    {
        Join(0, 3);
        _placement.Feed(Some.Request(0, 1, 1, 2));
        Assert.Equal(Some.Worker(1), Assert.Single(Lose(1).Sent<PackMessage.MemberLost>()).Worker);
        Assert.Equal(["w0"], Members(0));
        Assert.Equal(["w2"], Grown(Tick()));
        Assert.Equal(["w0", "w2"], Members(0));
    }

    [Fact]
    public void A_member_that_is_let_go_is_stopped_and_its_lane_serves_another_pack_when_it_is_free()
    {
        Join(0, 2);
        _placement.Feed(Some.Request(0, 1, 1, 2));
        var let = _placement.Feed(new PlacementMessage.ReleaseMember(Some.Pack(0), new(1), Some.Process(1), new(1), MayReturn: false, "leaves"));
        Assert.Equal(Addresses.Agent(Some.Worker(1)), let.OfType<Effect.Send>().Single(send => send.Message is AgentMessage.StopReplica).Target);
        Assert.Empty(_placement.Feed(Some.Request(1, 1, 1, 1)).Sent<PackMessage.GangGranted>());
        Assert.Single(_placement.Feed(new PlacementMessage.LaneFreed(Some.Worker(1), 1, Some.Pack(0), new(1), Generation.Max)).Sent<PackMessage.GangGranted>());
        Assert.Equal(["w0"], Members(0));
    }

    [Fact]
    public void A_process_that_has_left_a_gang_is_not_given_back_to_it_but_its_successor_is()
    {
        Join(0, 2);
        _placement.Feed(Some.Request(0, 1, 1, 2));
        _placement.Feed(new PlacementMessage.ReleaseMember(Some.Pack(0), new(1), Some.Process(1), new(1), MayReturn: false, "slow"));
        _placement.Feed(new PlacementMessage.LaneFreed(Some.Worker(1), 1, Some.Pack(0), new(1), Generation.Max));
        Assert.Empty(Grown(Tick()));
        Lose(1);
        _placement.Feed(Some.Joined(Some.Worker(1), incarnation: 2));
        Assert.Equal(["w1"], Grown(Tick()));
    }

    private IReadOnlyList<Effect> Drop(int through) =>
        _placement.Feed(new PlacementMessage.ReleaseMember(Some.Pack(0), new(1), Some.Process(1), new(through), MayReturn: true, "it did not answer"));

    private IReadOnlyList<Effect> Free(int through) => _placement.Feed(new PlacementMessage.LaneFreed(Some.Worker(1), 1, Some.Pack(0), new(1), new(through)));

    [Fact]
    public void A_process_that_was_out_of_reach_is_given_back_to_its_gang_once_it_has_stopped_what_it_had()
    {
        Join(0, 2);
        _placement.Feed(Some.Request(0, 1, 1, 2));
        Assert.Equal((1UL, new Generation(1)), Assert.Single(Drop(through: 1).Sent<AgentMessage.StopReplica>()) is var stop ? (stop.Incarnation, stop.Through) : default);
        Assert.Empty(Grown(Tick()));
        Free(through: 1);
        Assert.Equal(["w1"], Grown(Tick()));
    }

    [Fact]
    public void A_process_that_was_lost_and_registers_again_is_given_back_once_its_replica_is_gone()
    {
        Join(0, 2);
        _placement.Feed(Some.Request(0, 1, 1, 2));
        Lose(1);
        var back = _placement.Feed(Some.Joined(Some.Worker(1)) with { Running = [new RunningReplica(Some.Pack(0), new(1), new(1))] });
        Assert.Equal(new(1), Assert.Single(back.Sent<AgentMessage.StopReplica>()).Through);
        Assert.Empty(Grown(Tick()));
        Free(through: 1);
        Assert.Equal(["w1"], Grown(Tick()));
    }

    [Fact]
    public void What_was_stopped_before_frees_nothing_that_drains_now_and_ends_nothing_that_runs()
    {
        Join(0, 2);
        _placement.Feed(Some.Request(0, 1, 1, 2));
        Drop(through: 1);
        Free(through: 1);
        Tick();
        var late = _placement.Feed(new PlacementMessage.ReplicaEnded(Some.Worker(1), 1, Some.Pack(0), new(1), new(1)));
        Assert.Empty(late.Sent<PackMessage.MemberLost>());
        Assert.Equal(["w0", "w1"], Members(0));
        Drop(through: 3);
        Free(through: 1); // Told again.
        Assert.Empty(Grown(Tick()));
        Free(through: 3);
        Assert.Equal(["w1"], Grown(Tick()));
    }

    [Fact]
    public void A_process_that_is_out_of_reach_again_and_again_is_given_up()
    {
        Join(0, 2);
        _placement.Feed(Some.Request(0, 1, 1, 2));
        for (var stay = 1; stay <= 8; stay++)
        {
            Drop(stay);
            Free(stay);
            Assert.Equal(["w1"], Grown(Tick()));
        }

        Drop(9);
        Free(9);
        Assert.Empty(Grown(Tick()));
    }

    [Fact]
    public void A_release_of_a_former_process_leaves_its_successor_in_the_gang()
    {
        Join(0, 2);
        _placement.Feed(Some.Request(0, 1, 1, 2));
        Lose(1);
        _placement.Feed(Some.Joined(Some.Worker(1), incarnation: 2));
        Tick();
        Assert.Empty(Drop(through: 1).Sent<AgentMessage.StopReplica>());
        Assert.Equal(["w0", "w1"], Members(0));
    }

    [Fact]
    public void A_gang_never_has_two_replicas_on_one_worker()
    {
        Join(0, 1, lanes: 4);
        _placement.Feed(Some.Request(0, 1, 1, 3, lanes: 4));
        Assert.Empty(Grown(Tick()));
    }

    [Fact]
    public void A_joiner_must_have_the_memory_that_is_predicted()
    {
        Join(0, 2, lanes: 2);
        _placement.Feed(Some.Request(0, 1, 1, 1, lanes: 2, memory: Some.Cpu.MemoryBytes));
        _placement.Feed(Some.Request(1, 1, 1, 2, lanes: 2, memory: Some.Cpu.MemoryBytes / 2));
        Assert.Empty(Grown(Tick()));
        Join(2, 1, lanes: 2);
        Assert.Equal(["w2"], Grown(Tick()));
    }

    [Fact]
    public void A_gang_that_has_lost_all_its_workers_does_not_grow()
    {
        Join(0, 1);
        _placement.Feed(Some.Request(0, 1, 1, 2));
        Lose(0);
        Join(1, 1);
        Assert.Empty(Grown(Tick()));
    }
}
