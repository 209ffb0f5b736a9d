using Vae.Data;
using Vae.Data.Sprites;
using Vae.Models.Networks;
using Vae.Models.Objectives;
using Vae.Shared.Datasets;
using Vae.Shared.Sweeps;
using Vae.Tests.Training.Engine;
using Vae.Tests.Training.Objectives;
using Vae.Torch;
using Vae.Worker.Training;

namespace Vae.Tests.Training.Labels;

public sealed class M2Tests : TorchTest
{
    private const int Classes = 3;
    private static readonly ModelSpec Model = new() { Family = ModelFamily.M2, Classes = Classes };

    [Fact]
    public void Loss_is_the_enumerated_bound_and_the_cross_entropy_of_the_labelled_rows()
    {
        using var scope = torch.NewDisposeScope();
        using var step = Of(labelled: 20, classifierWeight: 0.7);
        step.Labels = torch.tensor([2L, -1, 0, -1, -1, 1], [1, 6]);
        var model = new EnumeratedM2(step.Network);

        var report = step.Report(step.Objective.Forward(step.Inputs()));

        var (bound, entropy) = (0.0, 0.0);
        foreach (var (x, noise, label) in Rows(step))
        {
            bound += label < 0 ? model.Unlabelled(x, noise) : model.Labelled(x, label, noise);
            if (label >= 0) entropy -= model.LogClasses(x)[label];
        }

        Assert.Equal(bound / 6, report.Distortion + report.Rate, bound * 1e-6);
        Assert.Equal(0.7 * entropy * (60.0 / 20) / 6, report.Penalty, 1e-5); // 60 rows to train on, of which 20 are labelled.
        Assert.Equal(report.Distortion + report.Rate + report.Penalty, report.Loss, 1e-9);
    }

