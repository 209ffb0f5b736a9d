using System.Text;
using Vae.Shared.Sweeps;

namespace Vae.Tests.Unit.Sweeps;

/// <summary>One bad file per rule and way to break it: the rule, the place, and a piece of the help.</summary>
public class SweepProblemTests
{
    /// <summary>Rest of a file behind <see cref="Sweep.Head"/> (3 lines), rule, line, column, and what message or hint must say.</summary>
    public static TheoryData<string, string, int, int, string> Cases => new()
    {
        { "model: { latnt: 2 }", Rules.UnknownKey, 4, 10, "`latent`" },
        { "model: { latnt_dim: 2 }", Rules.UnknownKey, 4, 10, "`latent`" },
        { "training: { lr: 2 }", Rules.UnknownKey, 4, 13, "`learning_rate`" },
        { "model: { epochs: 2 }", Rules.UnknownKey, 4, 10, "`training.epochs`" },
        { "modle: { latent: 2 }", Rules.UnknownKey, 4, 1, "`model`" },
        { "training: { zzz: 2 }", Rules.UnknownKey, 4, 13, "the keys here are epochs" },
        { "model:\n  latent: 2\n  latent: 3", Rules.DuplicateKey, 6, 3, "line 5" },
        { "name: twice", Rules.DuplicateKey, 4, 1, "line 2" },
        { "training:\n  learning_rate: fast", Rules.Type, 5, 18, "`fast`" },
        { "training: { epochs: \"20\" }", Rules.Type, 4, 21, "remove the quotes" },
        { "training: { epochs: 1e3 }", Rules.Type, 4, 21, "write 1000" },
        { "training: { epochs: 1_000 }", Rules.Type, 4, 21, "write 1000" },
        { "training: { epochs: 1.5 }", Rules.Type, 4, 21, "whole number" },
        { "training: { epochs: 0x10 }", Rules.Type, 4, 21, "whole number" },
        { "training: { epochs: }", Rules.Type, 4, 21, "nothing" },
        { "training: { epochs: { a: 1 } }", Rules.Type, 4, 21, "a block of keys" },
        { "model: { encoder: 512 }", Rules.Type, 4, 19, "[512]" },
        { "model: { encoder: [a, 2] }", Rules.Type, 4, 20, "`a`" },
        { "model: 3", Rules.Type, 4, 8, "block of keys" },
        { "budget: { wall: 90 }", Rules.Type, 4, 17, "90m" },
        { "budget: { wall: 30m1h }", Rules.Type, 4, 17, "1h30m" },
        { "resources: { workers_per_pack: [1, 2, 3] }", Rules.Type, 4, 32, "[least, most]" },
        { "training: { epochs: 0 }", Rules.Range, 4, 21, "1 to 1,000,000" },
        { "training: { epochs: 99999999999999999999 }", Rules.Range, 4, 21, "1 to 1,000,000" },
        { "training: { learning_rate: 0 }", Rules.Range, 4, 28, "above 0" },
        { "training: { learning_rate: 1e999 }", Rules.Range, 4, 28, "at most 100" },
        { "training: { adam_beta2: 1 }", Rules.Range, 4, 25, "below 1" },
        { "training: { beta: -1 }", Rules.Range, 4, 19, "0 to 10,000" },
        { "model: { latent: 4097 }", Rules.Range, 4, 18, "1 to 4,096" },
        { "model: { architecture: conv, channels: [] }", Rules.Range, 4, 40, "an empty list" },
        { "budget: { wall: 0s }", Rules.Range, 4, 17, "1s" },
        { "training: { beta: .nan }", Rules.NotFinite, 4, 19, "`.nan`" },
        { "training: { beta: -.inf }", Rules.NotFinite, 4, 19, "`-.inf`" },
        { "training: { epochs: NaN }", Rules.NotFinite, 4, 21, "`NaN`" },
        { "training: { optimizer: adamm }", Rules.Choice, 4, 24, "did you mean `adam`" },
        { "model: { activation: mish }", Rules.Choice, 4, 22, "relu, tanh, gelu, silu, leaky_relu, elu" },
        { "search: { method: tpe, parameters: { training.beta: { values: [1] } } }", Rules.NotAvailable, 4, 19, "grid or random" },
        { "search: { early_stopping: { method: asha }, parameters: { training.beta: { values: [1] } } }", Rules.NotAvailable, 4, 11, "not available" },
        { "search: { method: grid }", Rules.EmptyGrid, 4, 1, "parameters" },
        { "search: { parameters: {} }", Rules.EmptyGrid, 4, 11, "empty" },
        { "search: { parameters: { training.beta: { values: [] } } }", Rules.EmptyGrid, 4, 42, "no values" },
        { "search: { parameters: { training.beta: {} } }", Rules.EmptyGrid, 4, 40, "no values" },
        { "search: { parameters: { beta: { values: [1] } } }", Rules.UnknownParameter, 4, 25, "`training.beta`" },
        { "search: { parameters: { training.lr: { values: [1] } } }", Rules.UnknownParameter, 4, 25, "`training.learning_rate`" },
        { "search: { parameters: { model.latnt: { values: [1] } } }", Rules.UnknownParameter, 4, 25, "`model.latent`" },
        { "search: { parameters: { dataset.size: { values: [32] } } }", Rules.NotSearchable, 4, 25, "model and training" },
        { "search: { parameters: { training.beta: [1, 2] } }", Rules.Domain, 4, 40, "{ values: [...] }" },
        { "search: { parameters: { training.beta: 1 } }", Rules.Domain, 4, 40, "log_uniform" },
        { "search: { parameters: { training.beta: { values: [1], uniform: [1, 2] } } }", Rules.Domain, 4, 55, "one of them" },
        { "search: { parameters: { training.beta: { vals: [1] } } }", Rules.UnknownKey, 4, 42, "`values`" },
        { "search: { method: random, trials: 2, parameters: { model.latent: { uniform: [1, 2] } } }", Rules.Domain, 4, 68, "int_uniform" },
        { "search: { method: random, trials: 2, parameters: { model.activation: { uniform: [1, 2] } } }", Rules.Domain, 4, 72, "not a number" },
        { "search: { method: random, trials: 2, parameters: { training.beta: { uniform: [2, 1] } } }", Rules.EmptyRange, 4, 78, "swap" },
        { "search: { method: random, trials: 2, parameters: { training.beta: { uniform: [1, 1] } } }", Rules.EmptyRange, 4, 78, "single value" },
        { "search: { method: random, trials: 2, parameters: { training.beta: { uniform: 1 } } }", Rules.Type, 4, 78, "[low, high]" },
        { "search: { method: random, trials: 2, parameters: { training.beta: { uniform: [1, 1e9] } } }", Rules.Range, 4, 82, "0 to 10,000" },
        { "search: { method: random, trials: 2, parameters: { model.latent: { int_uniform: [1.5, 3] } } }", Rules.Type, 4, 82, "whole" },
        { "search: { method: random, trials: 2, parameters: { training.beta: { log_uniform: [0, 1] } } }", Rules.LogOfZero, 4, 83, "1e-5" },
        { "search: { method: random, trials: 2, parameters: { training.learning_rate: { log_uniform: [0, 1] } } }", Rules.LogOfZero, 4, 92, "1e-5" },
        { "search: { parameters: { training.beta: { values: [1, 1.0] } } }", Rules.DuplicateValue, 4, 54, "twice" },
        { "search: { parameters: { training.learning_rate: { log_uniform: [1e-4, 1e-2] } } }", Rules.RangeInGrid, 4, 51, "[0.0001, 0.001, 0.01]" },
        { "search: { method: random, parameters: { training.beta: { values: [1] } } }", Rules.Trials, 4, 1, "trials: 20" },
        { "search: { trials: 3, parameters: { training.beta: { values: [1] } } }", Rules.Trials, 4, 11, "remove `trials`" },
        { "resources: { workers_per_pack: [4, 2] }", Rules.EmptyRange, 4, 32, "[2, 4]" },
        { "resources: { workers_per_pack: 8 }\ntraining: { batch: 4 }", Rules.TooManyWorkers, 4, 32, "batch of 4" },
        { "model: { architecture: conv, channels: [8, 8, 8, 8, 8, 8, 8] }", Rules.Conflict, 4, 40, "divisible by 128" },
        { "resources: { device: cpu, precision: bfloat16 }", Rules.Conflict, 4, 38, "device is cpu" },
        { "resources: { device: cpu, all_reduce: nccl }", Rules.Conflict, 4, 39, "device is cpu" },
        { "training: &t { epochs: 2 }", Rules.Anchor, 4, 11, "`&t`" },
        { "training: *t", Rules.Anchor, 4, 11, "alias" },
        { "training: { epochs: !!int 3 }", Rules.Tag, 4, 21, "!!int" },
        { "training: { epochs: !x 3 }", Rules.Tag, 4, 21, "!x" },
        { "<<: { a: 1 }", Rules.MergeKey, 4, 1, "merge key" },
        { "? [a, b]\n: 2", Rules.ComplexKey, 4, 3, "a list" },
        { "---\nversion: 1", Rules.Documents, 4, 1, "second document" },
        { "training:\n\tepochs: 2", Rules.Tab, 5, 1, "spaces" },
        { "training: { epochs: 2\n\n", Rules.Syntax, 4, 21, "not YAML" },
        { "name: \u0007", Rules.ControlCharacter, 4, 7, "U+0007" },
        { "model: " + new string('[', 40), Rules.Depth, 4, 39, "32 levels" },
        { Grid(10), Rules.TooManyTrials, 4, 1, "10,000,000" },
        { Grid(30), Rules.TooManyTrials, 4, 1, "10^18" },
    };

