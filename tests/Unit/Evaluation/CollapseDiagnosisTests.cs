using Vae.Shared;
using Vae.Shared.Messages;
using Vae.Shared.Sweeps;

namespace Vae.Tests.Unit.Evaluation;

public class CollapseDiagnosisTests
{
    [Fact]
    public void A_model_that_keeps_two_of_sixteen_units_is_told_what_to_try()
    {
        var diagnosis = CollapseDiagnosis.Of([.. Enumerable.Repeat(0.001, 14), 3, 2], Trial(new() { Beta = 4 }))!;
        Assert.Equal(CollapseLevel.Partial, diagnosis.Level);
        Assert.StartsWith("14 of 16 units inactive: KL below 0.01 nats; try training.beta: 1 (now 4), training.kl_warmup_epochs: 10 (now 0)", diagnosis.Text, StringComparison.Ordinal);
        Assert.EndsWith("or model.latent: 2, with which nothing would be lost", diagnosis.Text, StringComparison.Ordinal);
    }

    [Fact]
    public void A_full_collapse_is_called_one()
    {
        var diagnosis = CollapseDiagnosis.Of([0, 0.009], Trial(new() { KlWarmupEpochs = 20 }, new() { Likelihood = Likelihood.Gaussian, Variance = 4 }))!;
        Assert.Equal(CollapseLevel.Full, diagnosis.Level);
        Assert.StartsWith("posterior collapse: 2 of 2 units inactive", diagnosis.Text, StringComparison.Ordinal);
        Assert.Contains("model.variance: learned, or less (now 4)", diagnosis.Text, StringComparison.Ordinal);
        Assert.DoesNotContain("model.latent", diagnosis.Text, StringComparison.Ordinal);
    }

    [Fact]
    public void A_full_collapse_is_told_of_the_output_bias_unless_it_began_at_the_data()
    {
        const string remedy = "model.output_bias: data (now random)";
        Assert.Contains(remedy, CollapseDiagnosis.Of([0, 0], Trial(new()))!.Remedies);
        Assert.DoesNotContain(remedy, CollapseDiagnosis.Of([0, 0, 1], Trial(new()))!.Remedies);
        Assert.DoesNotContain(remedy, CollapseDiagnosis.Of([0, 0], Trial(new(), new() { OutputBias = OutputBias.Data }))!.Remedies);
        Assert.DoesNotContain(remedy, CollapseDiagnosis.Of([0], Trial(new(), new() { Prior = Prior.Vamp, Activation = Activation.Tanh }))!.Remedies);
    }

    [Fact]
    public void A_few_inactive_units_are_no_illness()
    {
        var diagnosis = CollapseDiagnosis.Of([0, 0.5, 0.5, 0.5], Trial(new()))!;
        Assert.Equal(CollapseLevel.None, diagnosis.Level);
        Assert.Empty(diagnosis.Remedies);
        Assert.Equal("1 of 4 units inactive: KL below 0.01 nats", diagnosis.Text);
        Assert.Equal("no unit inactive: all 2 have a KL of at least 0.01 nats", CollapseDiagnosis.Of([1, 1], Trial(new()))!.Text);
    }

    [Fact]
    public void A_codebook_of_which_little_is_used_is_told_in_codes()
    {
        var trial = Trial(new(), new() { Family = ModelFamily.Vq, Codes = 512 });
        var result = new TrialResult(0, TrialState.Done, -1, 1, 0, 0, [0.001, 0.002], 1, 1, 1, 1, "", []) { Figures = [new("perplexity", 8.31), new("codes_in_use", 12)] };

        var diagnosis = CollapseDiagnosis.Of(result, trial)!;

        Assert.Equal((CollapseLevel.Partial, 500, 512), (diagnosis.Level, diagnosis.Inactive, diagnosis.Units));
        Assert.Equal(
            "codebook collapse: 12 of 512 codes in use, perplexity 8.3; try training.code_revival: 1 (now 0.01), training.code_decay: 0.95 (now 0.99), a smaller training.learning_rate, or model.codes: 16, with which little would be lost",
            diagnosis.Text);
        Assert.Null(CollapseDiagnosis.Of(result with { Figures = [] }, trial));
        Assert.Equal("300 of 512 codes in use, perplexity 150.0", CollapseDiagnosis.OfCodes(300, 150, trial).Text);
        Assert.Equal(CollapseLevel.Full, CollapseDiagnosis.OfCodes(1, 1, trial).Level);
        Assert.StartsWith("2 of 2 units inactive", CollapseDiagnosis.Of(result, Trial(new()))!.Text["posterior collapse: ".Length..], StringComparison.Ordinal);
    }

