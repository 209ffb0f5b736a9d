using Vae.Models.Applications;
using Vae.Models.Evaluation;

namespace Vae.Tests.Training.Applications;

public sealed class LatentWaysTests : TorchTest
{
    [Theory, InlineData(InterpolationPath.Linear), InlineData(InterpolationPath.Spherical)]
    public void Both_ends_are_exact(InterpolationPath path)
    {
        float[] from = [0.3f, -1.7f, 2.2f], to = [1.1f, 0.4f, -0.9f];

        var latents = Interpolation.Latents(from, to, 7, path);

        Assert.Equal(from, latents[..3]);
        Assert.Equal(to, latents[^3..]);
    }

    [Fact]
    public void The_middle_of_a_line_is_the_mean_and_the_middle_of_an_arc_keeps_the_radius()
    {
        Assert.Equal([0.5f, 0.5f], Interpolation.Latents([1, 0], [0, 1], 3, InterpolationPath.Linear)[2..4]);

        var arc = Interpolation.Latents([2, 0], [0, 2], 5, InterpolationPath.Spherical);
        for (var step = 0; step < 5; step++)
        {
            Assert.Equal(2 * Math.Cos(step * Math.PI / 8), arc[2 * step], 1e-6);
            Assert.Equal(2 * Math.Sin(step * Math.PI / 8), arc[(2 * step) + 1], 1e-6);
        }
    }

    [Theory, InlineData(1f, 2f, 3f, 6f), InlineData(1f, 2f, -1f, -2f), InlineData(0f, 0f, 1f, 1f)]
    public void An_arc_between_parallel_opposite_or_no_directions_is_the_line(float x0, float y0, float x1, float y1)
    {
        float[] from = [x0, y0], to = [x1, y1];

        var (arc, line) = (Interpolation.Latents(from, to, 5, InterpolationPath.Spherical), Interpolation.Latents(from, to, 5, InterpolationPath.Linear));

        for (var i = 0; i < line.Length; i++) Assert.Equal(line[i], arc[i], 1e-4f);
    }

    [Fact]
    public void Arithmetic_with_the_same_latent_gives_back_the_other() =>
        Assert.Equal([3f, -4f], LatentArithmetic.Combine([1, 2], [1, 2], [3, -4]));

    [Fact]
    public void Dimensions_are_ordered_by_falling_rate_and_equal_ones_by_number() =>
        Assert.Equal([2, 0, 3, 1], Traversal.Order([0.5, 0, 2, 0.5]));

    [Fact]
    public void A_traversal_spreads_evenly_to_both_sides() => Assert.Equal([-3f, -1.5f, 0f, 1.5f, 3f], Traversal.Spread(3, 5));

    [Fact]
    public void A_row_of_a_traversal_changes_its_dimension_alone()
    {
        var spec = TestModel.Spec();
        using var network = TestModel.Network(spec);
        var model = TestModel.Of(network, spec);

        var traversal = Traversal.Of(model, [0.1f, 0.2f, 0.3f], [2, 0], [-1, 0.3f, 1]);

        Assert.Equal(LatentRows.Decode(model, [0.1f, 0.2f, -1, 0.1f, 0.2f, 0.3f, 0.1f, 0.2f, 1, -1, 0.2f, 0.3f, 0.3f, 0.2f, 0.3f, 1, 0.2f, 0.3f]), traversal.Images);
        Assert.Throws<ArgumentException>(() => Traversal.Of(model, [0, 0, 0], [3], [0]));
        Assert.Throws<ArgumentException>(() => Traversal.Of(model, [0, 0], [0], [0]));
    }

    [Fact]
    public void Draws_from_the_prior_follow_the_seed_and_do_not_depend_on_their_number()
    {
        var spec = TestModel.Spec();
        using var network = TestModel.Network(spec);
        var model = TestModel.Of(network, spec);

        var images = model.Generate(4, 1);

        Assert.Equal(images, model.Generate(9, 1)[..images.Length]);
        Assert.NotEqual(images, model.Generate(4, 2));
        Assert.All(images, value => Assert.InRange(value, 0, 1));
        Assert.Throws<ArgumentException>(() => Generation.FromDensity(model, LatentDensity.Fit([1, 2, 3, 4], 2, 1, 1), 4, 1));
    }
}
