using Vae.Models.Evaluation;
using Vae.Models.Networks;
using Vae.Shared.Sweeps;
using Vae.Torch;

namespace Vae.Tests.Training.Vq;

public sealed class CodeModelTests : TorchTest
{
    [Fact]
    public void Codes_of_images_are_the_nearest_ones_and_decode_to_what_is_reconstructed()
    {
        using var scope = torch.NewDisposeScope();
        using var step = new VqStep();
        var model = new CodeModel(step.Network, step.Trial.Model);
        var images = step.X.ToArray<float>();

        var codes = model.Encode(images);

        Assert.Equal(6 * 3, codes.Length);
        Assert.Equal(VqStep.Nearest(step.Network.Encode(step.X).detach().ToArray<float>(), step.Network.Codebook.Vectors.ToArray<float>(), 4), codes.Select(code => (long)code));
        Assert.Equal(model.Decode(codes), model.Reconstruct(images));
        Assert.Throws<ArgumentException>(() => model.Decode([0, 1, 7]));
        Assert.Throws<ArgumentException>(() => model.Decode([0, 1]));
    }

    [Fact]
    public void Judged_rows_have_the_bound_that_training_reports()
    {
        using var scope = torch.NewDisposeScope();
        using var step = new VqStep();

        var rows = new CodeModel(step.Network, step.Trial.Model).Judge(step.X.select(0, 0));

        using var mode = torch.no_grad();
        var terms = step.Objective.Judge(new Vae.Models.Objectives.HeldOutInputs(step.X, torch.zeros([1, 6, 0]), null));
        Assert.Equal(terms.Distortion.item(), rows.Distortion.Sum(), 1e-3);
        Assert.Equal(terms.Rate.sum().item(), Enumerable.Range(0, 6).Sum(rows.RateOf), 1e-3);
    }

    [Fact]
    public void Drawn_codes_are_as_frequent_as_the_prior_says()
    {
        using var scope = torch.NewDisposeScope();
        using var step = new VqStep(VqStep.Small with { Latent = 2, Codes = 3, CodePriorWidth = 4 });
        using (torch.no_grad()) foreach (var parameter in step.Network.Prior.parameters()) parameter.normal_(0, 0.7);
        var model = new CodeModel(step.Network, step.Trial.Model);
        const int draws = 20_000;

        var codes = model.DrawCodes(draws, seed: 3);

        long[] all = [0, 0, 0, 1, 0, 2, 1, 0, 1, 1, 1, 2, 2, 0, 2, 1, 2, 2];
        var sequences = torch.tensor(all, [1, 18]);
        var log = step.Network.Prior.Logits(step.Network.Codebook.Look(sequences).view(1, 9, 2, 4)).log_softmax(3).gather(3, sequences.view(1, 9, 2, 1)).sum([2, 3]).detach().ToArray<float>();
        for (var sequence = 0; sequence < 9; sequence++)
        {
            var p = Math.Exp(log[sequence]);
            var count = Enumerable.Range(0, draws).Count(i => codes[2 * i] == all[2 * sequence] && codes[(2 * i) + 1] == all[(2 * sequence) + 1]);
            Assert.Equal(draws * p, count, (4.5 * Math.Sqrt(draws * p * (1 - p))) + 1);
        }
    }

    [Fact]
    public void Same_seed_gives_the_same_images_however_many_follow()
    {
        using var scope = torch.NewDisposeScope();
        using var step = new VqStep();
        GenerativeModel model = new CodeModel(step.Network, step.Trial.Model);

        var few = model.Generate(3, seed: 5);
        var many = model.Generate(130, seed: 5);

        Assert.Equal(few, many.AsSpan(0, few.Length).ToArray(), (one, other) => Math.Abs(one - other) < 1e-5);
        Assert.NotEqual(few, model.Generate(3, seed: 6));
        Assert.All(many, value => Assert.InRange(value, 0, 1));
    }

    [Fact]
    public void Family_without_continuous_latents_says_so()
    {
        using var step = new VqStep();

        Assert.IsType<CodeModel>(GenerativeModel.Of(step.Network, step.Trial.Model));
        var refused = Assert.Throws<ArgumentException>(() => LatentModel.Of(step.Network, step.Trial.Model));
        Assert.Contains("vq", refused.Message, StringComparison.Ordinal);
    }
}