    [Fact]
    public void Every_collapse_has_a_remedy()
    {
        var diagnosis = CollapseDiagnosis.Of([0, 0], Trial(new() { Beta = 0.5, KlWarmupEpochs = 50 }))!;
        Assert.NotEmpty(diagnosis.Remedies);
    }

    [Fact]
    public void Only_what_this_version_trains_is_proposed()
    {
        var trial = Trial(new());
        var proposed = CollapseDiagnosis.Of([0, 0], trial)!.Text.Contains("free_bits", StringComparison.Ordinal);
        Assert.Equal(Supported.Refusal(trial with { Training = trial.Training with { FreeBits = 0.1 } }) is null, proposed);
    }

    [Fact]
    public void A_ladder_is_told_which_layer_carries_nothing()
    {
        double[] rates = [3, 2, 0.001, 1, 1, 1, 0, 0.002];
        var diagnosis = CollapseDiagnosis.Of(rates, Trial(new() { KlWarmupEpochs = 0 }, Ladder(4, 2, 2)))!;
        Assert.Equal(CollapseLevel.Partial, diagnosis.Level); // Although most units are active.
        Assert.StartsWith("3 of 8 units inactive: KL below 0.01 nats (z1 1 of 4, z2 0 of 2, z3 2 of 2, all of this layer); try training.kl_warmup_epochs: 10", diagnosis.Text, StringComparison.Ordinal);
        Assert.EndsWith("or model.ladder: [3, 2], with which nothing would be lost", diagnosis.Text, StringComparison.Ordinal);
        Assert.Equal(6.001, diagnosis.Layers[0].Rate, 1e-9);
        Assert.Equal(["z1", "z2", "z3"], diagnosis.Layers.Select(layer => layer.Name));
    }

    [Fact]
    public void A_ladder_of_one_layer_that_is_left_is_a_plain_model()
    {
        var diagnosis = CollapseDiagnosis.Of([3, 2, 0, 0, 0], Trial(new(), Ladder(2, 3)))!;
        Assert.EndsWith("or model.family: vae with model.latent: 2, with which nothing would be lost", diagnosis.Text, StringComparison.Ordinal);
        Assert.Equal("no unit inactive: all 3 have a KL of at least 0.01 nats", CollapseDiagnosis.Of([1, 1, 1], Trial(new(), Ladder(2, 1)))!.Text);
    }

    [Fact]
    public void Of_a_vamp_prior_only_the_whole_rate_is_judged()
    {
        var vamp = new ModelSpec { Prior = Prior.Vamp, Latent = 16 };
        Assert.Null(CollapseDiagnosis.Of([12.5], Trial(new(), vamp)));
        var diagnosis = CollapseDiagnosis.Of([0.003], Trial(new(), vamp))!;
        Assert.Equal(CollapseLevel.Full, diagnosis.Level);
        Assert.StartsWith("posterior collapse: 16 of 16 units inactive", diagnosis.Text, StringComparison.Ordinal);
    }

    [Fact]
    public void Nothing_is_said_about_figures_that_are_none()
    {
        Assert.Null(CollapseDiagnosis.Of([], Trial(new())));
        Assert.Null(CollapseDiagnosis.Of([double.NaN, 1], Trial(new())));
    }

    private static ModelSpec Ladder(params int[] sizes) => new() { Family = ModelFamily.Ladder, Ladder = sizes.ToValueList() };

    private static TrialSpec Trial(TrainingSpec training, ModelSpec? model = null) => new() { Index = 0, Model = model ?? new(), Training = training };
}
