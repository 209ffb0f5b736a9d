using Vae.Models.Networks;
using Vae.Torch;

namespace Vae.Tests.Training.Vq;

public sealed class CodebookTests : TorchTest
{
    private const double Eps = Codebook.Smoothing;

    [Fact]
    public void Each_code_is_its_own_nearest()
    {
        using var scope = torch.NewDisposeScope();
        using var codebook = New(replicas: 2);

        Assert.Equal(Enumerable.Range(0, 10).Select(i => i % 5L), codebook.Nearest(codebook.Vectors).ToArray<long>());
        Assert.Equal(codebook.Vectors.ToArray<float>(), codebook.Look(codebook.Nearest(codebook.Vectors)).ToArray<float>());
    }

    [Fact]
    public void Of_equally_near_codes_the_first_one_is_chosen()
    {
        using var scope = torch.NewDisposeScope();
        using var codebook = New();
        codebook.Vectors.zero_();

        Assert.Equal([0L, 0, 0], codebook.Nearest(torch.randn([1, 3, 3])).ToArray<long>());
    }

    [Fact]
    public void Running_means_follow_the_hand_computation_with_Laplace_smoothing()
    {
        using var scope = torch.NewDisposeScope();
        using var codebook = New();
        var before = codebook.Vectors.ToArray<float>();
        float[][] counts = [[3, 1, 0, 0, 0], [0, 2, 2, 0, 0], [4, 0, 0, 0, 0]];
        var sums = counts.Select((_, update) => Enumerable.Range(0, 15).Select(i => (float)(counts[update][i / 3] * (0.5 + (0.1 * i) - update))).ToArray()).ToArray();
        var (n, m) = (new double[5], new double[15]);

        for (var update = 0; update < 3; update++)
        {
            codebook.Update(0, torch.tensor(counts[update]), torch.tensor(sums[update], [5, 3]), decay: 0.8);
            for (var code = 0; code < 5; code++) n[code] = (0.8 * n[code]) + (0.2 * counts[update][code]);
            for (var i = 0; i < 15; i++) m[i] = (0.8 * m[i]) + (0.2 * sums[update][i]);
        }

        var total = n.Sum();
        var vectors = codebook.Vectors.ToArray<float>();
        for (var i = 0; i < 15; i++)
        {
            var smoothed = (n[i / 3] + Eps) / (total + (5 * Eps)) * total;
            Assert.Equal(n[i / 3] > 0 ? m[i] / smoothed : before[i], vectors[i], 2e-6);
        }

        Assert.Equal(n.Select(value => (float)value), codebook.Counts.ToArray<float>(), Near);
        Assert.Equal(m.Select(value => (float)value), codebook.Sums.ToArray<float>(), Near);
    }

    [Fact]
    public void Decay_of_zero_is_a_step_of_Lloyds_algorithm_and_leaves_codes_that_nobody_chose()
    {
        using var scope = torch.NewDisposeScope();
        using var codebook = New();
        var before = codebook.Vectors.ToArray<float>();

        codebook.Update(0, torch.tensor([2f, 0, 1, 0, 0]), torch.tensor([2f, 4, 6, 0, 0, 0, 7, 8, 9, 0, 0, 0, 0, 0, 0], [5, 3]), decay: 0);

        var after = codebook.Vectors.ToArray<float>();
        Assert.Equal([1f, 2, 3], after[..3], (want, have) => Math.Abs(want - have) < 1e-4);
        Assert.Equal([7f, 8, 9], after[6..9], (want, have) => Math.Abs(want - have) < 1e-3);
        Assert.Equal(before[3..6], after[3..6]);
        Assert.Equal(before[9..], after[9..]);
    }

    [Fact]
    public void First_use_of_a_code_needs_no_correction_for_averages_that_begin_at_zero()
    {
        using var scope = torch.NewDisposeScope();
        using var codebook = New();

        codebook.Update(0, torch.tensor([10f, 10, 10, 10, 10]), torch.full([5, 3], 20), decay: 0.99);

        Assert.All(codebook.Vectors.ToArray<float>(), value => Assert.Equal(2, value, 1e-4));
    }

    [Fact]
    public void Count_of_a_code_that_nobody_chooses_decays_without_a_floor_because_the_smoothed_one_is_not_stored()
    {
        using var scope = torch.NewDisposeScope();
        using var codebook = New();
        codebook.Counts.fill_(1);
        codebook.Sums.copy_(codebook.Vectors);
        var (counts, sums) = (torch.tensor([5f, 0, 0, 0, 0]), torch.zeros([5, 3]));

        for (var update = 0; update < 2000; update++)
        {
            using var one = torch.NewDisposeScope();
            codebook.Update(0, counts, sums, decay: 0.99);
        }

        Assert.Equal(Math.Pow(0.99, 2000), codebook.Counts[0][1].item(), Math.Pow(0.99, 2000) * 1e-3); // 1.9e-9: below the smoothing.
    }

    [Fact]
    public void Update_of_one_replica_leaves_the_others()
    {
        using var scope = torch.NewDisposeScope();
        using var codebook = New(replicas: 2);
        var others = codebook.Vectors[0].ToArray<float>();

        codebook.Update(1, torch.ones([5]), torch.ones([5, 3]), decay: 0.9);
        codebook.Restart(1, [4], torch.full([1, 3], 9));

        Assert.Equal(others, codebook.Vectors[0].ToArray<float>());
        Assert.All(codebook.Counts[0].ToArray<float>(), count => Assert.Equal(0f, count));
        Assert.All(codebook.Vectors[1][4].ToArray<float>(), value => Assert.Equal(9, value, 1e-3));
    }

    [Fact]
    public void Restarted_code_stands_where_it_was_put_with_averages_of_one_choice()
    {
        using var scope = torch.NewDisposeScope();
        using var codebook = New();
        codebook.Update(0, torch.full([5], 100), torch.full([5, 3], 50), decay: 0.5);

        codebook.Restart(0, [1, 3], torch.tensor([1f, 2, 3, 4, 5, 6], [2, 3]));

        Assert.Equal(1f, codebook.Counts[0][1].item<float>());
        Assert.Equal([4f, 5, 6], codebook.Sums[0][3].ToArray<float>());
        Assert.Equal([4f, 5, 6], codebook.Vectors[0][3].ToArray<float>(), (want, have) => Math.Abs(want - have) < 1e-3);
    }

    private static Codebook New(int replicas = 1)
    {
        var generators = Enumerable.Range(1, replicas).Select(seed => new torch.Generator((ulong)seed)).ToArray();
        var codebook = new Codebook(5, 3, replicas, generators);
        foreach (var generator in generators) generator.Dispose();
        return codebook;
    }

    private static bool Near(float want, float have) => Math.Abs(want - have) <= 1e-6 * Math.Max(1, Math.Abs(want));
}
