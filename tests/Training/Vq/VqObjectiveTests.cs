using Vae.Models.Objectives;
using Vae.Shared.Sweeps;
using Vae.Torch;

namespace Vae.Tests.Training.Vq;

public sealed class VqObjectiveTests : TorchTest
{
    public static TheoryData<Architecture> Architectures => [Architecture.Mlp, Architecture.Conv, Architecture.Resnet];

    [Theory, MemberData(nameof(Architectures))]
    public void Encoder_gets_the_gradient_at_its_codes_and_twice_the_commitment_times_its_distance_to_them(Architecture architecture)
    {
        using var scope = torch.NewDisposeScope();
        using var step = new VqStep(VqStep.Small with { Architecture = architecture, Groups = 2, Blocks = 1 }, new TrainingSpec { Commitment = 0.6 });
        var (network, size) = (step.Network, step.Network.Codebook.Size);

        var gradients = step.Gradients(step.Objective.Forward(step.Inputs()));

        // The same by hand: the decoder on codes as if they were data, then the encoder on the gradient that it should get.
        var z = network.Encode(step.X);
        var chosen = VqStep.Nearest(z.detach().ToArray<float>(), network.Codebook.Vectors.ToArray<float>(), size);
        Assert.True(chosen.Distinct().Count() > 1);
        var codes = network.Codebook.Vectors[0].index_select(0, torch.tensor(chosen)).unsqueeze(0).requires_grad_();
        var logits = network.Decode(codes);
        var nll = (logits.softplus(1, 1000) - (logits * step.X)).sum() * (1.0 / step.Batch);
        var atCodes = torch.autograd.grad([nll], [codes], retain_graph: true)[0]!;
        var atVectors = atCodes + ((z.detach() - codes.detach()) * (2 * 0.6 / step.Batch));
        foreach (var (name, parameter) in network.named_parameters())
        {
            if (name.StartsWith("prior", StringComparison.Ordinal)) continue;
            var isEncoder = name.StartsWith("encoder", StringComparison.Ordinal) || name.StartsWith("vectors", StringComparison.Ordinal);
            var want = isEncoder ? torch.autograd.grad([z], [parameter], [atVectors], retain_graph: true)[0]! : torch.autograd.grad([nll], [parameter], retain_graph: true)[0]!;
            Same(want.ToArray<float>(), gradients[name], name);
        }
    }

    [Fact]
    public void Loss_is_a_sum_over_positions_and_numbers_of_a_code_and_a_mean_over_rows()
    {
        using var scope = torch.NewDisposeScope();
        using var step = new VqStep(training: new TrainingSpec { Commitment = 0.25 });
        var terms = step.Objective.Forward(step.Inputs());

        var z = step.Network.Encode(step.X).detach().ToArray<float>();
        var vectors = step.Network.Codebook.Vectors.ToArray<float>();
        var chosen = VqStep.Nearest(z, vectors, 4);
        var squares = z.Select((value, i) => Math.Pow((double)value - vectors[(chosen[i / 4] * 4) + (i % 4)], 2)).Sum();

        Assert.Equal(0.25 * squares / step.Batch, terms.Penalty!.item(), 1e-5);
        Assert.Equal([1, 3], terms.Rate.shape);
    }

    [Fact]
    public void Decoder_sees_the_vectors_of_the_codebook_to_the_last_bit()
    {
        using var scope = torch.NewDisposeScope();
        using var step = new VqStep();
        var codes = step.Network.Codebook.Nearest(step.Network.Encode(step.X));

        var trained = step.Objective.Forward(step.Inputs()).Distortion.item();
        var logits = step.Network.Decode(step.Network.Codebook.Look(codes));

        Assert.Equal((Fused.bernoulli_logits_nll(logits, step.X, 1.0 / step.Batch)).item(), trained);
        Assert.Equal(step.Objective.Judge(new HeldOutInputs(step.X, torch.zeros([1, 6, 0]), null)).Distortion.item() / step.Batch, trained, 1e-4);
    }

    [Fact]
    public void Prior_moves_neither_encoder_nor_decoder_and_they_do_not_move_the_prior()
    {
        using var scope = torch.NewDisposeScope();
        using var step = new VqStep();

        var rate = step.Gradients(step.Objective.Forward(step.Inputs()), distortion: false, penalty: false);
        var rest = step.Gradients(step.Objective.Forward(step.Inputs()), rate: false);

        foreach (var (name, gradient) in rate)
        {
            var isPrior = name.StartsWith("prior", StringComparison.Ordinal);
            Assert.Equal(isPrior, gradient.Any(value => value != 0));
            Assert.Equal(!isPrior, rest[name].Any(value => value != 0));
        }
    }

