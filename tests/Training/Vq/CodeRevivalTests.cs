using Vae.Models.Objectives;
using Vae.Shared.Determinism;
using Vae.Shared.Sweeps;
using Vae.Torch;

namespace Vae.Tests.Training.Vq;

public sealed class CodeRevivalTests : TorchTest
{
    [Fact]
    public void Places_are_all_different_and_follow_from_seed_and_step_alone()
    {
        var at = new SlotPosition(new TrialSpec { Index = 0, Model = VqStep.Small, Training = new() }, 5, 10, 1000, 25, 60);
        long[] first = new long[20], again = new long[20], later = new long[20], all = new long[20];

        CodeRevival.Draw(at, 100, first);
        CodeRevival.Draw(at with { Trial = at.Trial with { Index = 3 } }, 100, again);
        CodeRevival.Draw(at with { Step = 6 }, 100, later);
        CodeRevival.Draw(at, 20, all);

        Assert.Equal(20, first.Distinct().Count());
        Assert.All(first, place => Assert.InRange(place, 0, 99));
        Assert.Equal(first, again);
        Assert.NotEqual(first, later);
        Assert.Equal(Enumerable.Range(0, 20).Select(i => (long)i), all.Order());
    }

    [Fact]
    public void Dead_codes_are_those_below_the_threshold()
    {
        Assert.Equal([0L, 3], Dead([0, 0.5f, 2, 0.001f, 0.5f], 0.01, 4));
        Assert.Equal([0L, 1], Dead([0, 0, 0], 0.01, 2));
        Assert.Empty(Dead([0, 0, 0], 0, 2));

        static List<long> Dead(float[] counts, double threshold, int most)
        {
            List<long> dead = [7]; // What an earlier step has found.
            CodeRevival.Dead(counts, threshold, most, dead);
            return dead;
        }
    }

    [Fact]
    public void Offers_that_the_codebook_or_an_earlier_offer_represents_are_no_news()
    {
        // Vectors of 2 numbers and their squared distance to the nearest code.
        float[] offers = [1, 0, 0, /**/ 5, 5, 8, /**/ 5.001f, 5, 8, /**/ 0, 3, 4, /**/ 0, 0, 0];

        var order = Order(offers, new Xoshiro256(1));

        Assert.Equal(2, order.Count);
        Assert.Contains(3, order);
        Assert.True(order.Contains(1) != order.Contains(2));
    }

    [Fact]
    public void Chance_of_an_offer_is_in_proportion_to_its_squared_distance()
    {
        const int draws = 20_000;
        float[] offers = [1, 0, 1, /**/ 0, 5, 3];
        var first = Enumerable.Range(0, draws).Count(seed => Order(offers, new Xoshiro256((ulong)seed))[0] == 1);

        Assert.Equal(0.75 * draws, first, 4 * Math.Sqrt(draws * 0.75 * 0.25));
    }

    private static List<int> Order(float[] offers, Xoshiro256 random)
    {
        List<int> order = [9]; // What an earlier step has left.
        CodeRevival.Order(offers, 2, random, [(0, 7)], order);
        return order;
    }

    [Fact]
    public void Dead_codes_begin_anew_at_vectors_of_the_encoder_and_count_as_chosen_once()
    {
        using var scope = torch.NewDisposeScope();
        using var step = new VqStep(training: new TrainingSpec { CodeRevival = 0.01, CodeDecay = 0.9 });
        step.Network.Codebook.Vectors.narrow(1, 1, 6).fill_(100); // Nobody chooses these.
        var z = step.Network.Encode(step.X).detach().ToArray<float>();
        var sums = step.Objective.Forward(step.Inputs()).Extra!;

        step.Objective.Commit(new StepCommit(sums, [step.At()], [true]));

        var (vectors, counts) = (step.Network.Codebook.Vectors.ToArray<float>(), step.Network.Codebook.Counts.ToArray<float>());
        Assert.Equal(1.8f, counts[0], 1e-5f);
        for (var code = 1; code < 7; code++)
        {
            Assert.Equal(1f, counts[code]);
            var own = vectors.AsSpan(code * 4, 4).ToArray();
            Assert.Contains(Enumerable.Range(0, z.Length / 4), row => Enumerable.Range(0, 4).All(i => Math.Abs(z[(row * 4) + i] - own[i]) < 1e-4));
        }
    }

    [Fact]
    public void Without_a_threshold_no_code_begins_anew()
    {
        using var scope = torch.NewDisposeScope();
        using var step = new VqStep(training: new TrainingSpec { CodeRevival = 0 });
        step.Network.Codebook.Vectors.narrow(1, 1, 6).fill_(100);
        var sums = step.Objective.Forward(step.Inputs()).Extra!;

        step.Objective.Commit(new StepCommit(sums, [step.At()], [true]));

        Assert.All(step.Network.Codebook.Vectors.narrow(1, 1, 6).ToArray<float>(), value => Assert.Equal(100f, value));
    }

    [Fact]
    public void Trial_that_took_no_part_keeps_its_codebook()
    {
        using var scope = torch.NewDisposeScope();
        using var step = new VqStep();
        var before = step.Network.Codebook.Vectors.ToArray<float>();

        step.Objective.Commit(new StepCommit(step.Objective.Forward(step.Inputs()).Extra!, [step.At()], [false]));

        Assert.Equal(before, step.Network.Codebook.Vectors.ToArray<float>());
        Assert.All(step.Network.Codebook.Counts.ToArray<float>(), count => Assert.Equal(0f, count));
    }

    [Theory, InlineData(6), InlineData(2, 4), InlineData(1, 3, 2)]
    public void Sums_over_ranks_are_those_of_one_rank_and_so_is_the_codebook_that_follows(params int[] parts)
    {
        using var scope = torch.NewDisposeScope();
        using var alone = new VqStep(training: new TrainingSpec { CodeRevival = 0.01 });
        alone.Network.Codebook.Vectors.narrow(1, 3, 4).fill_(100);
        var want = alone.Objective.Forward(alone.Inputs(step: 4)).Extra!.detach();
        var sum = torch.zeros(want.shape);
        var first = 0;
        foreach (var count in parts)
        {
            sum.add_(alone.Objective.Forward(alone.Inputs(first, count, step: 4)).Extra!.detach());
            first += count;
        }

        Assert.Equal(want.ToArray<float>(), sum.ToArray<float>(), (one, other) => Math.Abs(one - other) < 1e-5);

        var before = alone.Network.Codebook.Vectors.clone();
        alone.Objective.Commit(new StepCommit(want, [alone.At(4)], [true]));
        var together = alone.Network.Codebook.Vectors.ToArray<float>();
        alone.Network.Codebook.Vectors.copy_(before);
        alone.Network.Codebook.Counts.zero_();
        alone.Network.Codebook.Sums.zero_();
        alone.Objective.Commit(new StepCommit(sum, [alone.At(4)], [true]));

        Assert.Equal(together, alone.Network.Codebook.Vectors.ToArray<float>(), (one, other) => Math.Abs(one - other) < 1e-4);
        Assert.All(together, value => Assert.InRange(value, -10, 10)); // All four were revived.
    }
}
