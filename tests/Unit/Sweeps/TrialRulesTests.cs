using Vae.Shared.Sweeps;

namespace Vae.Tests.Unit.Sweeps;

/// <summary>Combinations of families, objectives, priors and likelihoods that make no sense, and fields without effect beside the others.</summary>
public class TrialRulesTests
{
    private const string Idx = "version: 1\nname: test\ndataset: { source: idx, images: x }\n";

    public static TheoryData<string, string> Nonsense => new()
    {
        { "model: { family: vq }\ntraining: { objective: iwae }", "no objective but its own" },
        { "model: { family: vq }\ntraining: { objective: tc }", "no objective but its own" },
        { "model: { family: ladder }\ntraining: { objective: tc }", "one for each layer" },
        { "model: { family: ladder }\ntraining: { objective: factor }", "one for each layer" },
        { "model: { family: ladder }\ntraining: { objective: mmd }", "one for each layer" },
        { "model: { family: m2 }\ntraining: { objective: iwae }", "sum over the classes" },
        { "training: { objective: mmd, mmd_lambda: 0.001 }", "is negative" },
        { "training: { objective: tc, batch: 1 }", "has one row" },
        { "model: { family: vq, prior: vamp }", "prior over codes" },
        { "model: { family: ladder, prior: vamp }", "top layer only" },
        { "model: { family: conditional, prior: vamp }", "pseudo-inputs have none" },
        { "model: { prior: vamp }\ntraining: { objective: mmd }", "own aggregate" },
        { "model: { family: vq }\ntraining: { free_bits: 0.5 }", "nothing to free" },
        { "model: { family: vq }\ntraining: { capacity: 5 }", "cannot be pulled" },
        { "training: { objective: iwae, free_bits: 0.5 }", "that could be free" },
        { "training: { objective: iwae, capacity: 5 }", "pulled to a capacity" },
        { "model: { prior: vamp }\ntraining: { free_bits: 0.5 }", "does not come apart" },
        { "model: { family: m2 }\ntraining: { free_bits: 0.5 }", "no KL of the batch" },
        { "model: { family: m2 }\ntraining: { capacity: 5 }", "no KL of the batch" },
        { "training: { free_bits: 0.5, capacity: 5 }", "both say how large" },
        { "model: { family: m2 }\ntraining: { labelled: 2 }", "fewer rows are labelled" },
        { "model: { family: m2 }\ntraining: { labelled: 9000 }", "more rows are labelled" },
        { "model: { family: conditional, classes: 2 }", "3 shapes" },
        { "model: { family: ladder, architecture: conv }", "dense layers" },
        { "model: { family: ladder, encoder: [512, 256, 128, 64] }", "one encoder width" },
        { "model: { family: ladder, decoder: [64] }", "one decoder width" },
        { "model: { architecture: resnet, groups: 5 }", "divide every number of channels" },
    };

    [Theory, MemberData(nameof(Nonsense))]
    public void A_combination_that_makes_no_sense_is_refused_with_the_reason(string rest, string says)
    {
        var result = Sweep.Parse(rest);

        Assert.Null(result.Definition);
        var conflicts = result.Problems.Where(problem => problem.Rule == Rules.Conflict).ToArray();
        Assert.True(conflicts.Any(problem => problem.Message.Contains(says, StringComparison.Ordinal)), ProblemText.Render("test.yaml", result.Text, result.Problems, color: false));
        Assert.All(conflicts, problem => Assert.Equal(Severity.Error, problem.Severity));
    }

    [Theory]
    [InlineData("model: { likelihood: discretised_logistic }", "256 grey levels")]
    [InlineData("model: { likelihood: continuous_bernoulli }", "has no bound")]
    public void A_likelihood_of_grey_values_is_refused_for_bits(string rest, string says)
    {
        var bits = SweepParser.Parse("version: 1\nname: test\ndataset: { source: sprites, binarize: fixed }\n" + rest);

        Assert.Contains(bits.Problems, problem => problem.Rule == Rules.Conflict && problem.Message.Contains(says, StringComparison.Ordinal));
        Assert.DoesNotContain(Sweep.Parse(rest).Problems, problem => problem.Rule == Rules.Conflict);
    }

