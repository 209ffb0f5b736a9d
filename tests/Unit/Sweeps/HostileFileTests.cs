using Vae.Shared.Sweeps;

namespace Vae.Tests.Unit.Sweeps;

/// <summary>Files made to hurt. The first three end a process that hands them to the YAML library unchecked.</summary>
public class HostileFileTests
{
    public static TheoryData<string, string> Bombs => new()
    {
        { "20,000 brackets", new string('[', 20_000) },
        { "a million brackets", new string('[', 1_000_000) },
        { "a million braces", new string('{', 1_000_000) },
        { "nested list items on one line", string.Concat(Enumerable.Repeat("- ", 500_000)) },
        { "nested complex keys", string.Concat(Enumerable.Repeat("? ", 500_000)) },
        { "ever deeper blocks", string.Concat(Enumerable.Range(0, 1_400).Select(i => new string(' ', i) + "a:\n")) },
        { "brackets behind an apostrophe", "a: don't " + new string('[', 20_000) },
        { "brackets behind an open quote", "a: x'y '" + new string('[', 20_000) },
        { "brackets behind a quote that is none", "a: [x,'y, " + new string('[', 200_000) },
        { "aliases", "a: &a [1,1]\n" + string.Concat(Enumerable.Range(0, 30).Select(i => $"a{i}: &a{i} [*a, *a]\n")) },
        { "many tags", string.Concat(Enumerable.Repeat("- !a x\n", 100_000)) },
        { "many documents", string.Concat(Enumerable.Repeat("---\n", 200_000)) },
        { "an endless word", "name: " + new string('x', 1_000_000) },
        { "an endless number", "training: { epochs: " + new string('9', 1_000_000) + " }" },
        { "an open quote", "name: \"" + new string('x', 1_000_000) },
        { "half a million values", "search: { parameters: { training.beta: { values: [" + string.Concat(Enumerable.Repeat("1,", 500_000)) + "] } } }" },
    };

    [Theory, MemberData(nameof(Bombs))]
    public void A_bomb_is_refused_with_a_message(string what, string text)
    {
        var result = SweepParser.Parse(text);

        Assert.True(result.Definition is null && result.Problems.Count is > 0 and <= 101, what);
        Assert.All(result.Problems, problem => Assert.True(problem.Message.Length < 400));
        Assert.InRange(ProblemText.Render("bomb.yaml", result.Text, result.Problems, color: false).Length, 1, 200_000);
    }

    [Fact]
    public void Brackets_in_words_quotes_and_comments_are_no_nesting()
    {
        var brackets = new string('[', 100);

        Assert.NotNull(Sweep.Parse($"# {brackets}\nmodel: {{ latent: 3 }} # {brackets}\n").Definition);
        Assert.Equal([Rules.Choice], Sweep.Parse($"model: {{ activation: '{brackets}' }}").Problems.Select(problem => problem.Rule));
    }

    [Fact]
    public void Terminal_controls_in_a_file_never_reach_the_terminal()
    {
        var result = SweepParser.Parse("version: 1\nname: \"\\e[2J\\u202E\"\n\e]0;x\u0007: 1\ndataset: { source: \u202Esprites }\n");

        var text = ProblemText.Render("\e[31mx.yaml", result.Text, result.Problems, color: false);

        Assert.DoesNotContain(text, c => (char.IsControl(c) && c != '\n') || c == '\u202E');
    }
}
