using Vae.Coordinator.Actors;
using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Messages;

namespace Vae.Tests.Unit.Actors;

public class PlacementTests
{
    private readonly Probe _placement = new(new Placement(Some.Context()));

    public PlacementTests() => _placement.Feed(new PlacementMessage.RecoveryBegins([]));

    private void Join(int count, DeviceFacts? facts = null)
    {
        for (var i = 0; i < count; i++) _placement.Feed(Some.Joined(Some.Worker(i), facts: facts));
    }

    private static IEnumerable<string> Names(PackMessage.GangGranted granted) => granted.Members.Select(member => member.Worker.Value);

    [Fact]
    public void A_gang_gets_as_many_workers_as_are_free_up_to_its_most_in_the_order_of_their_names()
    {
        Join(5);
        Assert.Equal(["w0", "w1", "w2"], Names(Assert.Single(_placement.Feed(Some.Request(0, 1, 1, 3)).Sent<PackMessage.GangGranted>())));
        Assert.Equal(["w3", "w4"], Names(Assert.Single(_placement.Feed(Some.Request(1, 1, 1, 3)).Sent<PackMessage.GangGranted>())));
    }

    [Fact]
    public void A_small_request_does_not_overtake_a_large_one_that_can_be_served_later()
    {
        Join(3);
        _placement.Feed(Some.Request(0, 1, 2, 2));
        _placement.Feed(Some.Request(1, 1, 3, 3));
        Assert.Empty(_placement.Feed(Some.Request(2, 1, 1, 1)).Sent<PackMessage.GangGranted>());
    }

    [Fact]
    public void A_request_that_no_cluster_of_this_size_can_serve_holds_nobody_up()
    {
        Join(1);
        Assert.Empty(_placement.Feed(Some.Request(0, 1, 4, 4)).Sent<PackMessage.GangGranted>());
        Assert.Single(_placement.Feed(Some.Request(1, 1, 1, 1)).Sent<PackMessage.GangGranted>());
    }

    [Fact]
    public void A_gang_is_of_one_kind_of_device_and_of_the_kind_that_was_asked_for()
    {
        Join(1);
        _placement.Feed(Some.Joined(Some.Worker(1), facts: Some.Gpu));
        Assert.Empty(_placement.Feed(Some.Request(0, 1, 2, 2)).Sent<PackMessage.GangGranted>());
        Assert.Equal(["w1"], Names(Assert.Single(_placement.Feed(Some.Request(1, 1, 1, 2, "cuda")).Sent<PackMessage.GangGranted>())));
        Assert.Equal(["w0"], Names(Assert.Single(_placement.Feed(Some.Request(2, 1, 1, 2, "cpu")).Sent<PackMessage.GangGranted>())));
    }

    [Fact]
    public void A_released_lane_is_given_out_only_after_the_worker_says_that_it_is_free()
    {
        Join(1);
        _placement.Feed(Some.Request(0, 1, 1, 1));
        _placement.Feed(Some.Request(1, 1, 1, 1));
        var released = _placement.Feed(new PlacementMessage.ReleaseGang(Some.Pack(0), new(1)));
        Assert.Equal(Some.Term, Assert.Single(released.Sent<AgentMessage.StopReplica>()).Term);
        Assert.Empty(released.Sent<PackMessage.GangGranted>());
        Assert.Single(_placement.Feed(new PlacementMessage.PlacementTick()).Sent<AgentMessage.StopReplica>());

        var freed = _placement.Feed(new PlacementMessage.LaneFreed(Some.Worker(0), 1, Some.Pack(0), new(1), Generation.Max));
        Assert.Single(freed.Sent<PackMessage.GangGranted>());
        Assert.Empty(_placement.Feed(new PlacementMessage.PlacementTick()).Sent<AgentMessage.StopReplica>());
    }

    [Fact]
    public void A_worker_with_two_lanes_hosts_two_packs()
    {
        _placement.Feed(Some.Joined(Some.Worker(0), lanes: 2));
        Assert.Single(_placement.Feed(Some.Request(0, 1, 1, 2, lanes: 2)).Sent<PackMessage.GangGranted>());
        Assert.Single(_placement.Feed(Some.Request(1, 1, 1, 2, lanes: 2)).Sent<PackMessage.GangGranted>());
        Assert.Empty(_placement.Feed(Some.Request(2, 1, 1, 2, lanes: 2)).Sent<PackMessage.GangGranted>());
    }