    [Theory]
    [InlineData("[gaussian, discretised_logistic]", "elbo", 1)]
    [InlineData("[bernoulli, continuous_bernoulli]", "log_likelihood", 1)]
    [InlineData("[bernoulli, continuous_bernoulli]", "reconstruction_error", 0)]
    [InlineData("[gaussian, continuous_bernoulli]", "elbo", 0)]
    [InlineData("[bernoulli, discretised_logistic]", "elbo", 0)]
    public void Densities_and_probabilities_in_one_ranking_are_a_warning(string likelihoods, string metric, int warnings)
    {
        var result = Sweep.Parse($"search: {{ parameters: {{ model.likelihood: {{ values: {likelihoods} }} }} }}\nobjective: {{ metric: {metric} }}");

        Assert.NotNull(result.Definition);
        Assert.Equal(warnings, result.Problems.Count(problem => problem is { Rule: Rules.Conflict, Severity: Severity.Warning }));
    }

    [Theory]
    [InlineData("[vae, conditional]", "elbo", 1)]
    [InlineData("[vae, conditional]", "knn", 0)]
    [InlineData("[vae, m2, ladder]", "elbo", 0)]
    public void A_bound_that_is_told_the_label_in_one_ranking_with_others_is_a_warning(string families, string metric, int warnings)
    {
        var result = Sweep.Parse($"search: {{ parameters: {{ model.family: {{ values: {families} }} }} }}\nobjective: {{ metric: {metric} }}");

        Assert.NotNull(result.Definition);
        Assert.Equal(warnings, result.Problems.Count(problem => problem is { Rule: Rules.Conflict, Severity: Severity.Warning }));
    }

    [Theory]
    [InlineData("conditional")]
    [InlineData("m2")]
    public void A_model_of_labels_is_refused_without_them(string family)
    {
        var without = SweepParser.Parse($"{Idx}model: {{ family: {family} }}");
        var with = SweepParser.Parse($"{Idx.Replace("images: x", "images: x, labels: y")}model: {{ family: {family} }}");

        Assert.Contains(without.Problems, problem => problem.Rule == Rules.Conflict && problem.Message.Contains("label of each row", StringComparison.Ordinal));
        Assert.DoesNotContain(with.Problems, problem => problem.Rule == Rules.Conflict);
    }

    [Fact]
    public void All_reasons_are_told_at_once()
    {
        var result = Sweep.Parse("model: { family: vq, prior: vamp }\ntraining: { objective: mmd, mmd_lambda: 0, free_bits: 1, capacity: 2 }");

        Assert.Equal(8, result.Problems.Count(problem => problem.Rule == Rules.Conflict));
    }

    [Fact]
    public void A_searched_value_is_judged_like_a_written_one()
    {
        var result = Sweep.Parse("training: { objective: mmd }\nsearch: { parameters: { training.mmd_lambda: { values: [1000, 0.5] } } }");

        Assert.Contains(result.Problems, problem => problem.Rule == Rules.Conflict && problem.Message.Contains("is negative", StringComparison.Ordinal) && problem.Line == 5);
    }

    public static TheoryData<string> Idle => new()
    {
        "model: { blocks: 3 }", "model: { architecture: conv, groups: 4 }", "model: { pseudo_inputs: 3 }", "model: { ladder: [2, 3] }", "model: { codes: 5 }", "model: { code_size: 5 }",
        "model: { code_prior_width: 5 }", "model: { classes: 4 }", "training: { kl_cycles: 3 }", "training: { kl_cycle_rise: 0.2 }", "training: { kl_schedule: constant, kl_warmup_epochs: 2 }",
        "training: { importance_samples: 3 }", "training: { capacity_weight: 3 }", "training: { capacity_epochs: 3 }", "training: { tc_alpha: 2 }", "training: { tc_gamma: 2 }",
        "training: { tc_estimator: mws }", "training: { factor_gamma: 2 }", "training: { discriminator_width: 2 }", "training: { discriminator_layers: 2 }", "training: { discriminator_rate: 0.1 }",
        "training: { mmd_alpha: 0.5 }", "training: { mmd_lambda: 2 }", "training: { mmd_kernel: rbf }", "training: { commitment: 1 }", "training: { code_decay: 0.5 }",
        "training: { code_revival: 0.1 }", "training: { labelled: 30 }", "training: { classifier_weight: 1 }",
    };

    [Theory, MemberData(nameof(Idle))]
    public void A_field_without_effect_is_a_warning(string rest)
    {
        var result = Sweep.Parse(rest);

        Assert.NotNull(result.Definition);
        var problem = Assert.Single(result.Problems);
        Assert.Equal((Rules.Unused, Severity.Warning), (problem.Rule, problem.Severity));
    }

