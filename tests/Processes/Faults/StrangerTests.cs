using System.Net;
using System.Net.Sockets;
using System.Text;
using Vae.Tests.Processes.Support;

namespace Vae.Tests.Processes.Faults;

/// <summary>Whoever knocks at the coordinator's door without belonging there.</summary>
public class StrangerTests
{
    [Fact]
    public async Task Worker_with_a_wrong_token_is_told_so_and_the_coordinator_counts_it_and_goes_on()
    {
        using var cluster = await TestCluster.StartAsync();
        var wrong = Path.Combine(cluster.Home.Path, "wrong-token");
        File.Copy(cluster.Home.Token, wrong); // With its permissions: a token that others may read is refused before it is compared.
        await File.WriteAllTextAsync(wrong, "this-is-not-the-token-of-the-cluster");

        using var stranger = RunningProgram.Vae(
            "worker", "--coordinator", $"127.0.0.1:{cluster.Port}", "--name", "stranger", "--home", cluster.Home.Path, "--token-file", wrong, "--threads", "1", "--device", "cpu");
        var ending = (await stranger.EndAsync()).Expect(4).ExpectNoTrace();

        Assert.Contains("token", ending.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("this-is-not-the-token", ending.Error, StringComparison.Ordinal);
        Assert.True(await cluster.MetricAsync("vae_auth_rejected_total{port=\"node\",kind=\"wrong_token\"}") >= 1);
        Assert.Null(await cluster.MetricAsync("vae_worker_up{worker=\"stranger\"}"));
        await TrainATrialAsync(cluster);
    }

    [Fact]
    public async Task Bytes_of_another_protocol_are_hung_up_on_and_the_coordinator_goes_on()
    {
        using var cluster = await TestCluster.StartAsync();

        await KnockAsync(cluster.Port, Encoding.ASCII.GetBytes("GET / HTTP/1.1\r\nHost: coordinator\r\n\r\n"));
        await KnockAsync(cluster.Port, [0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03]); // The beginning of TLS.
        await KnockAsync(cluster.Port, [.. Enumerable.Repeat((byte)0xff, 4_096)]);
        await KnockAsync(cluster.Port, []); // Says nothing at all, until the coordinator loses patience.

        Assert.True(await cluster.MetricAsync("vae_auth_rejected_total{port=\"node\",kind=\"not_our_protocol\"}") >= 3);
        Assert.True(await cluster.MetricAsync("vae_auth_rejected_total{port=\"node\",kind=\"deadline\"}") >= 1);
        await TrainATrialAsync(cluster);
    }

    // Ends when the other side has closed the connection, whatever it says before.
    private static async Task KnockAsync(int port, byte[] bytes)
    {
        using var patience = new CancellationTokenSource(Poll.Deadline);
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(IPAddress.Loopback, port, patience.Token);
        try
        {
            if (bytes.Length > 0) await socket.SendAsync(bytes, patience.Token);
            var answer = new byte[4_096];
            var heard = 0;
            while (await socket.ReceiveAsync(answer, patience.Token) is var count && count > 0) heard += count;
            Assert.InRange(heard, 0, 4_096);
        }
        catch (SocketException exception) when (exception.SocketErrorCode is SocketError.ConnectionReset or SocketError.Shutdown)
        {
            // Closed with our bytes unread: also closed.
        }
    }

    private static async Task TrainATrialAsync(TestCluster cluster)
    {
        cluster.StartWorker("friend");
        var sweep = await cluster.SubmitAsync(SweepText.Grid("1", "2", epochs: 1));
        await cluster.WaitForStateAsync(sweep, "done");
        Assert.False(cluster.Coordinator.HasEnded);
    }
}
