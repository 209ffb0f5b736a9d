using System.Net;
using System.Net.Sockets;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using Vae.Runtime.Remoting;
using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Messages;
using static Vae.Tests.Unit.Runtime.Kit;

namespace Vae.Tests.Unit.Runtime;

/// <summary>Two systems over one connection: order, watches, reconnection, silence, raw sockets.</summary>
public class RemotingTests
{
    private static readonly ActorId Cluster = new(NodeId.Coordinator, "cluster");

    [Fact]
    public async Task Messages_cross_between_two_systems_in_order_and_both_sides_hear_of_the_connection()
    {
        await using var pair = new Pair();
        pair.Coordinator.Spawn("cluster", (sender, message, effects) =>
        {
            if (message is ClusterMessage.Heartbeat beat) effects.Send(sender, new AgentMessage.HeartbeatAck(new(1), beat.Sequence));
        });
        pair.Worker.Spawn("agent", (_, message, effects) =>
        {
            if (message is Signal.NodeChanged { Connected: true }) for (var i = 0; i < 1_000; i++) effects.Send(Cluster, Beat(i));
        });
        pair.Connect();

        await Until(() => pair.Worker.Seen.All.OfType<AgentMessage.HeartbeatAck>().Count() == 1_000, "all answers");
        Assert.Equal(Enumerable.Range(0, 1_000).Select(i => (long)i), pair.Worker.Seen.All.OfType<AgentMessage.HeartbeatAck>().Select(ack => ack.Sequence));
        Assert.Contains(new Signal.NodeChanged(new("worker-1"), true, "connected"), pair.Coordinator.Seen.All);
    }

    [Fact]
    public async Task A_remote_watch_ends_when_the_actor_stops_and_when_the_connection_is_lost()
    {
        await using var pair = new Pair();
        var mortal = pair.Worker.Spawn("mortal", (_, _, _) => { });
        var other = pair.Worker.Spawn("other", (_, _, _) => { });
        pair.Coordinator.Spawn("cluster", (_, message, effects) =>
        {
            if (message is not Signal.NodeChanged { Connected: true }) return;
            effects.Watch(mortal);
            effects.Watch(other);
            effects.Watch(new(mortal.Node, "never-there"));
        });
        pair.Connect();
        await Until(() => Gone().Length == 1, "the one that never was");

        await pair.Worker.System.StopRoot(mortal, "its time has come");
        await Until(() => Gone().Length == 2, "the one that stopped");
        Assert.Equal(new(mortal, "its time has come"), Gone()[1]);

        await pair.Connector!.DisposeAsync();
        await Until(() => Gone().Length == 3, "the one behind the lost connection");
        Assert.Equal(other, Gone()[2].Actor);
        await Until(() => pair.Coordinator.Seen.All.OfType<Signal.NodeChanged>().Any(change => !change.Connected), "NodeChanged");

        Signal.Terminated[] Gone() => [.. pair.Coordinator.Seen.All.OfType<Signal.Terminated>()];
    }

    [Fact]
    public async Task A_worker_reconnects_by_itself_after_its_coordinator_was_away()
    {
        await using var pair = new Pair();
        pair.Worker.Spawn("agent", (_, _, _) => { });
        pair.Connect();
        await Until(() => Changes() == 1, "first connection");
        var port = pair.Listener.Endpoint.Port;

        await pair.Listener.DisposeAsync();
        await Until(() => Changes() == 2, "loss");
        pair.Listener = NodeListener.Start("127.0.0.1", port, pair.Coordinator.Identity, pair.Handlers, NullLogger.Instance);

        await Until(() => Changes() == 3, "second connection");

        int Changes() => pair.Worker.Seen.All.OfType<Signal.NodeChanged>().Count();
    }