    [Fact]
    public void A_replica_of_no_gang_is_stopped_and_its_lane_is_not_given_out_meanwhile()
    {
        var stray = new RunningReplica(Some.Pack(9), new(1), new(1));
        var joined = _placement.Feed(Some.Joined(Some.Worker(0)) with { Running = [stray] });
        Assert.Equal(Some.Pack(9), Assert.Single(joined.Sent<AgentMessage.StopReplica>()).Pack);
        Assert.Empty(_placement.Feed(Some.Request(0, 1, 1, 1)).Sent<PackMessage.GangGranted>());
        Assert.Single(_placement.Feed(new PlacementMessage.LaneFreed(Some.Worker(0), 1, Some.Pack(9), new(1), Generation.Max)).Sent<PackMessage.GangGranted>());
    }

    [Fact]
    public void A_lost_worker_is_told_to_its_gang_again_whenever_the_runner_asks()
    {
        Join(2);
        _placement.Feed(Some.Request(0, 1, 2, 2));
        Assert.Equal(Some.Worker(1), Assert.Single(_placement.Feed(new PlacementMessage.WorkerGone(Some.Worker(1), 1, false, "silent")).Sent<PackMessage.MemberLost>()).Worker);
        Assert.Single(_placement.Feed(Some.Request(0, 1, 2, 2)).Sent<PackMessage.MemberLost>());
    }

    [Fact]
    public void News_of_an_earlier_life_of_a_worker_changes_nothing()
    {
        _placement.Feed(Some.Joined(Some.Worker(0), incarnation: 2));
        _placement.Feed(Some.Request(0, 1, 1, 1));
        Assert.Empty(_placement.Feed(new PlacementMessage.WorkerGone(Some.Worker(0), 1, false, "old")));
        Assert.Empty(_placement.Feed(new PlacementMessage.ReplicaEnded(Some.Worker(0), 1, Some.Pack(0), new(1), new(1))));
    }

    [Fact]
    public void A_crashed_runner_gives_its_workers_back()
    {
        Join(1);
        _placement.Feed(Some.Request(0, 1, 1, 1));
        var runner = Addresses.PackRunner(Some.Pack(0), new(1));
        Assert.Single(_placement.Feed(new Signal.Terminated(runner, "crashed")).Sent<AgentMessage.StopReplica>());
    }

    [Fact]
    public void Packs_that_share_a_worker_take_their_share_of_its_lanes()
    {
        _placement.Feed(Some.Joined(Some.Worker(0), lanes: 4));
        Assert.Single(_placement.Feed(Some.Request(0, 1, 1, 1, lanes: 2)).Sent<PackMessage.GangGranted>());
        Assert.Empty(_placement.Feed(Some.Request(1, 1, 1, 1, lanes: 1)).Sent<PackMessage.GangGranted>());
        _placement.Feed(new PlacementMessage.ReleaseGang(Some.Pack(1), new(1)));
        Assert.Single(_placement.Feed(Some.Request(2, 1, 1, 1, lanes: 4)).Sent<PackMessage.GangGranted>());
        Assert.Single(_placement.Feed(Some.Request(3, 1, 1, 1, lanes: 4)).Sent<PackMessage.GangGranted>());
        Assert.Empty(_placement.Feed(Some.Request(4, 1, 1, 1, lanes: 4)).Sent<PackMessage.GangGranted>());
    }

    [Fact]
    public void A_grant_says_how_many_more_like_it_could_be_had()
    {
        for (var i = 0; i < 2; i++) _placement.Feed(Some.Joined(Some.Worker(i), lanes: 4));
        Assert.Equal(3, Assert.Single(_placement.Feed(Some.Request(0, 1, 1, 1, lanes: 2)).Sent<PackMessage.GangGranted>()).MoreGangs);
        Assert.Equal(2, Assert.Single(_placement.Feed(Some.Request(1, 1, 1, 1, lanes: 2)).Sent<PackMessage.GangGranted>()).MoreGangs);
        Assert.Equal(0, Assert.Single(_placement.Feed(Some.Request(2, 1, 2, 2, lanes: 2)).Sent<PackMessage.GangGranted>()).MoreGangs);
    }