    [Theory]
    [InlineData("model: { family: ladder, latent: 3 }", "model.latent")]
    [InlineData("model: { family: vq, architecture: conv, latent: 3 }", "model.latent")]
    [InlineData("model: { family: vq }\ntraining: { beta: 3 }", "training.beta")]
    [InlineData("model: { family: vq, architecture: conv, hidden: 64 }", "model.hidden")]
    [InlineData("training: { capacity: 3, beta: 3 }", "training.beta")]
    public void A_field_that_a_family_or_target_does_without_is_a_warning(string rest, string path) =>
        Assert.Contains(Sweep.Parse(rest).Problems, problem => problem.Rule == Rules.Unused && problem.Message.StartsWith(path, StringComparison.Ordinal));

    [Fact]
    public void A_ladders_default_encoder_has_a_width_for_each_layer()
    {
        var ladder = new ModelSpec { Family = ModelFamily.Ladder };

        Assert.Equal([512, 256, 128], ladder.EncoderWidths);
        Assert.Equal([128, 256, 512], ladder.DecoderWidths);
        Assert.Equal([512, 256, 128, 64, 32], (ladder with { Ladder = [5, 4, 3, 2, 1] }).EncoderWidths);
        Assert.Equal([9, 8], (ladder with { Ladder = [5, 4], Encoder = [9, 8] }).EncoderWidths);
        Assert.Equal([512, 256], new ModelSpec().EncoderWidths);
    }

    [Fact]
    public void A_decoder_begins_at_the_data_where_a_learned_prior_would_collapse_unless_it_is_said()
    {
        Assert.True(new ModelSpec { Prior = Prior.Vamp, Activation = Activation.Tanh }.StartsAtMeanImage);
        Assert.True(new ModelSpec { Family = ModelFamily.Ladder }.StartsAtMeanImage);
        Assert.True(new ModelSpec { OutputBias = OutputBias.Data }.StartsAtMeanImage);
        Assert.False(new ModelSpec().StartsAtMeanImage);
        Assert.False(new ModelSpec { Activation = Activation.Tanh }.StartsAtMeanImage);
        Assert.False(new ModelSpec { Prior = Prior.Vamp }.StartsAtMeanImage);
        Assert.False(new ModelSpec { Family = ModelFamily.Ladder, OutputBias = OutputBias.Random }.StartsAtMeanImage);
    }

    [Fact]
    public void Classes_follow_from_the_data_unless_they_are_said()
    {
        Assert.Equal((3, 10, 7), (new ModelSpec().ClassesFor("sprites"), new ModelSpec().ClassesFor("idx"), new ModelSpec { Classes = 7 }.ClassesFor("idx")));
    }

    [Fact]
    public void What_the_engine_does_not_train_yet_is_refused_by_name_and_the_rest_is_not()
    {
        var plain = new TrialSpec { Index = 0, Model = new ModelSpec(), Training = new TrainingSpec() };
        Assert.Null(Supported.Refusal(plain));

        foreach (var family in Enum.GetValues<ModelFamily>())
        {
            var trial = plain with { Model = new ModelSpec { Family = family } };
            var word = family.ToString().ToLowerInvariant();
            var result = Sweep.Parse($"model: {{ family: {word} }}");
            var refused = result.Problems.Any(problem => problem.Rule == Rules.NotAvailable && problem.Message == $"this version does not train family {word} yet");
            Assert.Equal(Supported.Missing(trial).Any(), refused);
            Assert.Equal(refused, result.Definition is null);
            Assert.Equal(refused, Supported.Refusal(trial) is not null);
        }
    }

    [Fact]
    public void Words_of_two_parts_are_written_with_an_underscore_and_read_so()
    {
        var trial = new TrialSpec { Index = 0, Model = new ModelSpec { Likelihood = Likelihood.DiscretisedLogistic }, Training = new TrainingSpec() };

        var text = System.Text.Encoding.UTF8.GetString(TrialSpecJson.WriteUtf8(trial));

        Assert.Contains("\"likelihood\":\"discretised_logistic\"", text, StringComparison.Ordinal);
        Assert.Equal(trial, TrialSpecJson.Read(System.Text.Encoding.UTF8.GetBytes(text)));
        Assert.Contains("discretised_logistic", PackSignature.Of(trial).Key, StringComparison.Ordinal);
        Assert.Contains("continuous_bernoulli", SweepFields.All.Single(field => field.Path == "model.likelihood").Allowed, StringComparison.Ordinal);
        Assert.Contains(Sweep.Parse("model: { likelihood: continuousbernoulli }").Problems, problem => problem.Hint?.Contains("continuous_bernoulli", StringComparison.Ordinal) == true);
    }
}
