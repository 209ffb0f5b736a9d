using Vae.Torch;
using static Vae.Torch.torch;

namespace Vae.Tests.Training.Torch;

public sealed class GroupNormTests : TorchTest
{
    [Theory]
    [InlineData(1, false)]
    [InlineData(1, true)]
    [InlineData(3, false)]
    [InlineData(3, true)]
    public void Values_are_those_of_a_direct_computation(int replicas, bool channelsLast)
    {
        using var scope = NewDisposeScope();
        const int images = 4, channels = 6, groups = 3, height = 5, width = 2;
        using var norm = nn.GroupNorm(groups, channels, replicas: replicas);
        norm.weight.detach().normal_();
        norm.bias.detach().normal_();
        var x = channelsLast ? randn([replicas, images, height, width, channels]).permute(0, 1, 4, 2, 3) : randn([replicas, images, channels, height, width]);

        var actual = norm.forward((x * 3) + 2).contiguous().ToArray<float>();

        var (values, weight, bias) = (((x * 3) + 2).contiguous().ToArray<float>(), norm.weight.ToArray<float>(), norm.bias.ToArray<float>());
        const int pixels = height * width, each = channels / groups * pixels;
        for (var group = 0; group < values.Length / each; group++)
        {
            var own = values.AsSpan(group * each, each);
            double mean = 0, variance = 0;
            foreach (var value in own) mean += value / (double)each;
            foreach (var value in own) variance += (value - mean) * (value - mean) / each;
            for (var i = 0; i < each; i++)
            {
                var channel = ((group % groups) * (channels / groups)) + (i / pixels);
                var replica = group / (images * groups);
                var expected = ((own[i] - mean) / Math.Sqrt(variance + 1e-5) * weight[(replica * channels) + channel]) + bias[(replica * channels) + channel];
                Assert.Equal(expected, actual[(group * each) + i], 2e-5);
            }
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Gradients_follow_finite_differences(int replicas)
    {
        using var scope = NewDisposeScope();
        using var norm = nn.GroupNorm(2, 4, replicas: replicas);
        foreach (var (_, tensor) in norm.state_dict()) tensor.set_data(randn(tensor.shape, float64));
        var x = randn([replicas, 2, 4, 3, 2], float64).requires_grad_();
        var weights = randn([replicas, 2, 4, 3, 2], float64);
        Tensor Loss(Tensor input) => (norm.forward(input) * weights).sum();

        Loss(x).backward();

        TorchSupport.Close(TorchSupport.Differences(x, at => Loss(at).item()), x.grad!.contiguous().ToArray<double>(), 1e-6, 1e-8);
        foreach (var parameter in norm.parameters())
        {
            var own = parameter.detach().clone();
            var differences = TorchSupport.Differences(own, at =>
            {
                parameter.detach().copy_(at);
                var loss = Loss(x.detach()).item();
                parameter.detach().copy_(own);
                return loss;
            });
            TorchSupport.Close(differences, parameter.grad!.ToArray<double>(), 1e-6, 1e-8);
        }
    }

    [Theory]
    [InlineData(1, 1, 1)]
    [InlineData(3, 1, 1)]
    [InlineData(3, 4, 1)]
    [InlineData(3, 2, 2)]
    public void The_gradient_of_images_in_any_layout_follows_finite_differences(int replicas, int height, int width)
    {
        using var scope = NewDisposeScope();
        using var norm = nn.GroupNorm(2, 6, replicas: replicas);
        foreach (var (_, tensor) in norm.state_dict()) tensor.set_data(randn(tensor.shape, float64));
        var x = randn([replicas, 2, height, width, 6], float64).requires_grad_();
        var weights = randn([replicas, 2, 6, height, width], float64);
        Tensor Loss(Tensor input) => (norm.forward(input.permute(0, 1, 4, 2, 3)) * weights).sum();

        Loss(x).backward();

        TorchSupport.Close(TorchSupport.Differences(x, at => Loss(at).item()), x.grad!.contiguous().ToArray<double>(), 1e-6, 1e-8);
    }

    [Fact]
    public void Names_shapes_and_starting_values_are_PyTorchs()
    {
        using var norm = nn.GroupNorm(2, 4, replicas: 3);

        Assert.Equal(["weight", "bias"], norm.named_parameters().Select(entry => entry.name));
        Assert.All(norm.parameters(), parameter => Assert.Equal([3, 4], parameter.shape));
        Assert.All(norm.weight.ToArray<float>(), value => Assert.Equal(1, value));
        Assert.All(norm.bias.ToArray<float>(), value => Assert.Equal(0, value));
        Assert.Throws<ArgumentException>(() => nn.GroupNorm(3, 4));
    }
}
