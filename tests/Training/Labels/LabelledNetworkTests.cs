using Vae.Models.Networks;
using Vae.Shared.Sweeps;
using Vae.Torch;
using Activation = Vae.Shared.Sweeps.Activation;

namespace Vae.Tests.Training.Labels;

/// <summary>How labels enter encoder and decoder.</summary>
public sealed class LabelledNetworkTests : TorchTest
{
    private const int Rows = 5, Classes = 3;
    private static readonly ImageShape Image = new(1, 8, 8);

    public static TheoryData<Architecture, int> Shapes => new() { { Architecture.Mlp, 1 }, { Architecture.Mlp, 2 }, { Architecture.Conv, 1 }, { Architecture.Conv, 2 }, { Architecture.Resnet, 1 } };

    [Theory, MemberData(nameof(Shapes))]
    public void Same_seed_gives_the_weights_of_a_model_without_labels_and_label_weights_of_zero_its_outputs(Architecture architecture, int replicas)
    {
        using var scope = torch.NewDisposeScope();
        using var mode = torch.no_grad();
        using var plain = Network(Spec(architecture) with { Family = ModelFamily.Vae }, replicas);
        using var labelled = Network(Spec(architecture), replicas);
        var own = labelled.state_dict().ToDictionary(entry => entry.name, entry => entry.tensor);
        foreach (var (name, tensor) in plain.state_dict()) Assert.Equal(tensor.ToArray<float>(), own[name].ToArray<float>());
        Assert.Equal(["decoder_label.weight", "encoder_label.weight"], own.Keys.Except(plain.state_dict().Select(entry => entry.name)).Order());
        Assert.Contains(own["encoder_label.weight"].ToArray<float>(), weight => weight != 0);
        foreach (var name in (string[])["encoder_label.weight", "decoder_label.weight"]) own[name].zero_();

        var (x, z) = (torch.rand([1, Rows, Image.Values]), torch.randn([replicas, Rows, 4]));
        using var labels = labelled.Under(Labels());
        Close(plain.Encode(x), labelled.Encode(x));
        Close(plain.Decode(z), labelled.Decode(z));
    }

    [Fact]
    public void Label_is_a_one_hot_vector_beside_the_input()
    {
        using var scope = torch.NewDisposeScope();
        using var mode = torch.no_grad();
        using var network = Network(Spec(Architecture.Mlp), 1);
        var state = network.state_dict().ToDictionary(entry => entry.name, entry => entry.tensor[0]);
        var (x, z) = (torch.rand([1, Rows, Image.Values]), torch.randn([1, Rows, 4]));
        var oneHot = torch.zeros([Rows, Classes]);
        for (var row = 0; row < Rows; row++) oneHot[row].narrow(0, row % Classes, 1).fill_(1);

        using var labels = network.Under(Labels());
        Close(ByHand(x[0], "encoder", "posterior"), network.Encode(x)[0]);
        Close(ByHand(z[0], "decoder", "output"), network.Decode(z)[0]);

        Tensor ByHand(Tensor input, string stack, string last)
        {
            var both = torch.cat([state[$"{stack}.0.weight"], state[$"{stack}_label.weight"]], 1);
            var hidden = (torch.cat([input, oneHot], 1).matmul(both.t()) + state[$"{stack}.0.bias"]).tanh();
            hidden = (hidden.matmul(state[$"{stack}.2.weight"].t()) + state[$"{stack}.2.bias"]).tanh();
            return hidden.matmul(state[$"{last}.weight"].t()) + state[$"{last}.bias"];
        }
    }

    [Fact]
    public void One_class_alone_is_a_plain_model_whose_first_biases_hold_the_label()
    {
        using var scope = torch.NewDisposeScope();
        using var mode = torch.no_grad();
        using var plain = Network(Spec(Architecture.Mlp) with { Family = ModelFamily.Vae }, 1);
        using var single = Network(Spec(Architecture.Mlp) with { Classes = 1 }, 1);
        var (known, own) = (plain.state_dict().ToDictionary(entry => entry.name, entry => entry.tensor), single.state_dict().ToDictionary(entry => entry.name, entry => entry.tensor));
        foreach (var stack in (string[])["encoder", "decoder"]) known[$"{stack}.0.bias"].add_(own[$"{stack}_label.weight"].squeeze(2));

        var (x, z) = (torch.rand([1, Rows, Image.Values]), torch.randn([1, Rows, 4]));
        using var labels = single.Under(torch.zeros([1, Rows], ScalarType.Int64));
        Close(plain.Encode(x), single.Encode(x));
        Close(plain.Decode(z), single.Decode(z));
    }