    [Theory, MemberData(nameof(Cases))]
    public void Each_mistake_has_its_rule_place_and_help(string rest, string rule, int line, int column, string says)
    {
        var result = Sweep.Parse(rest);

        var rendered = ProblemText.Render("test.yaml", result.Text, result.Problems, color: false);
        Assert.Null(result.Definition);
        var problem = result.Problems.FirstOrDefault(found => found.Rule == rule);
        Assert.True(problem is not null, rendered);
        Assert.True((line, column) == (problem.Line, problem.Column), rendered);
        Assert.Contains(says, problem.Message + " " + problem.Hint, StringComparison.Ordinal);
        Assert.True(problem.Length >= 1 && problem.Severity == Severity.Error);
    }

    /// <summary>Faults of the whole file rather than of a place in it.</summary>
    public static TheoryData<string, byte[], string> Files => new()
    {
        { "empty", [], Rules.Size },
        { "comment only", "# nothing\n"u8.ToArray(), Rules.Size },
        { "large", new byte[(1024 * 1024) + 1], Rules.Size },
        { "UTF-16", Encoding.Unicode.GetPreamble().Concat(Encoding.Unicode.GetBytes("version: 1")).ToArray(), Rules.Encoding },
        { "Latin-1", [.. "name: caf"u8, 0xE9, .. "\n"u8], Rules.Encoding },
        { "binary", [0x1F, 0x08, 0, 1, 2, 3], Rules.ControlCharacter },
        { "a list", "- 1\n- 2\n"u8.ToArray(), Rules.Type },
        { "a word", "hello"u8.ToArray(), Rules.Type },
        { "directive", "%YAML 1.2\n---\nversion: 1\n"u8.ToArray(), Rules.Documents },
        { "nothing required", "budget: {}\n"u8.ToArray(), Rules.MissingKey },
        { "no rows held out", "version: 1\nname: a\ndataset: { source: sprites, holdout: 0 }\n"u8.ToArray(), Rules.Conflict },
        { "no images", "version: 1\nname: a\ndataset: { source: idx }\n"u8.ToArray(), Rules.MissingKey },
        { "idle", "version: 1\nname: a\ndataset: { source: sprites, images: x }\n"u8.ToArray(), Rules.Unused },
        { "many", Encoding.UTF8.GetBytes(string.Concat(Enumerable.Range(0, 200).Select(i => $"k{i}: 1\n"))), Rules.TooManyProblems },
    };

