using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging.Abstractions;
using Vae.Runtime.Actors;
using Vae.Runtime.Remoting;
using Vae.Shared;

namespace Vae.Tests.Unit.Runtime;

public class PeerAddressesTests
{
    [Theory]
    [InlineData("a:1", "a:1")]
    [InlineData("a:1,b:2", "a:1,b:2")]
    [InlineData(" a:1 , [::1]:2", "a:1,[::1]:2")]
    public void Several_addresses_are_read_in_their_order(string text, string read) => Assert.Equal(read, PeerAddresses.Parse(text).ToString());

    [Theory]
    [InlineData("a:1,")]
    [InlineData("a:1,b")]
    [InlineData("a:1,::1:2")]
    public void A_part_that_is_no_address_is_refused(string text) => Assert.Throws<UserFitException>(() => PeerAddresses.Parse(text));

    [Fact]
    public void A_round_ends_when_every_address_has_had_its_turn()
    {
        var addresses = PeerAddresses.Parse("a:1,b:2,c:3");
        Assert.Equal([false, false, true], Enumerable.Range(0, 3).Select(_ => addresses.MoveOn()));
        Assert.Equal(new HostPort("a", 1), addresses.Current);
        Assert.True(PeerAddresses.Parse("a:1").MoveOn());
    }

    [Fact]
    public async Task A_connector_finds_the_one_of_several_addresses_where_somebody_answers_and_stays_there()
    {
        await using var pair = new Pair();
        var addresses = new PeerAddresses(new HostPort("127.0.0.1", ClosedPort()), new HostPort("127.0.0.1", pair.Listener.Endpoint.Port), new HostPort("127.0.0.1", ClosedPort()));
        await using var connector = new Connector(pair.Worker.Plane, pair.Worker.Identity, NodeId.Coordinator, addresses, TimeProvider.System, NullLogger.Instance);
        await connector.FirstConnection.WaitAsync(TimeSpan.FromSeconds(20));
        Assert.Equal(pair.Listener.Endpoint.Port, addresses.Current.Port);
    }

    private static int ClosedPort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
