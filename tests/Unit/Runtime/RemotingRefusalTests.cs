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

/// <summary>What a peer may not send, and what a connection does about it.</summary>
public class RemotingRefusalTests
{
    private static readonly ActorId Cluster = new(NodeId.Coordinator, "cluster");

    [Fact]
    public async Task An_unknown_tag_is_counted_and_answered_and_the_connection_lives()
    {
        await using var pair = new Pair();
        using var raw = await RawConnectAsync(pair, pair.Worker.Identity);
        var frame = new byte[FrameHeader.Size];
        new FrameHeader(0, 0x7ABC, FrameHeader.ProtocolVersion).Write(frame);
        await raw.SendAsync(frame);

        var answer = await ReadFrameAsync(raw, 0x13);
        Assert.Equal(0x7ABC, new MsgPackReader(answer).ReadInt32());
        Assert.Equal(1, pair.Counters.ProtocolErrors(ProtocolErrorKind.UnknownTag));
        Assert.Single(pair.Coordinator.Plane.Connected);
    }

    [Fact]
    public async Task Damaged_and_oversized_frames_and_forged_senders_close_the_connection_and_are_counted()
    {
        await using var pair = new Pair();
        await SendAndExpectCloseAsync(Header(uint.MaxValue, 0x0102));
        await SendAndExpectCloseAsync([.. Header(3, 0x0102), 0xC1, 0xC1, 0xC1]);
        var forged = new WireBuffer();
        EnvelopeCodec.Encode(MessageCatalog.Default, forged, new(new(new("somebody-else"), "agent"), "cluster", Beat(1)));
        await SendAndExpectCloseAsync(forged.Written.ToArray());

        Assert.Equal(1, pair.Counters.ProtocolErrors(ProtocolErrorKind.FrameTooLong));
        Assert.Equal(2, Enum.GetValues<ProtocolErrorKind>().Sum(pair.Counters.ProtocolErrors));
        Assert.Equal(1, pair.Counters.ForgedSenders);

        static byte[] Header(uint length, ushort tag)
        {
            var bytes = new byte[FrameHeader.Size];
            new FrameHeader(length, tag, FrameHeader.ProtocolVersion).Write(bytes);
            return bytes;
        }

        async Task SendAndExpectCloseAsync(byte[] bytes)
        {
            using var raw = await RawConnectAsync(pair, pair.Worker.Identity);
            await raw.SendAsync(bytes);
            await ReadToEndAsync(raw);
        }
    }

    [Fact]
    public async Task A_peer_that_does_not_read_is_disconnected_when_its_queue_is_full()
    {
        await using var pair = new Pair(options: new() { SendQueueBytesMax = 64 * 1024 });
        using var raw = await RawConnectAsync(pair, pair.Worker.Identity);
        await Until(() => pair.Coordinator.Plane.Connected.Count == 1, "connection");
        var big = new AgentMessage.StopReplica(new(1), 1, new(new("s"), 0), new(1), new(1), new string('x', 4_096));

        await Until(() => !Enumerable.Range(0, 100).All(_ => pair.Coordinator.System.Post(new(new("worker-1"), "agent"), big)), "refusal");
        Assert.Equal(1, pair.Counters.SlowPeers);
        await Until(() => pair.Coordinator.Plane.Connected.Count == 0, "disconnection");
    }

    [Fact]
    public async Task A_message_that_may_not_cross_the_wire_is_a_dead_letter_and_the_connection_lives()
    {
        await using var pair = new Pair();
        pair.Coordinator.Spawn("cluster", (_, _, _) => { });
        pair.Worker.Spawn("agent", (_, message, effects) =>
        {
            if (message is not Signal.NodeChanged { Connected: true }) return;
            effects.Send(Cluster, new Note(1)); // No row in the catalog.
            effects.Send(Cluster, Beat(1));
        });
        pair.Connect();

        await Until(() => pair.Coordinator.Seen.All.OfType<ClusterMessage.Heartbeat>().Any(), "the message behind it");
        Assert.Equal(1, pair.Worker.System.DeadLettersTotal);
        Assert.Equal(0, pair.Worker.System.CrashesTotal);
    }

    private static ClusterMessage.Heartbeat Beat(long sequence) => new(new("worker-1"), 7, sequence, WorkerLoad.None, []);

    private static async Task<Socket> RawConnectAsync(Pair pair, NodeIdentity identity)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(IPAddress.Loopback, pair.Listener.Endpoint.Port);
        await Handshake.ConnectAsync(new NetworkStream(socket), identity, ConnectionPurpose.Control, default, default);
        return socket;
    }

    private static async Task<byte[]> ReadFrameAsync(Socket socket, ushort tag)
    {
        var stream = new NetworkStream(socket);
        while (true)
        {
            var head = new byte[FrameHeader.Size];
            await stream.ReadExactlyAsync(head);
            FrameHeader.TryRead(head, out var header);
            var body = new byte[header.BodyLength];
            await stream.ReadExactlyAsync(body);
            if (header.Tag == tag) return body;
        }
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
