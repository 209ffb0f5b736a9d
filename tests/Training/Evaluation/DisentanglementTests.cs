using Vae.Data;
using Vae.Models.Evaluation;
using Vae.Shared.Determinism;

namespace Vae.Tests.Training.Evaluation;

/// <summary>Representations whose scores are known beforehand.</summary>
public sealed class DisentanglementTests : TorchTest
{
    private const int Rows = 6_000;
    private static readonly int[] Sizes = [3, 8, 10];
    private static readonly string[] Names = ["shape", "x", "y"];

    [Fact]
    public void One_dimension_for_each_factor_scores_nearly_one_everywhere()
    {
        var samples = Make((factors, random) => [factors[0], factors[1], factors[2], 0.001 * random.NextDouble()]);
        Assert.InRange(MutualInformationGap.Of(samples).Score, 0.97, 1);
        Assert.Equal(1, FactorVaeScore.Of(samples, 1, 1_000, 500).Score);
        var dci = Dci.Of(samples);
        Assert.InRange(dci.Disentanglement, 0.95, 1);
        Assert.InRange(dci.Completeness, 0.95, 1);
        Assert.InRange(dci.Informativeness, 0.95, 1);
        Assert.InRange(Sap.Of(samples).Score, 0.8, 1);
    }

    [Fact]
    public void Two_dimensions_that_know_a_factor_equally_leave_no_gap()
    {
        var samples = Make((factors, _) => [factors[0], factors[0], factors[1], factors[1], factors[2], factors[2]]);
        Assert.Equal(0, MutualInformationGap.Of(samples).Score, 1e-12);
        Assert.Equal(0, Sap.Of(samples).Score, 1e-12);
    }

    [Fact]
    public void The_gap_of_a_factor_that_is_split_evenly_is_a_half()
    {
        // Factor y has 4 values of two bits; dimension 0 knows both bits, dimension 1 one of them: (2 bits - 1 bit) / 2 bits. A reshape in place of a transposition reads other rows' numbers and finds nearly 0.
        var random = new Prng(3);
        var (latents, factors) = (new float[Rows * 2], new byte[Rows]);
        for (var row = 0; row < Rows; row++)
        {
            factors[row] = (byte)(row % 4);
            latents[row * 2] = factors[row] + (0.01f * (float)random.NextDouble());
            latents[(row * 2) + 1] = (factors[row] / 2) + (0.01f * (float)random.NextDouble());
        }

        var samples = new FactorSamples(new(latents, 2), new(["y"], factors));
        Assert.Equal(0.5, MutualInformationGap.Of(samples).Score, 2e-3);
        var scrambled = new FactorSamples(new(Scramble(latents, 2), 2), new(["y"], factors));
        Assert.InRange(MutualInformationGap.Of(scrambled).Score, 0, 0.2);
    }

    [Fact]
    public void Dimensions_without_spread_are_left_out_of_the_vote_and_not_merely_counted()
    {
        var samples = Make((factors, random) => [factors[1], 1e-3 * random.NextDouble(), factors[2], 1e-3 * random.NextDouble(), factors[0]]);
        var score = FactorVaeScore.Of(samples, 1, 1_000, 500);
        Assert.Equal(3, score.ActiveDimensions); // A mask's length would be 5.
        Assert.Equal(1, score.Score);
    }

    [Fact]
    public void A_collapsed_model_scores_nothing()
    {
        var samples = Make((_, random) => [1e-4 * random.NextDouble(), 0]);
        Assert.Equal(new FactorVaeScore(0, 0), FactorVaeScore.Of(samples, 1, 100, 100));
        Assert.InRange(MutualInformationGap.Of(samples).Score, 0, 0.02);
        Assert.Equal(0, Dci.Of(Make((_, _) => [0, 0])).Disentanglement);
    }

    [Fact]
    public void Noise_scores_about_chance()
    {
        var samples = Make((_, random) => [random.NextDouble(), random.NextDouble(), random.NextDouble()]);
        Assert.InRange(MutualInformationGap.Of(samples).Score, 0, 0.02);
        Assert.InRange(FactorVaeScore.Of(samples, 1, 2_000, 2_000).Score, 0.25, 0.45);
        Assert.InRange(Sap.Of(samples).Score, 0, 0.03);
        Assert.InRange(Dci.Of(samples).Informativeness, 0.1, 0.25); // Mean of 1/3, 1/8 and 1/10.
    }

    [Fact]
    public void A_rotation_of_two_factors_entangles_them()
    {
        var samples = Make((factors, _) => [factors[0], factors[1] + factors[2], factors[1] - factors[2]]);
        var dci = Dci.Of(samples);
        Assert.InRange(dci.Disentanglement, 0.2, 0.7);
        Assert.True(MutualInformationGap.Of(samples).Score < 0.6);
    }

    [Fact]
    public void Disentanglement_and_completeness_of_a_given_table_are_those_of_the_paper()
    {
        // Two factors, three dimensions. Dimension 0 serves factor 0 alone, 1 both alike, 2 factor 1 alone.
        double[] importance = [0.5, 0.5, 0, 0, 0.5, 0.5];
        Assert.Equal((0.5 * 1 + 1 * 0 + 0.5 * 1) / 2, Dci.OfDimensions(importance, 2, 3), 1e-12);
        Assert.Equal(1 - (Math.Log(2) / Math.Log(3)), Dci.OfFactors(importance, 2, 3), 1e-12);
    }

    [Fact]
    public void Information_of_a_table_by_hand()
    {
        int[] a = [0, 0, 1, 1];
        int[] b = [0, 1, 2, 2];
        Assert.Equal(Math.Log(2), MutualInformationGap.MutualInformation(a, b), 1e-12);
        Assert.Equal(1.5 * Math.Log(2), MutualInformationGap.Entropy(b), 1e-12);
    }

    private static FactorSamples Make(Func<int[], Prng, double[]> encode)
    {
        var random = new Prng(7);
        var (latents, factors) = (new List<float>(), new byte[Rows * Sizes.Length]);
        for (var row = 0; row < Rows; row++)
        {
            var values = Sizes.Select(size => random.NextBelow(size)).ToArray();
            for (var f = 0; f < values.Length; f++) factors[(row * Sizes.Length) + f] = (byte)values[f];
            latents.AddRange(encode(values, random).Select(value => (float)value));
        }

        return new(new([.. latents], latents.Count / Rows), new(Names, factors));
    }

    // What a reshape does where a transposition is meant: the same numbers, dealt to other rows.
    private static float[] Scramble(float[] latents, int size)
    {
        var (rows, result) = (latents.Length / size, new float[latents.Length]);
        for (var row = 0; row < rows; row++) for (var j = 0; j < size; j++) result[(row * size) + j] = latents[((j * rows) + row) % latents.Length];
        return result;
    }
}