    [Fact]
    public void Held_out_bound_looks_at_no_label_and_the_error_does()
    {
        using var scope = torch.NewDisposeScope();
        using var step = Of();
        var model = new EnumeratedM2(step.Network);
        var judged = Judge(step, step.Labels!);
        var other = Judge(step, torch.zeros([1, 6], ScalarType.Int64));

        Assert.Equal(Rows(step).Sum(row => model.Unlabelled(row.X, row.Noise)), judged.Distortion.item() + judged.Rate.sum().item(), 1e-3);
        Assert.Equal(judged.Distortion.item(), other.Distortion.item());
        Assert.Equal(judged.Rate.ToArray<float>(), other.Rate.ToArray<float>());
        var told = Rows(step).Select(row => Array.IndexOf(model.LogClasses(row.X), model.LogClasses(row.X).Max())).ToArray();
        Assert.Equal(Rows(step).Zip(told).Count(pair => pair.First.Label != pair.Second), judged.Extra!.item());
        Assert.Equal(told.Count(label => label != 0) / 6.0, step.Objective.Figures([other.Extra!.item()], 6)[0].Value);

        // The means are those under the class that is told.
        using var labels = step.Network.Under(torch.tensor([.. told.Select(label => (long)label)], [1, 6]));
        var means = step.Network.Encode(step.X).narrow(2, 0, 3);
        Assert.InRange((means - judged.Mean!).abs().max().item(), 0, 1e-5);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    public void Bound_of_a_row_whose_class_is_certain_is_that_of_the_labelled_row(int label)
    {
        using var scope = torch.NewDisposeScope();
        using var step = Of();
        Bias(step, label, 200);

        step.Labels = torch.full([1, 6], label, ScalarType.Int64);
        var seen = step.Report(step.Objective.Forward(step.Inputs()));
        step.Labels = torch.full([1, 6], -1, ScalarType.Int64);
        var unseen = step.Report(step.Objective.Forward(step.Inputs()));

        Assert.Equal(seen.Distortion, unseen.Distortion, 1e-4);
        Assert.Equal(seen.Rate, unseen.Rate, 1e-5);
        Assert.Equal(0, unseen.Penalty);
        Assert.Equal(0, seen.Penalty, 1e-6);
    }

    [Fact]
    public void Where_all_classes_are_painted_alike_the_prior_is_the_best_guess()
    {
        using var scope = torch.NewDisposeScope();
        using var step = Of();
        using (torch.no_grad())
            foreach (var (name, parameter) in step.Network.named_parameters())
                if (name.Contains("_label", StringComparison.Ordinal) || name.StartsWith("classifier.output", StringComparison.Ordinal)) parameter.zero_();
        step.Labels = torch.full([1, 6], -1, ScalarType.Int64);

        var best = step.Objective.Forward(step.Inputs());
        Assert.Equal(0, best.Rate[0][0].item(), 1e-5); // KL of the uniform guess to the uniform prior.
        var flat = step.Gradients(best);
        Assert.All(flat["classifier.output.bias"], slope => Assert.Equal(0, slope, 1e-5));
        Bias(step, 1, 3);
        var guess = step.Objective.Forward(step.Inputs());

        Assert.Equal(best.Distortion.item(), guess.Distortion.item(), 1e-4);
        var log = Math.Log(Math.Exp(3) + 2);
        var divergence = (Math.Exp(3 - log) * (3 - log)) + (2 * Math.Exp(-log) * -log) + Math.Log(3);
        Assert.Equal(6 * divergence, guess.Rate[0][0].item(), 1e-4);
    }

    [Fact]
    public void Label_that_is_seen_costs_the_logarithm_of_the_number_of_classes()
    {
        using var scope = torch.NewDisposeScope();
        using var step = Of();

        var rate = step.Objective.Forward(step.Inputs()).Rate;

        Assert.Equal([1L, 4L], rate.shape);
        Assert.Equal(6 * Math.Log(Classes), rate[0][0].item(), 1e-5);
    }

    [Fact]
    public void Gradient_equals_a_central_difference()
    {
        using var scope = torch.NewDisposeScope();
        using var step = Of(labelled: 20, classifierWeight: 0.7);
        step.Labels = torch.tensor([2L, -1, 0, -1, -1, 1], [1, 6]);

        GradientCheck.Run(step);
    }

    [Fact]
    public void Labels_that_are_hidden_have_no_influence_on_a_single_bit()
    {
        var images = SpriteSource.Make(ObjectiveKinds.Rows, size: 16, seed: 1);
        var labels = images.Labels.ToArray();
        var (train, trial) = (ObjectiveKinds.Rows - PackRuns.HeldOut, ObjectiveKinds.Trial("m2", steps: 30));
        var seen = Choose(labels);
        var changed = (byte[])labels.Clone();
        for (var row = 0; row < labels.Length; row++)
        {
            if (row < train && seen[row]) continue;
            var kept = changed[row];
            changed[row] = (byte)((kept + 1) % Classes);
            if (!Choose(changed).SequenceEqual(seen)) changed[row] = kept; // The choice is balanced over the classes, so it knows some of them.
        }

        Assert.True(Enumerable.Range(0, train).Count(row => labels[row] != changed[row]) > train / 4);
        Assert.True(Enumerable.Range(train, PackRuns.HeldOut).All(row => labels[row] != changed[row]));
        using var data = Data(labels);
        using var other = Data(changed);

        var (known, blind) = (PackRuns.Train([trial], data), PackRuns.Train([trial], other));

        Assert.Equal(known.Losses(0), blind.Losses(0));
        Assert.Equal(known.Weights[0], blind.Weights[0]);
        Assert.Equal(known.Ends[0].Report!.Elbo, blind.Ends[0].Report!.Elbo);
        Assert.NotEqual(known.Ends[0].Report!.Figures, blind.Ends[0].Report!.Figures); // The error is judged by other labels.

        bool[] Choose(byte[] all) => LabelledRows.Choose(Array.ConvertAll(all[..train], label => (int)label), Classes, trial.Training.Labelled, trial.Training.Seed);
        TrainingData Data(byte[] all) => new(new ImageSet(1, 16, 16, images.Pixels, all), PackRuns.HeldOut, Binarize.Dynamic, torch.CPU);
    }

    [Fact]
    public void Rate_has_the_label_and_the_rate_by_dimension_has_not()
    {
        using var data = ObjectiveKinds.Images();
        var trial = ObjectiveKinds.Trial("m2", steps: 5);

        var report = PackRuns.Train([trial], data).Ends[0].Report!;

        Assert.Equal(trial.Model.Latent, report.RatePerDimension.Count);
        Assert.InRange(report.Rate - report.RatePerDimension.Sum(), 0, Math.Log(Classes));
        Assert.Equal("classifier_error", Assert.Single(report.Figures).Name);
    }

    [Fact]
    public void Many_classes_are_judged_as_few_rows_at_a_time_with_the_same_sums()
    {
        using var scope = torch.NewDisposeScope();
        using var mode = torch.no_grad();
        using var many = new OneStep(new TrainingSpec(), batch: 7, model: Model with { Classes = 300 }); // One row at a time.
        var model = new EnumeratedM2(many.Network);

        var judged = many.Objective.Judge(new HeldOutInputs(many.X, many.Noise, null, many.Labels));

        Assert.Equal(Rows(many).Sum(row => model.Unlabelled(row.X, row.Noise)), judged.Distortion.item() + judged.Rate.sum().item(), 1e-2);
        Assert.Equal([1L, 7L, 3L], judged.Mean!.shape);
    }

    private static OneStep Of(int labelled = 100, double classifierWeight = 0.1) => new(new TrainingSpec { Labelled = labelled, ClassifierWeight = classifierWeight }, model: Model);

    private static HeldOutTerms Judge(OneStep step, Tensor labels)
    {
        using var mode = torch.no_grad();
        return step.Objective.Judge(new HeldOutInputs(step.X, step.Noise, null, labels));
    }

    private static void Bias(OneStep step, int label, double value)
    {
        using var mode = torch.no_grad();
        step.Network.named_parameters().Single(entry => entry.name == "classifier.output.bias").parameter[0].narrow(0, label, 1).fill_(value);
    }

    private static IEnumerable<(double[] X, double[] Noise, int Label)> Rows(OneStep step) => Enumerable.Range(0, step.Batch).Select(row =>
        (Numbers(step.X[0][row]), Numbers(step.Noise[0][row]), (int)step.Labels![0][row].item()));

    private static double[] Numbers(Tensor values) => values.to(ScalarType.Float64).ToArray<double>();
}
