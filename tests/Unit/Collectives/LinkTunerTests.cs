using Vae.Worker.Collectives;
using Vae.Worker.Collectives.Engines;

namespace Vae.Tests.Unit.Collectives;

public class LinkTunerTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    public async Task All_ranks_of_a_host_take_the_same_setting_of_tcp_and_the_next_ring_knows_it(int world)
    {
        var first = await ChooseAsync(world, new RingOptions());
        var second = await ChooseAsync(world, new RingOptions());

        Assert.All([.. first, .. second], choice => Assert.Equal(first[0].Setting, choice.Setting));
        Assert.All(first, choice => Assert.Matches("^(best of [1-6] measured in .* ms, 1 MiB in .* ms against .* ms at first|as measured before)$", choice.Why));
        Assert.All(second, choice => Assert.Equal("as measured before", choice.Why));
    }

    [Fact]
    public async Task Nothing_is_measured_where_the_options_say_what_to_take()
    {
        var choices = await ChooseAsync(2, new RingOptions { MeasureLinks = false, Congestion = "reno", SocketBufferBytes = 8192, PieceBytes = 65_536 });

        Assert.All(choices, choice => Assert.Equal((new LinkSetting("reno", 8192, 65_536), "as the options say"), choice));
    }

    [Theory]
    [InlineData("reno", 1 << 20, 256 << 10)]
    [InlineData("", 0, 4096)]
    public void A_setting_survives_its_way_to_another_rank(string congestion, int buffers, int piece)
    {
        var setting = new LinkSetting(congestion, buffers, piece);

        Assert.Equal(setting, LinkSetting.Decode(setting.Encode()));
    }

    [Theory]
    [InlineData("")]
    [InlineData("reno/1")]
    [InlineData("reno/-1/4096")]
    [InlineData("reno/1/4095")]
    [InlineData("reno/1/99999999")]
    [InlineData("reno/99999999/4096")]
    [InlineData("a-name-that-is-too-long/1/4096")]
    [InlineData("reno/x/4096")]
    public void A_setting_that_this_version_does_not_understand_is_none(string text) => Assert.Null(LinkSetting.Decode(text));

    private static async Task<(LinkSetting Setting, string Why)[]> ChooseAsync(int world, RingOptions options)
    {
        var transports = Enumerable.Range(0, world).Select(_ => new LoopbackRingTransport()).ToArray();
        var members = transports.Select((transport, rank) => new RingMember(rank, "127.0.0.1", transport.Port)).ToList();
        try
        {
            var links = await Task.WhenAll(transports.Select((transport, rank) => RingConnector.ConnectLinksAsync(new(new("pack", 1, 1), rank, world, 1, "model"), members, transport, Patience)));
            var choices = await Task.WhenAll(links.Select(link => LinkTuner.ChooseAsync(link!, options, CancellationToken.None))).WaitAsync(Patience);
            foreach (var link in links) link!.Dispose();
            return choices;
        }
        finally
        {
            foreach (var transport in transports) transport.Dispose();
        }
    }
}