    [Theory, MemberData(nameof(Files))]
    public void Each_bad_file_is_refused_by_its_rule(string what, byte[] bytes, string rule) =>
        Assert.True(SweepParser.Parse(bytes).Problems.Any(problem => problem.Rule == rule), what);

    [Fact]
    public void Every_rule_of_the_reference_can_be_broken()
    {
        var broken = Cases.Select(row => (string)row[1]).Concat(Files.Select(row => (string)row[2])).Distinct().Order(StringComparer.Ordinal);

        Assert.Equal(Rules.All.Select(rule => rule.Id).Order(StringComparer.Ordinal), broken);
    }

    [Fact]
    public void The_place_of_a_bad_byte_is_told()
    {
        var problem = Assert.Single(SweepParser.Parse([.. "version: 1\nname: caf"u8, 0xE9]).Problems);

        Assert.Equal((2, 10), (problem.Line, problem.Column));
        Assert.Contains("0xE9 at offset 20", problem.Message, StringComparison.Ordinal);
    }

    private static string Grid(int parameters)
    {
        string[] paths = [.. SweepFields.All.Where(field => field.Searchable && field.Type == "number").Select(field => field.Path)];
        var count = parameters == 10 ? 8 : paths.Length; // 8 parameters of 8 values: 16,777,216 trials. All of them, with 200 values: beyond 10^18.
        var values = string.Join(", ", Enumerable.Range(1, count == 8 ? 8 : 200).Select(i => $"0.{i:D3}"));
        return "search:\n  parameters:\n" + string.Concat(paths.Take(count).Select(path => $"    {path}: {{ values: [{values}] }}\n"));
    }
}