    [Fact]
    public void The_least_used_worker_is_taken_first()
    {
        for (var i = 0; i < 2; i++) _placement.Feed(Some.Joined(Some.Worker(i), lanes: 2));
        var names = Enumerable.Range(0, 4).SelectMany(pack => Names(Assert.Single(_placement.Feed(Some.Request(pack, 1, 1, 1, lanes: 2)).Sent<PackMessage.GangGranted>())));
        Assert.Equal(["w0", "w1", "w0", "w1"], names);
    }

    [Fact]
    public void What_is_predicted_to_fill_the_memory_gets_no_neighbour_but_an_idle_worker_takes_anything()
    {
        _placement.Feed(Some.Joined(Some.Worker(0), lanes: 4));
        Assert.Single(_placement.Feed(Some.Request(0, 1, 1, 1, lanes: 4, memory: Some.Cpu.MemoryBytes * 2)).Sent<PackMessage.GangGranted>());
        Assert.Empty(_placement.Feed(Some.Request(1, 1, 1, 1, lanes: 4, memory: 1)).Sent<PackMessage.GangGranted>());
        Assert.Equal(["w1"], Names(Assert.Single(_placement.Feed(Some.Joined(Some.Worker(1), lanes: 4)).Sent<PackMessage.GangGranted>())));
        Assert.Single(_placement.Feed(Some.Request(2, 1, 1, 1, lanes: 4, memory: Some.Cpu.MemoryBytes - 1)).Sent<PackMessage.GangGranted>());
        Assert.Empty(_placement.Feed(Some.Request(3, 1, 1, 1, lanes: 4, memory: 1)).Sent<PackMessage.GangGranted>());
    }

    private static readonly DeviceFacts Large = Some.Cpu with { MemoryBytes = 8 * Some.Cpu.MemoryBytes };

    private IReadOnlyList<Effect> TickAfter(double seconds) => _placement.FeedAfter(seconds, new PlacementMessage.PlacementTick());

    [Fact]
    public void A_pack_goes_where_it_fits_and_smaller_ones_use_the_smaller_workers_meanwhile()
    {
        Join(1);
        _placement.Feed(Some.Joined(Some.Worker(1), facts: Large));
        Assert.Equal(["w1"], Names(Assert.Single(_placement.Feed(Some.Request(0, 1, 1, 1, memory: 4 * Some.Cpu.MemoryBytes)).Sent<PackMessage.GangGranted>())));
        Assert.Empty(_placement.Feed(Some.Request(1, 1, 1, 1, memory: 4 * Some.Cpu.MemoryBytes)).Sent<PackMessage.GangGranted>()); // w0 is idle, and too small.
        Assert.Equal(["w0"], Names(Assert.Single(_placement.Feed(Some.Request(2, 1, 1, 1, memory: 1)).Sent<PackMessage.GangGranted>())));

        _placement.Feed(Some.Request(3, 1, 1, 1, memory: 1));
        _placement.Feed(new PlacementMessage.ReleaseGang(Some.Pack(0), new(1)));
        var freed = _placement.Feed(new PlacementMessage.LaneFreed(Some.Worker(1), 1, Some.Pack(0), new(1), Generation.Max));
        Assert.Equal([Addresses.PackRunner(Some.Pack(1), new(1))], freed.OfType<Effect.Send>().Where(send => send.Message is PackMessage.GangGranted).Select(send => send.Target)); // It was kept for the large one.
        Assert.Empty(TickAfter(20).Sent<PackMessage.GangRefused>());
    }

    [Fact]
    public void A_pack_far_above_every_workers_memory_is_refused_with_both_figures_when_no_worker_has_come_for_a_while()
    {
        Join(1);
        _placement.Feed(Some.Joined(Some.Worker(1), facts: Large));
        var hopeless = (2 * Large.MemoryBytes) + 2;
        Assert.Empty(_placement.Feed(Some.Request(0, 1, 1, 1, memory: hopeless)).Sent<PackMessage.GangGranted>());
        Assert.Single(_placement.Feed(Some.Request(1, 1, 1, 1, memory: 1)).Sent<PackMessage.GangGranted>());
        Assert.Empty(TickAfter(9.5).Sent<PackMessage.GangRefused>());
        var refused = Assert.Single(TickAfter(1).Sent<PackMessage.GangRefused>());
        foreach (var part in (string[])[$"{hopeless} bytes", $"{Large.MemoryBytes} bytes", "w1", "training.batch"]) Assert.Contains(part, refused.Text, StringComparison.Ordinal);
        Assert.Empty(TickAfter(1).Sent<PackMessage.GangRefused>());
    }

