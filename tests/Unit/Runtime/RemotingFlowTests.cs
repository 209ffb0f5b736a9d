using System.Net;
using System.Net.Sockets;
using Vae.Runtime.Actors;
using Vae.Runtime.Remoting;
using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Messages;
using Vae.Shared.Wire;
using static Vae.Tests.Unit.Runtime.Kit;

namespace Vae.Tests.Unit.Runtime;

/// <summary>Full mailboxes push back over the wire, for so long.</summary>
public class RemotingFlowTests
{
    private static readonly ActorId Cluster = new(NodeId.Coordinator, "cluster");

    [Fact]
    public async Task A_full_mailbox_holds_its_remote_sender_back_without_losing_a_message()
    {
        await using var pair = new Pair(system: new() { MailboxCapacity = 8, RemotePatience = TimeSpan.FromSeconds(20) });
        using var gate = new ManualResetEventSlim();
        pair.Coordinator.Spawn("cluster", (_, message, _) =>
        {
            if (message is ClusterMessage.Heartbeat) gate.Wait();
        });
        pair.Worker.Spawn("agent", (_, message, effects) =>
        {
            if (message is Signal.NodeChanged { Connected: true }) for (var i = 0; i < 500; i++) effects.Send(Cluster, Beat(i));
        });
        pair.Connect();
        // 7 when the actor took its first letter just after the reader had found 8 and begun to wait.
        await Until(() => pair.Coordinator.System.MailboxDepths()["cluster"] >= 7, "a full mailbox");
        gate.Set();

        await Until(() => pair.Coordinator.Seen.All.OfType<ClusterMessage.Heartbeat>().Count() == 500, "all messages");
        Assert.Equal(0, pair.Coordinator.System.DeadLettersTotal);
    }

    [Fact]
    public async Task A_mailbox_that_stays_full_costs_its_sender_the_connection()
    {
        await using var pair = new Pair(system: new() { MailboxCapacity = 8, RemotePatience = TimeSpan.FromMilliseconds(50) });
        using var gate = new ManualResetEventSlim();
        pair.Coordinator.Spawn("cluster", (_, message, _) =>
        {
            if (message is ClusterMessage.Heartbeat) gate.Wait();
        });
        using var raw = await RawConnectAsync(pair, pair.Worker.Identity);
        var frames = new WireBuffer();
        for (var i = 0; i < 20; i++) EnvelopeCodec.Encode(MessageCatalog.Default, frames, new(new(new("worker-1"), "agent"), "cluster", Beat(i)));
        await raw.SendAsync(frames.WrittenMemory);

        await ReadToEndAsync(raw);
        Assert.Equal(1, pair.Coordinator.System.MailboxRefusedTotal);
        gate.Set();
    }

    private static ClusterMessage.Heartbeat Beat(long sequence) => new(new("worker-1"), 7, sequence, WorkerLoad.None, []);

    private static async Task<Socket> RawConnectAsync(Pair pair, NodeIdentity identity)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(IPAddress.Loopback, pair.Listener.Endpoint.Port);
        await Handshake.ConnectAsync(new NetworkStream(socket), identity, ConnectionPurpose.Control, default, default);
        return socket;
    }

    private static async Task ReadToEndAsync(Socket socket)
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        var buffer = new byte[1_024];
        try
        {
            while (await socket.ReceiveAsync(buffer, deadline.Token) > 0)
            {
            }
        }
        catch (SocketException)
        {
            // Reset: closed as well.
        }
    }
}
