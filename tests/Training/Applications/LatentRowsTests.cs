using Vae.Models.Applications;
using Vae.Models.Evaluation;
using Vae.Models.Objectives;
using Vae.Shared.Sweeps;
using Vae.Torch;

namespace Vae.Tests.Training.Applications;

public sealed class LatentRowsTests : TorchTest
{
    [Fact]
    public void Rates_sum_to_those_of_the_training_objective()
    {
        var spec = TestModel.Spec();
        using var network = TestModel.Network(spec);
        var images = TestModel.Images(300);

        var rows = LatentRows.Encode(TestModel.Of(network, spec), images);

        using var scope = torch.NewDisposeScope();
        using var mode = torch.no_grad();
        var bound = new VaeObjective(network, spec).Forward(torch.tensor(images, [1, 300, 64]), torch.zeros([1, 300, 3]), 1);
        var expected = bound.RatePerDimension.ToArray<float>();
        for (var j = 0; j < 3; j++) Assert.Equal(expected[j] / 300, rows.MeanRates()[j], 1e-5);
        Assert.Equal(rows.MeanRates().Sum(), Enumerable.Range(0, 300).Average(rows.Rate), 1e-9);
    }

    [Fact]
    public void Encoding_does_not_depend_on_what_is_encoded_together()
    {
        var spec = TestModel.Spec(Architecture.Conv);
        using var network = TestModel.Network(spec);
        var model = TestModel.Of(network, spec);
        var images = TestModel.Images(260); // More than one pass.

        var rows = LatentRows.Encode(model, images);
        var alone = LatentRows.Encode(model, images.AsSpan(258 * 64, 64));

        Assert.Equal(260, rows.Count);
        for (var j = 0; j < 3; j++) Assert.Equal(alone.Mean(0)[j], rows.Mean(258)[j], 1e-5f);
    }

    [Fact]
    public void Draws_have_the_mean_and_variance_of_the_posterior_and_follow_the_seed()
    {
        var rows = new LatentRows(2, [1, -2], [0, MathF.Log(0.25f)], [0, 0]);

        var draws = Enumerable.Range(0, 4_000).Select(draw => rows.Draw(7, draw)).ToArray();

        Assert.Equal(1, draws.Average(z => z[0]), 0.07);
        Assert.Equal(-2, draws.Average(z => z[1]), 0.04);
        Assert.Equal(0.25, draws.Average(z => (z[1] + 2) * (z[1] + 2)), 0.03);
        Assert.Equal(rows.Draw(7, 3), draws[3]);
        Assert.NotEqual(rows.Draw(8, 3), draws[3]);
    }

    [Fact]
    public void The_centre_is_the_mean_of_the_chosen_rows()
    {
        var rows = new LatentRows(2, [0, 0, 2, 4, 4, 8], new float[6], new double[6]);

        Assert.Equal([3f, 6f], rows.Centre([1, 2]));
        Assert.Throws<ArgumentException>(() => rows.Centre([]));
    }

    [Fact]
    public void Values_that_are_no_whole_number_of_images_are_refused()
    {
        var spec = TestModel.Spec();
        using var network = TestModel.Network(spec);

        Assert.Throws<ArgumentException>(() => LatentRows.Encode(TestModel.Of(network, spec), new float[65]));
        Assert.Throws<ArgumentException>(() => LatentRows.Decode(TestModel.Of(network, spec), new float[4]));
    }

    [Fact]
    public void Latents_are_written_with_their_log_variances_and_read_back_exactly()
    {
        var rows = new LatentRows(2, [0.1f, -2, 3, 4], [-1, -2, -3, 1f / 3], new double[4]);
        using var npy = new MemoryStream();
        using var csv = new MemoryStream();

        LatentFiles.WriteNpy(npy, rows, logVariances: true);
        LatentFiles.WriteCsv(csv, rows, logVariances: true, [7, 9]);

        var array = Data.Files.NpyReader.Read(npy, "latents.npy");
        Assert.Equal([2, 2, 2], array.Shape);
        Assert.Equal([0.1f, -2, -1, -2, 3, 4, -3, 1f / 3], array.Values);
        Assert.Equal("row,label,mean_0,mean_1,log_variance_0,log_variance_1\n0,7,0.1,-2,-1,-2\n1,9,3,4,-3,0.33333334\n", System.Text.Encoding.UTF8.GetString(csv.ToArray()));
    }
}