    [Fact]
    public void What_may_fit_after_all_is_tried_and_what_a_worker_may_yet_come_for_waits()
    {
        Join(1);
        Assert.Empty(_placement.Feed(Some.Request(0, 1, 1, 1, memory: 5 * Some.Cpu.MemoryBytes)).Sent<PackMessage.GangGranted>());
        TickAfter(9);
        Assert.Equal(["w1"], Names(Assert.Single(_placement.Feed(Some.Joined(Some.Worker(1), facts: Large)).Sent<PackMessage.GangGranted>())));
        Assert.Empty(_placement.Feed(Some.Request(1, 1, 1, 1, memory: 2 * Large.MemoryBytes)).Sent<PackMessage.GangGranted>()); // Nobody has as much, and w1 is not idle.
        Assert.Empty(TickAfter(30).Sent<PackMessage.GangRefused>());
        _placement.Feed(new PlacementMessage.ReleaseGang(Some.Pack(0), new(1)));
        Assert.Equal(["w1"], Names(Assert.Single(_placement.Feed(new PlacementMessage.LaneFreed(Some.Worker(1), 1, Some.Pack(0), new(1), Generation.Max)).Sent<PackMessage.GangGranted>())));
    }

    [Fact]
    public void A_gang_of_two_is_refused_when_only_one_worker_has_the_memory_and_waits_while_there_are_not_two()
    {
        _placement.Feed(Some.Joined(Some.Worker(1), facts: Large));
        _placement.Feed(Some.Request(0, 1, 2, 2, memory: 4 * Some.Cpu.MemoryBytes));
        Assert.Empty(TickAfter(20).Sent<PackMessage.GangRefused>());
        Join(1);
        Assert.Empty(TickAfter(5).Sent<PackMessage.GangRefused>());
        Assert.Contains("w0", Assert.Single(TickAfter(6).Sent<PackMessage.GangRefused>()).Text, StringComparison.Ordinal);
    }

    [Fact]
    public void Packs_of_the_sweep_with_more_workers_are_told_to_let_go_until_both_would_have_as_many()
    {
        var other = new SweepId("s-2");
        Join(4);
        for (var pack = 0; pack < 4; pack++) _placement.Feed(Some.Request(pack, 1, 1, 1));
        Assert.Empty(_placement.Feed(new PlacementMessage.PlacementTick()).Sent<PackMessage.OthersWait>());

        _placement.Feed(Some.Request(0, 1, 1, 1, sweep: other));
        var told = _placement.Feed(new PlacementMessage.PlacementTick());
        Assert.True(Assert.Single(told.Sent<PackMessage.OthersWait>()).Waiting);
        Assert.Equal(Addresses.PackRunner(Some.Pack(0), new(1)), told.OfType<Effect.Send>().Single().Target);
        Assert.Empty(_placement.Feed(new PlacementMessage.PlacementTick()).Sent<PackMessage.OthersWait>());

        _placement.Feed(new PlacementMessage.ReleaseGang(new(other, 0), new(1)));
        Assert.False(Assert.Single(_placement.Feed(new PlacementMessage.PlacementTick()).Sent<PackMessage.OthersWait>()).Waiting);
    }

    [Fact]
    public void A_sweep_that_has_as_many_workers_as_another_waits_its_turn()
    {
        var other = new SweepId("s-2");
        Join(2);
        _placement.Feed(Some.Request(0, 1, 1, 1));
        _placement.Feed(Some.Request(0, 1, 1, 1, sweep: other));
        _placement.Feed(Some.Request(1, 1, 1, 1, sweep: other));
        _placement.Feed(Some.Request(1, 1, 1, 1));
        Assert.Empty(_placement.Feed(new PlacementMessage.PlacementTick()).Sent<PackMessage.OthersWait>());
    }
}