    [Theory, MemberData(nameof(Shapes))]
    public void All_classes_at_once_are_each_class_alone(Architecture architecture, int replicas)
    {
        using var scope = torch.NewDisposeScope();
        using var mode = torch.no_grad();
        using var network = Network(Spec(architecture) with { Family = ModelFamily.M2 }, replicas);
        var (x, z) = (torch.rand([1, Rows, Image.Values]), torch.randn([replicas, Rows * Classes, 4]));

        var encoded = network.EncodeEachClass(x).view(replicas, Rows, Classes, 8);
        var decoded = network.DecodeEachClass(z).view(replicas, Rows, Classes, Image.Values);

        for (var label = 0; label < Classes; label++)
        {
            using var given = network.Under(torch.full([1, Rows], label, ScalarType.Int64));
            Close(network.Encode(x), encoded.select(2, label));
            Close(network.Decode(z.view(replicas, Rows, Classes, 4).select(2, label).contiguous()), decoded.select(2, label));
        }

        Assert.Equal([replicas, Rows, Classes], network.Classify(x).shape.Select(size => (int)size));
    }

    [Fact]
    public void Samples_of_a_row_share_its_label_and_a_label_that_is_none_adds_nothing()
    {
        using var scope = torch.NewDisposeScope();
        using var mode = torch.no_grad();
        using var network = Network(Spec(Architecture.Mlp), 1);
        var z = torch.randn([1, Rows * 2, 4]);

        Tensor twice;
        using (network.Under(Labels())) twice = network.Decode(z).view(1, Rows, 2, Image.Values);
        for (var sample = 0; sample < 2; sample++)
        {
            using var given = network.Under(Labels());
            Close(network.Decode(z.view(1, Rows, 2, 4).select(2, sample).contiguous()), twice.select(2, sample));
        }

        Tensor without;
        using (network.Under(torch.full([1, Rows * 2], -1, ScalarType.Int64))) without = network.Decode(z);
        network.state_dict().Single(entry => entry.name == "decoder_label.weight").tensor.zero_();
        using var any = network.Under(torch.zeros([1, Rows * 2], ScalarType.Int64));
        Close(network.Decode(z), without);
    }

    [Fact]
    public void Model_that_takes_labels_computes_nothing_without_them()
    {
        using var scope = torch.NewDisposeScope();
        using var network = Network(Spec(Architecture.Mlp), 1);
        var x = torch.rand([1, Rows, Image.Values]);
        using (network.Under(Labels())) network.Encode(x);

        var fault = Assert.Throws<InvalidOperationException>(() => network.Encode(x));

        Assert.Contains("label of each row", fault.Message, StringComparison.Ordinal);
    }

    public static TheoryData<ModelFamily, Architecture, int> Counted
    {
        get
        {
            var all = new TheoryData<ModelFamily, Architecture, int>();
            foreach (var family in (ModelFamily[])[ModelFamily.Conditional, ModelFamily.M2])
                foreach (var architecture in Enum.GetValues<Architecture>())
                    foreach (var hidden in (int[])[0, 2])
                        if (hidden > 0 || architecture == Architecture.Mlp) all.Add(family, architecture, hidden);
            return all;
        }
    }

    [Theory, MemberData(nameof(Counted))]
    public void Planned_number_of_parameters_is_exact(ModelFamily family, Architecture architecture, int hidden)
    {
        var spec = Spec(architecture) with { Family = family };
        if (hidden == 0) spec = spec with { Encoder = [], Decoder = [] };
        using var network = Network(spec, 1);

        foreach (var latent in (int[])[4, 3]) Assert.Equal(network.ParametersOf(latent), ModelSize.Parameters(spec with { Latent = latent }, new DataShape(10, 1, 8, 8)));
    }

    [Theory]
    [InlineData(ModelFamily.Conditional, 0, "the data set has none")]
    [InlineData(ModelFamily.M2, 7, "set it to 7")]
    [InlineData(ModelFamily.M2, 3, null)]
    [InlineData(ModelFamily.Vae, 0, null)]
    public void Labels_that_a_model_cannot_take_are_found_before_it_is_built(ModelFamily family, int classes, string? told)
    {
        var misfit = ModelSize.LabelMisfit(new ModelSpec { Family = family, Classes = Classes }, classes);

        if (told is null) Assert.Null(misfit);
        else Assert.Contains(told, misfit, StringComparison.Ordinal);
    }

    internal static ModelSpec Spec(Architecture architecture) => new()
    {
        Family = ModelFamily.Conditional, Classes = Classes, Architecture = architecture, Encoder = [12, 9], Channels = [4, 6], Hidden = 10, Blocks = 1, Groups = 2, Latent = 4, Activation = Activation.Tanh,
    };

    private static VaeNetwork Network(ModelSpec spec, int replicas) => VaeNetwork.Create(spec, Image, [.. Enumerable.Range(0, replicas).Select(seed => (ulong)seed + 3)]);

    private static Tensor Labels() => torch.tensor([.. Enumerable.Range(0, Rows).Select(row => (long)(row % Classes))], [1, Rows]);

    private static void Close(Tensor expected, Tensor actual)
    {
        Assert.Equal(expected.shape, actual.shape);
        Assert.InRange((expected - actual).abs().max().item(), 0, 1e-5);
    }
}
