using Vae.Cli;
using Vae.Shared.Datasets;
using Vae.Shared.Sweeps;

namespace Vae.Tests.Unit.Cli;

public class TrainFileTests
{
    [Fact]
    public void Without_anything_it_is_one_trial_on_sprites()
    {
        var sweep = Parse(TrainFile.Compose(null, []));

        Assert.Equal((DatasetSource.Sprites, 1L), (sweep.Dataset.Source, SweepTrials.Count(sweep)));
    }

    [Fact]
    public void Every_kind_of_value_can_be_set()
    {
        var sweep = Parse(TrainFile.Compose(null,
        [
            ("training.beta", "4"), ("training.learning_rate", "1e-4"), ("training.optimizer", "adamw"), ("model.encoder", "[64, 32]"), ("training.max_steps", "null"),
            ("dataset.count", "500"), ("name", "mine"), ("training.beta", "2"),
        ]));

        Assert.Equal(("mine", 2.0, 1e-4, OptimizerKind.AdamW, 500), (sweep.Name, sweep.Training.Beta, sweep.Training.LearningRate, sweep.Training.Optimizer, sweep.Dataset.Count));
        Assert.Equal([64, 32], sweep.Model.Encoder);
    }

    [Fact]
    public void Naming_an_image_file_is_enough_to_say_that_the_source_is_idx() =>
        Assert.Equal(DatasetSource.Idx, Parse(TrainFile.Compose(null, [("dataset.images", "/data/images.gz")])).Dataset.Source);

    [Fact]
    public void A_mistake_gets_the_hint_of_a_sweep_file()
    {
        var result = SweepParser.Parse(TrainFile.Compose(null, [("training.bta", "4")]));

        Assert.Contains("did you mean `beta`?", ProblemText.Render("(options)", result.Text, result.Problems, color: false));
    }

    public static TheoryData<string> Examples => [.. Directory.GetFiles(Path.Combine(Sweeps.Checkout.Root, "examples"), "*.yaml").Select(file => Path.GetFileName(file)).Order(StringComparer.Ordinal)];

    [Theory, MemberData(nameof(Examples))]
    public void Of_a_sweep_file_everything_but_the_search_is_kept(string file)
    {
        var given = SweepParser.Parse(File.ReadAllBytes(Path.Combine(Sweeps.Checkout.Root, "examples", file)).AsSpan()).Definition!;

        Assert.Equal(given with { Search = new SearchSpec() }, Parse(TrainFile.Compose(given, [])));
    }

    [Theory, InlineData("training.beta"), InlineData("=4"), InlineData("")]
    public void What_is_no_setting_is_a_usage_error(string text) => Assert.Equal(ExitCode.Usage, Assert.Throws<CliException>(() => TrainFile.Setting(text)).Code);

    [Fact]
    public void A_value_may_hold_an_equals_sign() => Assert.Equal(("dataset.images", "a=b"), TrainFile.Setting("dataset.images = a=b"));

    private static SweepDefinition Parse(string text)
    {
        var result = SweepParser.Parse(text);
        Assert.Equal("", ProblemText.Render("train", result.Text, result.Problems, color: false));
        return result.Definition!;
    }
}
