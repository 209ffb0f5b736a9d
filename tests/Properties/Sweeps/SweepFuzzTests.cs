using System.Text;
using FsCheck.Fluent;
using FsCheck;
using Vae.Shared.Determinism;
using Vae.Shared.Sweeps;

namespace Vae.Tests.Properties.Sweeps;

/// <summary>Whatever the bytes are, the parser answers with a definition or with problems that have a place, and never with an exception.</summary>
public class SweepFuzzTests
{
    private const string Good = """
        version: 1
        name: fuzz
        dataset: { source: sprites, count: 6000, size: 32, holdout: 0.2 }
        model:
          architecture: conv    # a comment
          channels: [32, 64]
          likelihood: "bernoulli"
        training:
          epochs: 20
          learning_rate: 1e-3
        search:
          method: random
          trials: 5
          parameters:
            training.beta: { values: [1, 4] }
            model.latent: { int_uniform: [6, 10] }
            training.learning_rate: { log_uniform: [1e-4, 1e-2] }
        resources: { workers_per_pack: [1, 2] }
        budget: { wall: 1h30m }

        """;

    private static readonly string[] Pieces =
    [
        "[", "]", "{", "}", ":", ": ", "- ", "? ", "\n", "\r", "\t", " ", "  ", "'", "\"", "#", "&a ", "*a", "!!str ", "!", "|", "|2\n", ">", ">-\n", "%", "@", "`", "---\n", "...\n", "<<: ",
        ",", "\\", "\0", "\uFEFF", "\u2028", "\u0085", "é", "日", "😀", "1e999", "-1", ".nan", "null", "~", "values", "uniform", "training.beta", "9999999999999999999999", "%YAML 1.2\n", "\\x", "\"\\u12", "search:",
    ];

    [Fact]
    public void Any_mutation_of_a_good_file_gives_an_answer()
    {
        for (ulong seed = 1; seed <= 6_000; seed++) Answers(Mutate(seed), $"seed {seed}");
    }

    [Fact]
    public void Any_soup_of_yaml_signs_gives_an_answer()
    {
        for (ulong seed = 1; seed <= 6_000; seed++)
        {
            var random = new Prng(seed);
            Answers(Encoding.UTF8.GetBytes(string.Concat(Enumerable.Range(0, random.NextBelow(60)).Select(_ => Pieces[random.NextBelow(Pieces.Length)]))), $"seed {seed}");
        }
    }

    [Fact]
    public void Any_bytes_give_an_answer() =>
        Prop.ForAll(ArbMap.Default.ArbFor<byte[]>(), bytes => Answers(bytes, Convert.ToHexString(bytes))).Check(Config.QuickThrowOnFailure.WithMaxTest(2_000));

    [Fact]
    public void Every_prefix_of_a_good_file_gives_an_answer()
    {
        var bytes = Encoding.UTF8.GetBytes(Good);
        for (var length = 0; length <= bytes.Length; length++) Answers(bytes.AsSpan(0, length).ToArray(), $"length {length}");
    }

    private static byte[] Mutate(ulong seed)
    {
        var random = new Prng(seed);
        var bytes = new List<byte>(Encoding.UTF8.GetBytes(Good));
        for (var change = random.NextBelow(6); change >= 0; change--)
        {
            var at = random.NextBelow(bytes.Count);
            switch (random.NextBelow(5))
            {
                case 0: bytes[at] = (byte)random.NextBelow(256); break;
                case 1: bytes.RemoveRange(at, Math.Min(1 + random.NextBelow(20), bytes.Count - at)); break;
                case 2: bytes.InsertRange(at, bytes.GetRange(random.NextBelow(bytes.Count / 2), random.NextBelow(bytes.Count / 2))); break;
                default: bytes.InsertRange(at, Encoding.UTF8.GetBytes(Pieces[random.NextBelow(Pieces.Length)])); break;
            }
            if (bytes.Count == 0) return [];
        }
        return [.. bytes];
    }

    private static void Answers(byte[] bytes, string what)
    {
        SweepParseResult result;
        try
        {
            result = SweepParser.Parse(bytes);
            var text = ProblemText.Render("fuzz.yaml", result.Text, result.Problems, color: false);
            Assert.DoesNotContain(text, c => char.IsControl(c) && c != '\n');
            if (result.Definition is { } sweep) Assert.Equal(sweep, SweepDefinitionJson.Read(SweepDefinitionJson.WriteUtf8(sweep)));
        }
        catch (Exception fault) when (fault is not Xunit.Sdk.XunitException)
        {
            throw new InvalidOperationException($"{what}: {Encoding.UTF8.GetString(bytes)}", fault);
        }
        Assert.True((result.Definition is null) == result.Problems.Any(problem => problem.Severity == Severity.Error), what);
        var lines = result.Text.Split('\n').Length + result.Text.Count(c => c == '\r');
        Assert.All(result.Problems, problem => Assert.True(problem.Line >= 1 && problem.Line <= lines && problem.Column >= 1 && problem.Length >= 1, what));
        Assert.True(result.Problems.Zip(result.Problems.Skip(1)).All(pair => (pair.First.Line, pair.First.Column).CompareTo((pair.Second.Line, pair.Second.Column)) <= 0), what);
    }
}
