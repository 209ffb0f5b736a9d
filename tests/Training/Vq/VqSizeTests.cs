using Vae.Models.Networks;
using Vae.Models.Objectives;
using Vae.Shared.Sweeps;
using Vae.Torch;

namespace Vae.Tests.Training.Vq;

public sealed class VqSizeTests : TorchTest
{
    public static TheoryData<Architecture, int, int> Images
    {
        get
        {
            var data = new TheoryData<Architecture, int, int>();
            foreach (var architecture in Enum.GetValues<Architecture>())
                foreach (var (size, positions) in ((int, int)[])[(28, 49), (32, 64), (64, 16)])
                    data.Add(architecture, size, architecture == Architecture.Mlp ? 5 : positions);
            return data;
        }
    }

    [Theory, MemberData(nameof(Images))]
    public void Images_come_back_in_their_shape_and_a_plan_knows_positions_weights_and_state(Architecture architecture, int size, int positions)
    {
        using var scope = torch.NewDisposeScope();
        var spec = new ModelSpec { Family = ModelFamily.Vq, Architecture = architecture, Encoder = [8], Blocks = 1, Latent = 5, Codes = 9, CodeSize = 3, CodePriorWidth = 6, Likelihood = Likelihood.Gaussian };
        var image = new ImageShape(3, size, size);
        using var network = VqNetwork.Create(spec, image, seed: 1);
        using var flat = new FlatParameters(network);
        using var objective = new VqObjective(network, spec);
        var data = new DataShape(10, 3, size, size);

        var z = network.Encode(torch.rand([1, 2, image.Values]));

        Assert.Equal(positions, network.Positions);
        Assert.Equal([1, 2 * positions, 3], z.shape);
        Assert.Equal([1, 2, image.Values], network.Decode(z).shape);
        Assert.Equal(network.ParametersOf(5), ModelSize.Parameters(spec, data));
        Assert.Equal(flat.Count, ModelSize.Parameters(spec, data));
        Assert.Equal(flat.StateCount, ObjectiveSize.CodebookState(spec));
        Assert.Equal(flat.StateCount + objective.ExtraColumns, ObjectiveSize.CodebookValues(spec));
    }

    [Fact]
    public void Images_of_all_replicas_may_be_given_once()
    {
        using var scope = torch.NewDisposeScope();
        foreach (var architecture in Enum.GetValues<Architecture>())
        {
            var spec = VqStep.Small with { Architecture = architecture, Groups = 2, Blocks = 1 };
            using var pack = VqNetwork.CreateEmpty(spec, VqStep.Image, 2);
            using var first = VqNetwork.Create(spec, VqStep.Image, seed: 1);
            using var second = VqNetwork.Create(spec, VqStep.Image, seed: 2);
            PackNetwork.CopyReplica(first, 0, pack, 0);
            PackNetwork.CopyReplica(second, 0, pack, 1);
            var x = torch.rand([1, 3, 64]);

            var both = pack.Encode(x);

            Assert.Equal(first.Encode(x).ToArray<float>(), both[0].ToArray<float>(), Near);
            Assert.Equal(second.Encode(x).ToArray<float>(), both[1].ToArray<float>(), Near);
            Assert.Equal(first.Codebook.Vectors.ToArray<float>(), pack.Codebook.Vectors[0].ToArray<float>());
        }
    }

    private static bool Near(float want, float have) => Math.Abs(want - have) < 1e-5;
}
