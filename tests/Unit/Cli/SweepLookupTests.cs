using Vae.Cli;
using Vae.Cli.Sources;
using Vae.Coordinator.Projections;

namespace Vae.Tests.Unit.Cli;

public class SweepLookupTests
{
    private static readonly SweepSummary[] Sweeps = [.. new[] { ("s-2345bcdf", "first"), ("s-2367ghjk", "second"), ("s-9999zzzz", "second") }
        .Select(pair => new SweepSummary(pair.Item1, pair.Item2, "done", "", 1, new Dictionary<string, int>(), null, null))];

    [Theory]
    [InlineData("s-2345bcdf", "s-2345bcdf")]
    [InlineData("s-236", "s-2367ghjk")]
    [InlineData("first", "s-2345bcdf")]
    [InlineData("last", "s-9999zzzz")]
    public void An_id_its_beginning_a_name_and_the_word_last_name_a_sweep(string typed, string id) => Assert.Equal(id, SweepLookup.Find(Sweeps, typed).Id);

    [Theory]
    [InlineData("s-23", "fits 2 sweeps")]
    [InlineData("second", "fits 2 sweeps")]
    [InlineData("s-8", "no sweep 's-8'")]
    [InlineData("", "no sweep ''")]
    public void What_fits_none_or_several_is_refused_with_the_candidates(string typed, string text)
    {
        var refused = Assert.Throws<CliException>(() => SweepLookup.Find(Sweeps, typed));

        Assert.Equal(ExitCode.InvalidInput, refused.Code);
        Assert.Contains(text, refused.Message);
        Assert.Contains("s-2367ghjk", refused.Message + refused.Help);
    }

    [Fact]
    public void Without_any_sweep_the_next_command_is_told() => Assert.Contains("vae sweep run", Assert.Throws<CliException>(() => SweepLookup.Find([], "last")).Help);
}
