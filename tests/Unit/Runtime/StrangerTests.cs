using System.Net;
using System.Net.Sockets;
using System.Text;
using Vae.Runtime.Remoting;
using Vae.Shared.Wire;
using static Vae.Tests.Unit.Runtime.Kit;

namespace Vae.Tests.Unit.Runtime;

public class StrangerTests
{
    [Fact]
    public async Task F19_http_at_the_door_is_closed_counted_and_told_nothing()
    {
        await using var pair = new Pair();
        using var socket = await OpenAsync(pair);
        await socket.SendAsync(Encoding.ASCII.GetBytes("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"));

        Assert.Empty(await ReadAllAsync(socket));
        await Until(() => pair.Counters.Rejected(HandshakeRule.NotOurProtocol) == 1, "count");
    }

    [Fact]
    public async Task F19_a_port_scan_is_counted()
    {
        await using var pair = new Pair();
        using (await OpenAsync(pair))
        {
            // Opened and closed without a word.
        }

        await Until(() => pair.Counters.Rejected(HandshakeRule.HungUp) == 1, "count");
    }

    [Fact]
    public async Task F19_a_silent_stranger_is_closed_at_the_deadline()
    {
        await using var pair = new Pair();
        using var socket = await OpenAsync(pair);
        Assert.Empty(await ReadAllAsync(socket));
        await Until(() => pair.Counters.Rejected(HandshakeRule.Deadline) == 1, "count");
    }

    [Fact]
    public async Task F19_a_hello_that_declares_two_gigabytes_is_refused_before_anything_is_allocated()
    {
        await using var pair = new Pair();
        using var socket = await OpenAsync(pair);
        var header = new byte[FrameHeader.Size];
        new FrameHeader(int.MaxValue, 1, FrameHeader.ProtocolVersion).Write(header);
        var before = GC.GetTotalAllocatedBytes();
        await socket.SendAsync(header);

        Assert.Empty(await ReadAllAsync(socket));
        Assert.True(GC.GetTotalAllocatedBytes() - before < 16 * 1024 * 1024);
        await Until(() => pair.Counters.Rejected(HandshakeRule.NotOurProtocol) == 1, "count");
    }

    [Theory]
    [InlineData("worker-1", "test", "a-wrong-token-of-good-length", HandshakeRule.WrongToken)]
    [InlineData("worker-1", "other-cluster", "correct-horse-battery-staple", HandshakeRule.WrongCluster)]
    [InlineData("coordinator", "test", "correct-horse-battery-staple", HandshakeRule.WrongNode)]
    public async Task F19_a_peer_that_is_set_up_differently_is_told_which_rule_and_no_secret(string node, string cluster, string token, HandshakeRule rule)
    {
        await using var pair = new Pair();
        using var socket = await OpenAsync(pair);

        var refusal = await Assert.ThrowsAsync<HandshakeException>(() => Handshake.ConnectAsync(new NetworkStream(socket), Identity(node, cluster, token), ConnectionPurpose.Control, default, default));

        Assert.Equal(rule, refusal.Rule);
        Assert.DoesNotContain("correct-horse", refusal.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("'test'", refusal.Message, StringComparison.Ordinal);
        await Until(() => pair.Counters.RejectedTotal == 1, "count");
    }

    [Fact]
    public async Task F19_another_protocol_version_and_an_unserved_purpose_are_told_so()
    {
        await using var pair = new Pair();
        using (var socket = await OpenAsync(pair))
        {
            var header = new byte[FrameHeader.Size];
            new FrameHeader(0, 1, FrameHeader.ProtocolVersion + 1).Write(header);
            await socket.SendAsync(header);
            var answer = await ReadAllAsync(socket);
            Assert.Contains("different versions", Encoding.UTF8.GetString(answer), StringComparison.Ordinal);
        }

        using var other = await OpenAsync(pair);
        var refusal = await Assert.ThrowsAsync<HandshakeException>(() => Handshake.ConnectAsync(new NetworkStream(other), Identity("worker-1"), ConnectionPurpose.Data, default, default));
        Assert.Equal(HandshakeRule.WrongPurpose, refusal.Rule);
        Assert.True(refusal is { RefusedByPeer: true, IsFinal: true });
    }

    [Fact]
    public async Task F19_strangers_at_the_door_are_bounded_and_do_not_keep_members_out()
    {
        await using var pair = new Pair(options: new() { StrangersMax = 4 });
        var strangers = new List<Socket>();
        for (var i = 0; i < 12; i++) strangers.Add(await OpenAsync(pair));
        await Until(() => pair.Counters.Rejected(HandshakeRule.Crowded) == 8, "the crowd is turned away");
        foreach (var stranger in strangers) stranger.Dispose();

        pair.Connect();
        await pair.Connector!.FirstConnection.WaitAsync(TimeSpan.FromSeconds(20));
    }

    [Fact]
    public async Task A_proof_cannot_be_reflected_by_an_end_that_does_not_know_the_token()
    {
        // The impostor listens, answers a hello with its own, and sends the client's proof back as its own.
        using var impostor = new TcpListener(IPAddress.Loopback, 0);
        impostor.Start();
        var reflecting = Task.Run(async () =>
        {
            using var socket = await impostor.AcceptSocketAsync();
            var stream = new NetworkStream(socket);
            var buffer = new byte[4_096];
            var length = await stream.ReadAsync(buffer);
            var reply = buffer[..length];
            // Same hello, other name of equal length: "worker-1" becomes "worker-2".
            reply[reply.AsSpan().IndexOf("worker-1"u8) + 7] = (byte)'2';
            await stream.WriteAsync(reply);
            length = await stream.ReadAsync(buffer);
            await stream.WriteAsync(buffer.AsMemory(0, length));
        });

        using var client = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await client.ConnectAsync(impostor.LocalEndpoint);
        var refusal = await Assert.ThrowsAsync<HandshakeException>(() => Handshake.ConnectAsync(new NetworkStream(client), Identity("worker-1"), ConnectionPurpose.Control, default, default));
        Assert.Equal(HandshakeRule.WrongToken, refusal.Rule);
        await reflecting;
    }

    [Fact]
    public async Task A_connector_with_a_wrong_token_ends_instead_of_trying_for_ever()
    {
        await using var pair = new Pair();
        await using var connector = new Connector(
            pair.Worker.Plane, Identity("worker-1", token: "a-wrong-token-of-good-length"), Vae.Shared.NodeId.Coordinator, new PeerAddresses(new HostPort("127.0.0.1", pair.Listener.Endpoint.Port)),
            TimeProvider.System, Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance);
        var refusal = await Assert.ThrowsAsync<HandshakeException>(() => connector.Completion.WaitAsync(TimeSpan.FromSeconds(20)));
        Assert.Equal(HandshakeRule.WrongToken, refusal.Rule);
    }

    private static async Task<Socket> OpenAsync(Pair pair)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(IPAddress.Loopback, pair.Listener.Endpoint.Port);
        return socket;
    }

    private static async Task<byte[]> ReadAllAsync(Socket socket)
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        var all = new MemoryStream();
        var buffer = new byte[4_096];
        try
        {
            for (int got; (got = await socket.ReceiveAsync(buffer, deadline.Token)) > 0;) all.Write(buffer, 0, got);
        }
        catch (SocketException)
        {
            // Reset: closed as well.
        }

        return all.ToArray();
    }
}
