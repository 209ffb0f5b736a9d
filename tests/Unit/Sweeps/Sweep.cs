using Vae.Shared.Sweeps;

namespace Vae.Tests.Unit.Sweeps;

/// <summary>Small sweep files for tests.</summary>
internal static class Sweep
{
    public const string Head = "version: 1\nname: test\ndataset: { source: sprites }\n";

    public static SweepParseResult Parse(string rest) => SweepParser.Parse(Head + rest);

    public static SweepDefinition Valid(string rest)
    {
        var result = Parse(rest);
        Assert.True(result.Definition is not null, ProblemText.Render("test.yaml", result.Text, result.Problems, color: false));
        return result.Definition;
    }
}
