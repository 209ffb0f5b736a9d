using Vae.Shared.Sweeps;
using Vae.Tests.Training.Engine;
using Vae.Torch;
using Vae.Worker.Collectives;
using Vae.Worker.Training;
using static Vae.Tests.Training.Objectives.ObjectiveKinds;

namespace Vae.Tests.Training.Objectives;

public sealed class ObjectiveEngineTests : TorchTest
{
    [Theory, MemberData(nameof(ObjectiveKinds.Names), MemberType = typeof(ObjectiveKinds))]
    public void Any_number_of_ranks_with_uneven_parts_trains_the_same_curve(string kind)
    {
        using var data = Images();
        TrialSpec[] trials = [Trial(kind), Trial(kind, 1, latent: 2, seed: 5)];
        var alone = PackRuns.Train(trials, data);

        foreach (var workers in (int[])[2, 3, 4])
        {
            var together = PackRuns.Train(trials, data, workers);
            foreach (var trial in trials) PackRuns.SameCurve(alone, together, trial.Index);
        }
    }

    [Theory, MemberData(nameof(ObjectiveKinds.Names), MemberType = typeof(ObjectiveKinds))]
    public void Each_trial_of_a_pack_follows_the_curve_that_it_follows_alone(string kind)
    {
        using var data = Images();
        TrialSpec[] trials = [Trial(kind, steps: 40), Trial(kind, 1, latent: 2, steps: 23, seed: 5), Trial(kind, 2, latent: 7, steps: 30)];

        var packed = PackRuns.Train(trials, data);

        foreach (var trial in trials) PackRuns.SameCurve(PackRuns.Train([trial], data), packed, trial.Index);
    }

    [Theory, MemberData(nameof(ObjectiveKinds.Padded), MemberType = typeof(ObjectiveKinds))]
    public void Padded_latents_stay_exactly_zero(string kind)
    {
        using var data = Images();
        using var trainer = PackTrainer.Of([Trial(kind, latent: 8), Trial(kind, 1, latent: 3)], data, torch.CPU);
        var curves = new PackRuns.Curves(trainer);
        var looked = false;
        curves.AfterStep = step =>
        {
            if (step != 15) return;
            looked = true;
            using var scope = torch.NewDisposeScope();
            var state = trainer.Network.state_dict().ToDictionary(entry => entry.name, entry => entry.tensor);
            var posterior = state["posterior.weight"];
            Assert.All(posterior.select(0, 1).view(2, 8, 16).narrow(1, 3, 5).ToArray<float>(), IsZero);
            Assert.All(state["posterior.bias"].select(0, 1).view(2, 8).narrow(1, 3, 5).ToArray<float>(), IsZero);
            Assert.All(state["decoder.0.weight"].select(0, 1).narrow(1, 3, 5).ToArray<float>(), IsZero);
            if (state.TryGetValue("discriminator.layers.0.weight", out var first)) Assert.All(first.select(0, 1).narrow(1, 3, 5).ToArray<float>(), IsZero);
        };

        trainer.Run(new NoAllReduce(), curves, CancellationToken.None);

        Assert.True(looked);
    }

    [Theory, MemberData(nameof(ObjectiveKinds.Names), MemberType = typeof(ObjectiveKinds))]
    public void Pack_that_goes_on_from_a_file_computes_the_bits_that_it_computes_undisturbed(string kind)
    {
        using var data = Images();
        TrialSpec[] trials = [Judged(Trial(kind)), Judged(Trial(kind, 1, latent: 2, seed: 5))];
        var undisturbed = PackRuns.Train(trials, data);
        using var file = new MemoryStream();
        using (var trainer = PackTrainer.Of(trials, data, torch.CPU))
        {
            using var stop = new CancellationTokenSource();
            var curves = new PackRuns.Curves(trainer) { AfterStep = step => { if (step == 9) stop.Cancel(); } };
            Assert.Throws<OperationCanceledException>(() => trainer.Run(new NoAllReduce(), curves, stop.Token));
            var snapshot = new PackSnapshot();
            trainer.Save(snapshot);
            snapshot.WriteTo(file);
        }

        var report = PackSnapshot.Read(file.ToArray()).Find(0)!.Report!;
        var judged = undisturbed.Evaluations.First(evaluation => evaluation.Trial == 0).Report;
        Assert.Equal(judged.RatePerDimension, report.RatePerDimension);
        Assert.Equal(judged.Figures, report.Figures);
        Assert.Equal(kind.Contains("iwae", StringComparison.Ordinal) || kind.StartsWith("m2", StringComparison.Ordinal) ? 1 : kind.StartsWith("vq", StringComparison.Ordinal) ? 2 : 0, report.Figures.Count);

        using var resumed = new PackTrainer(2, 4, trials[0], data, torch.CPU);
        resumed.Load(PackSnapshot.Read(file.ToArray()));
        var rest = new PackRuns.Curves(resumed) { StartsAt = 9 };
        resumed.Run(new NoAllReduce(), rest, CancellationToken.None);

        foreach (var trial in trials)
        {
            Assert.Equal(undisturbed.Losses(trial.Index).Skip(9), rest.Losses(trial.Index));
            Assert.Equal(undisturbed.Weights[trial.Index], rest.Weights[trial.Index]);
        }
    }

    [Theory, MemberData(nameof(ObjectiveKinds.Names), MemberType = typeof(ObjectiveKinds))]
    public void Training_lowers_the_loss_that_is_reported_or_moves_the_rate_where_it_is_told(string kind)
    {
        using var data = Images();
        var trial = Trial(kind, steps: 150);
        trial = trial with { Model = trial.Model with { OutputBias = OutputBias.Random } }; // From the mean image so few steps gain less than batches differ.

        var losses = PackRuns.Train([trial], data).Losses(0);

        // Schedules raise the loss again, so the distortion of the start is the yardstick.
        Assert.True(losses.Skip(130).Average() < losses.Take(5).Average(), $"{losses.Take(5).Average()} at first, {losses.Skip(130).Average()} in the end.");
    }

    [Fact]
    public void Model_leaves_a_pack_without_the_discriminator_that_only_training_needs()
    {
        using var data = Images();
        using var trainer = PackTrainer.Of([Trial("factor")], data, torch.CPU);

        using var model = trainer.Extract(0);

        Assert.Contains(trainer.Network.state_dict(), entry => entry.name == "discriminator.layers.0.weight");
        Assert.DoesNotContain(model.state_dict(), entry => entry.name.StartsWith("discriminator", StringComparison.Ordinal));
        Assert.Equal(model.parameters().Sum(parameter => parameter.numel()), trainer.Network.ParametersOf(4));
    }

    [Fact]
    public void Pseudo_inputs_are_trained_and_leave_with_the_model()
    {
        using var data = Images();
        var trained = PackRuns.Train([Trial("vamp", steps: 30)], data);
        using var trainer = PackTrainer.Of([Trial("vamp", steps: 30)], data, torch.CPU);
        using var scope = torch.NewDisposeScope();
        using var model = trainer.Extract(0);
        var fresh = model.state_dict().Single(entry => entry.name == "pseudo_inputs").tensor.ToArray<float>();

        Assert.Equal(7 * 256, fresh.Length);
        Assert.All(fresh, pixel => Assert.InRange(pixel, 0f, 0.1f));
        Assert.NotEqual(fresh, trained.Weights[0].Take(fresh.Length));
    }

    private static TrialSpec Judged(TrialSpec trial) => trial with { Training = trial.Training with { EvaluateEvery = 1 } };

    private static void IsZero(float value) => Assert.Equal(0f, value);
}
