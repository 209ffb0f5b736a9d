using Vae.Coordinator.Actors;
using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Messages;

namespace Vae.Tests.Unit.Actors;

public class ClusterTests
{
    private readonly Probe _cluster = new(new Cluster(Some.Context()));

    private static ClusterMessage.RegisterWorker Register(ulong incarnation) => new(Some.Worker(0), incarnation, Some.Cpu, Some.Endpoint(Some.Worker(0)), 1, [], []);

    private static ClusterMessage.Heartbeat Beat(long sequence) => new(Some.Worker(0), 1, sequence, WorkerLoad.None, []);

    [Fact]
    public void A_worker_that_beats_in_time_is_never_lost()
    {
        _cluster.Feed(Register(1));
        for (var i = 1; i <= 20; i++)
        {
            Assert.Empty(_cluster.FeedAfter(9, new ClusterMessage.CheckLeases()).Sent<PlacementMessage.WorkerGone>());
            Assert.Single(_cluster.Feed(Beat(i)).Sent<AgentMessage.HeartbeatAck>());
        }
    }

    [Fact]
    public void A_silent_worker_is_lost_once_when_its_lease_ends()
    {
        _cluster.Feed(Register(1));
        Assert.Empty(_cluster.FeedAfter(9.9, new ClusterMessage.CheckLeases()).Sent<PlacementMessage.WorkerGone>());
        var gone = Assert.Single(_cluster.FeedAfter(0.1, new ClusterMessage.CheckLeases()).Sent<PlacementMessage.WorkerGone>());
        Assert.False(gone.Preempted);
        Assert.Empty(_cluster.FeedAfter(10, new ClusterMessage.CheckLeases()).Sent<PlacementMessage.WorkerGone>());
        Assert.Single(_cluster.Feed(Beat(1)).Sent<AgentMessage.RegisterAgain>());
    }

    [Fact]
    public void A_broken_connection_shortens_the_lease_and_a_heartbeat_restores_it()
    {
        var lost = new Signal.NodeChanged(Some.Worker(0), false, "reset");
        _cluster.Feed(Register(1));
        _cluster.Feed(lost);
        _cluster.FeedAfter(2, Beat(1));
        Assert.Empty(_cluster.FeedAfter(5, new ClusterMessage.CheckLeases()).Sent<PlacementMessage.WorkerGone>());
        _cluster.Feed(lost);
        Assert.Contains("reset", Assert.Single(_cluster.FeedAfter(3, new ClusterMessage.CheckLeases()).Sent<PlacementMessage.WorkerGone>()).Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void A_late_or_doubled_heartbeat_renews_nothing()
    {
        _cluster.Feed(Register(1));
        _cluster.Feed(Beat(2));
        Assert.Empty(_cluster.FeedAfter(9, Beat(1)));
        Assert.Single(_cluster.FeedAfter(1, new ClusterMessage.CheckLeases()).Sent<PlacementMessage.WorkerGone>());
    }

    [Fact]
    public void A_later_process_of_the_same_name_replaces_the_earlier_and_an_earlier_one_is_refused()
    {
        _cluster.Feed(Register(5));
        Assert.Single(_cluster.Feed(Register(4)).Sent<AgentMessage.RegistrationRefused>());
        var effects = _cluster.Feed(Register(6));
        Assert.Equal(5UL, Assert.Single(effects.Sent<PlacementMessage.WorkerGone>()).Incarnation);
        Assert.Equal(6UL, Assert.Single(effects.Sent<PlacementMessage.WorkerJoined>()).Incarnation);
    }

    [Fact]
    public void Leaving_is_preemption_and_is_answered_every_time()
    {
        var leave = new ClusterMessage.LeaveCluster(Some.Worker(0), 1, "SIGTERM");
        _cluster.Feed(Register(1));
        Assert.True(Assert.Single(_cluster.Feed(leave).Sent<PlacementMessage.WorkerGone>()).Preempted);
        var again = _cluster.Feed(leave);
        Assert.Single(again.Sent<AgentMessage.Left>());
        Assert.Empty(again.Sent<PlacementMessage.WorkerGone>());
    }

    [Fact]
    public void A_worker_that_is_drained_is_told_with_every_sign_of_life_until_it_leaves()
    {
        _cluster.Feed(Register(1));
        var drained = _cluster.Feed(new ClusterMessage.DrainWorker(Some.Worker(0), "by a user"));
        Assert.Equal((Some.Term, 1UL, "by a user"), Assert.Single(drained.Sent<AgentMessage.DrainAgent>()) is var order ? (order.Term, order.Incarnation, order.Reason) : default);
        Assert.Equal(1UL, Assert.Single(drained.Sent<PlacementMessage.WorkerLeaves>()).Incarnation);
        Assert.Single(_cluster.Feed(Beat(1)).Sent<AgentMessage.DrainAgent>());

        _cluster.Feed(new ClusterMessage.LeaveCluster(Some.Worker(0), 1, "by a user"));
        Assert.Empty(_cluster.Feed(Register(2)).Sent<AgentMessage.DrainAgent>());
        Assert.Empty(_cluster.Feed(new ClusterMessage.DrainWorker(Some.Worker(5), "there is none")));
    }

    [Fact]
    public void Members_are_described_with_how_long_they_are_there_and_what_their_forerunners_said_last()
    {
        var observer = ActorId.Host(NodeId.Coordinator);
        _cluster.Feed(Register(1) with { LastLines = ["no device"] });
        _cluster.FeedAfter(4, Beat(1));
        var described = Assert.Single(_cluster.FeedAfter(1, new ClusterMessage.DescribeCluster(observer)).Sent<ObserverMessage.ClusterDescribed>());
        var member = Assert.Single(described.Members);
        Assert.Equal((5, 1, "no device"), (member.MemberFor.TotalSeconds, member.SilentFor.TotalSeconds, member.LastLines[0]));
    }
}