    [Fact]
    public void Codebook_has_no_gradient_and_no_optimizer_sees_it()
    {
        using var scope = torch.NewDisposeScope();
        using var step = new VqStep();
        using var flat = new FlatParameters(step.Network);

        Assert.DoesNotContain(step.Network.named_parameters(), entry => entry.name.StartsWith("codebook", StringComparison.Ordinal));
        Assert.Equal(["codebook.vectors", "codebook.counts", "codebook.sums"], step.Network.named_states().Select(entry => entry.name));
        Assert.Equal(7 * ((2 * 4) + 1), flat.StateCount);
    }

    [Fact]
    public void Rate_is_what_the_prior_says_of_the_codes_in_nats()
    {
        using var scope = torch.NewDisposeScope();
        using var step = new VqStep();
        var codes = step.Network.Codebook.Nearest(step.Network.Encode(step.X));
        var logits = step.Network.Prior.Logits(step.Network.Codebook.Look(codes).view(1, 6, 3, 4)).detach();

        var rate = step.Objective.Judge(new HeldOutInputs(step.X, torch.zeros([1, 6, 0]), null)).Rate;

        var (scores, chosen) = (logits.ToArray<float>(), codes.ToArray<long>());
        for (var position = 0; position < 3; position++)
        {
            var want = Enumerable.Range(0, 6).Sum(row =>
            {
                var own = scores.AsSpan(((row * 3) + position) * 7, 7).ToArray();
                return Math.Log(own.Sum(score => Math.Exp(score))) - own[chosen[(row * 3) + position]];
            });
            Assert.Equal(want, rate[0][position].item(), 1e-4);
        }
    }

    [Fact]
    public void Perplexity_is_that_of_all_judged_rows_and_no_mean_over_batches()
    {
        using var scope = torch.NewDisposeScope();
        using var step = new VqStep();
        double[] first = [4, 0, 0, 0, 0, 0, 0], second = [0, 4, 0, 0, 0, 0, 0];

        Assert.Equal(1, Figure(first), 1e-12);
        Assert.Equal(1, Figure(second), 1e-12);
        Assert.Equal(2, Figure([.. first.Zip(second, (one, other) => one + other)]), 1e-12);
        Assert.Equal(7, Figure([2, 2, 2, 2, 2, 2, 2]), 1e-12);
        Assert.Equal(2, step.Objective.Figures([3, 0, 0, 1, 0, 0, 0], 4).Single(figure => figure.Name == "codes_in_use").Value);

        var counts = step.Objective.Judge(new HeldOutInputs(step.X, torch.zeros([1, 6, 0]), null)).Extra!.ToArray<float>();
        var halves = step.Objective.Judge(new HeldOutInputs(step.X.narrow(1, 0, 2), torch.zeros([1, 2, 0]), null)).Extra! + step.Objective.Judge(new HeldOutInputs(step.X.narrow(1, 2, 4), torch.zeros([1, 4, 0]), null)).Extra!;

        Assert.Equal(18, counts.Sum());
        Assert.Equal(counts, halves.ToArray<float>());

        double Figure(double[] sums) => step.Objective.Figures(sums, 4).Single(figure => figure.Name == "perplexity").Value;
    }

    [Fact]
    public void Step_reports_how_often_each_code_was_chosen_and_the_sum_of_what_chose_it()
    {
        using var scope = torch.NewDisposeScope();
        using var step = new VqStep();
        var extra = step.Objective.Forward(step.Inputs()).Extra!.ToArray<float>();

        var z = step.Network.Encode(step.X).detach().ToArray<float>();
        var chosen = VqStep.Nearest(z, step.Network.Codebook.Vectors.ToArray<float>(), 4);

        Assert.Equal(step.Objective.ExtraColumns, extra.Length);
        for (var code = 0; code < 7; code++)
        {
            Assert.Equal(chosen.Count(one => one == code), extra[code]);
            for (var i = 0; i < 4; i++)
                Assert.Equal(Enumerable.Range(0, chosen.Length).Where(row => chosen[row] == code).Sum(row => (double)z[(row * 4) + i]), extra[7 + (code * 4) + i], 1e-5);
        }
    }

    private static void Same(float[] expected, float[] actual, string name)
    {
        var size = Math.Sqrt(expected.Sum(value => (double)value * value));
        var error = Math.Sqrt(expected.Zip(actual).Sum(pair => Math.Pow((double)pair.First - pair.Second, 2)));
        Assert.True(error <= (1e-4 * size) + 1e-7, $"{name}: {error} of {size}.");
    }
}
