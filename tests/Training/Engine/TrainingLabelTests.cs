using Vae.Data;
using Vae.Data.Sprites;
using Vae.Shared.Datasets;
using Vae.Torch;
using Vae.Worker.Training;

namespace Vae.Tests.Training.Engine;

public sealed class TrainingLabelTests : TorchTest
{
    [Fact]
    public void Sprites_have_their_shape_as_label_and_all_five_factors()
    {
        var images = SpriteSource.Make(count: 40, size: 16, seed: 3);
        using var data = new TrainingData(images, heldOut: 10, Binarize.None, default);

        Assert.Equal(3, data.Classes);
        Assert.Equal(40 * 5, data.Factors!.Values.Length);
        var labels = data.Labels!.Value.ToArray();
        for (var row = 0; row < 40; row++) Assert.Equal(data.Factors.Row(row)[0], labels[row]);
    }

    [Fact]
    public void Labels_are_gathered_into_their_slot_and_nowhere_else()
    {
        var images = new ImageSet(1, 1, 2, new byte[10], new byte[] { 7, 0, 3, 9, 200 });
        using var data = new TrainingData(images, heldOut: 1, Binarize.None, default);
        var buffer = torch.full([3, 4], -1, ScalarType.Int64);

        data.GatherLabels([4, 0, 2], buffer, slot: 1);

        Assert.Equal([-1, -1, -1, -1, 200, 7, 3, -1, -1, -1, -1, -1], buffer.ToArray<long>());
    }

    [Fact]
    public void A_data_set_without_labels_says_so()
    {
        using var data = new TrainingData(new ImageSet(1, 1, 2, new byte[10]), heldOut: 1, Binarize.None, default);

        Assert.Null(data.Labels);
        Assert.Null(data.Factors);
        Assert.Throws<InvalidOperationException>(() => data.GatherLabels([0], torch.zeros([1, 1], ScalarType.Int64), 0));
    }
}
