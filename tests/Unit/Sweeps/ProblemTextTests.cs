using System.Text.Json;
using Vae.Shared.Sweeps;

namespace Vae.Tests.Unit.Sweeps;

public class ProblemTextTests
{
    [Fact]
    public void A_problem_shows_its_place_line_mark_and_help()
    {
        var result = Sweep.Parse("model:\n  latent: 16\n  latnt: 16\ntraining: { optimizer: adamm }\n");

        Assert.Equal("""
            a.yaml:6:3: error[unknown-key]: unknown key `latnt` in model
             6 |   latnt: 16
               |   ^^^^^
               = help: did you mean `latent`?

            a.yaml:7:24: error[choice]: training.optimizer must be one of adam, adamw, sgd, but is `adamm`
             7 | training: { optimizer: adamm }
               |                        ^^^^^
               = help: did you mean `adam`?

            2 errors

            """, ProblemText.Render("a.yaml", result.Text, result.Problems, color: false));
    }

    [Fact]
    public void Colours_change_nothing_but_colours()
    {
        var result = Sweep.Parse("model: { latnt: 16 }\n");

        var colored = ProblemText.Render("a.yaml", result.Text, result.Problems, color: true);

        Assert.Contains("\e[1;31merror[unknown-key]\e[0m", colored, StringComparison.Ordinal);
        Assert.Equal(ProblemText.Render("a.yaml", result.Text, result.Problems, color: false), System.Text.RegularExpressions.Regex.Replace(colored, "\e\\[[0-9;]*m", ""));
    }

    [Fact]
    public void A_long_line_is_cut_around_the_mark()
    {
        var result = Sweep.Parse($"model: {{ encoder: [{string.Concat(Enumerable.Repeat("16, ", 100))}x] }}\n");

        var lines = ProblemText.Render("a.yaml", result.Text, [new Problem(4, 420, 1, Rules.Type, "wrong")], color: false).Split('\n');

        Assert.InRange(lines[1].Length, 100, 135);
        Assert.Equal('x', lines[1][lines[2].IndexOf('^')]);
    }

    [Fact]
    public void The_mark_stands_under_the_value_behind_wide_characters()
    {
        var source = "name: 日本 x";

        var lines = ProblemText.Render("a.yaml", source, [new Problem(1, 10, 1, Rules.Type, "wrong")], color: false).Split('\n');

        Assert.Equal(lines[1].IndexOf('x') + 2, lines[2].IndexOf('^')); // Two characters before it take two columns each.
    }

    [Fact]
    public void No_problems_are_no_text() => Assert.Equal("", ProblemText.Render("a.yaml", "x", [], color: true));

    [Fact]
    public void The_json_form_holds_every_part()
    {
        var result = Sweep.Parse("model: { latnt: 16 }\n");

        var json = JsonDocument.Parse(ProblemText.Json("a.yaml", result.Problems)).RootElement;

        Assert.False(json.GetProperty("valid").GetBoolean());
        var problem = json.GetProperty("problems")[0];
        Assert.Equal(("error", "unknown-key", 4, 10, 5),
            (problem.GetProperty("severity").GetString(), problem.GetProperty("rule").GetString(), problem.GetProperty("line").GetInt32(), problem.GetProperty("column").GetInt32(), problem.GetProperty("length").GetInt32()));
        Assert.Equal("did you mean `latent`?", problem.GetProperty("hint").GetString());
    }
}