    [Fact]
    public async Task A_second_connection_of_the_same_node_replaces_the_first()
    {
        await using var pair = new Pair();
        pair.Coordinator.Spawn("cluster", (_, _, _) => { });
        pair.Connect();
        await Until(() => pair.Coordinator.Plane.Connected.Count == 1, "first connection");

        using var second = await RawConnectAsync(pair, pair.Worker.Identity);

        await Until(() => pair.Coordinator.Seen.All.OfType<Signal.NodeChanged>().Count() >= 3, "replacement");
        Assert.Equal([true, false, true], pair.Coordinator.Seen.All.OfType<Signal.NodeChanged>().Take(3).Select(change => change.Connected));
    }

    [Fact]
    public async Task A_silent_peer_is_given_up_although_its_socket_stays_open()
    {
        var time = new ManualTime();
        await using var pair = new Pair(time);
        pair.Coordinator.Spawn("cluster", (_, _, _) => { });
        using var silent = await RawConnectAsync(pair, pair.Worker.Identity);
        await Until(() => pair.Coordinator.Plane.Connected.Count == 1, "connection");

        for (var second = 0; second < 14; second++)
        {
            time.Advance(TimeSpan.FromSeconds(1));
            await Task.Yield();
        }

        await Until(() =>
        {
            time.Advance(TimeSpan.FromMilliseconds(500)); // A tick that was taken late by the pool must not hang the test.
            return pair.Coordinator.Plane.Connected.Count == 0;
        }, "disconnection");
        Assert.Contains("silent", pair.Coordinator.Seen.All.OfType<Signal.NodeChanged>().Last().Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_data_connection_ends_as_a_raw_socket_on_both_sides_with_the_payload_handed_over()
    {
        var accepted = new TaskCompletionSource<(Socket, NodeId, byte[])>();
        await using var listener = NodeListener.Start("127.0.0.1", 0, Identity("worker-2"), new Dictionary<ConnectionPurpose, IConnectionHandler>
        {
            [ConnectionPurpose.Data] = DataPlane.Handler(new Taker(accepted)),
        }, NullLogger.Instance);

        using var mine = await DataPlane.ConnectAsync("127.0.0.1", listener.Endpoint.Port, Identity("worker-1"), new("worker-2"), new byte[] { 1, 2, 3 });
        var (socket, peer, payload) = await accepted.Task.WaitAsync(TimeSpan.FromSeconds(20));
        using var theirs = socket;
        GC.Collect();
        GC.WaitForPendingFinalizers(); // The stream that made the handshake is garbage now; the socket must outlive it.

        await mine.SendAsync(Encoding.ASCII.GetBytes("raw"));
        var buffer = new byte[3];
        await new NetworkStream(theirs).ReadExactlyAsync(buffer);
        Assert.Equal("raw"u8.ToArray(), buffer);
        Assert.Equal(new NodeId("worker-1"), peer);
        Assert.Equal([1, 2, 3], payload);
        Assert.True(mine.NoDelay && theirs.NoDelay);
    }

    [Fact]
    public async Task A_busy_port_is_a_typed_error_that_says_what_to_do()
    {
        await using var pair = new Pair();
        var error = Assert.Throws<ListenException>(() => NodeListener.Start("127.0.0.1", pair.Listener.Endpoint.Port, pair.Coordinator.Identity, pair.Handlers, NullLogger.Instance));
        Assert.StartsWith($"port {pair.Listener.Endpoint.Port} is already in use", error.Message, StringComparison.Ordinal);
        Assert.Contains("--port", error.Message, StringComparison.Ordinal);
    }

    private static ClusterMessage.Heartbeat Beat(long sequence) => new(new("worker-1"), 7, sequence, WorkerLoad.None, []);

    private sealed class Taker(TaskCompletionSource<(Socket, NodeId, byte[])> accepted) : IDataPlaneAcceptor
    {
        public void Accept(Socket socket, NodeId peer, ReadOnlyMemory<byte> helloPayload) => accepted.SetResult((socket, peer, helloPayload.ToArray()));
    }

    private static async Task<Socket> RawConnectAsync(Pair pair, NodeIdentity identity)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(IPAddress.Loopback, pair.Listener.Endpoint.Port);
        await Handshake.ConnectAsync(new NetworkStream(socket), identity, ConnectionPurpose.Control, default, default);
        return socket;
    }
}
