using Vae.Torch;
using static Vae.Torch.torch;

namespace Vae.Tests.Training.Torch;

public sealed class ReducedProductTests : TorchTest
{
    [Fact]
    public void Products_round_their_inputs_to_bfloat16_and_keep_results_and_gradients_in_float32()
    {
        using var scope = NewDisposeScope();
        Tensor x = randn([3, 5, 40]), weight = randn([3, 7, 40]).requires_grad_(), bias = randn([3, 7]).requires_grad_();
        Tensor y;
        using (reduced_products()) y = nn.functional.linear(x, weight, bias);
        y.square().sum().backward();

        var rounded = (x.to(bfloat16).to(float32), Weight: weight.detach().to(bfloat16).to(float32).requires_grad_());
        var expected = nn.functional.linear(rounded.Item1, rounded.Weight, bias.detach());
        expected.square().sum().backward();
        Assert.Equal(float32, y.dtype);
        Assert.Equal(float32, weight.grad!.dtype);
        TorchSupport.Close(expected.detach(), y.detach(), 2e-2, 0.1); // The result of a bfloat16 product is rounded once more.
        TorchSupport.Close(rounded.Weight.grad!, weight.grad!, 5e-2, 1.5);
        Assert.False(TorchSupport.SameBits(nn.functional.linear(x, weight.detach(), bias.detach()), y.detach()));
    }

    [Fact]
    public void The_scope_ends_where_it_ends()
    {
        using var scope = NewDisposeScope();
        Tensor x = randn([1, 5, 40]), weight = randn([1, 7, 40]);
        var plain = nn.functional.linear(x, weight);
        using (reduced_products())
        using (reduced_products(false)) Assert.True(TorchSupport.SameBits(plain, nn.functional.linear(x, weight)));
        Assert.True(TorchSupport.SameBits(plain, nn.functional.linear(x, weight)));
    }

    [Fact]
    public void Convolutions_take_part()
    {
        using var scope = NewDisposeScope();
        Tensor x = randn([1, 4, 3, 8, 8]), weight = randn([1, 5, 3, 4, 4]);
        var plain = nn.functional.conv2d(x, weight, null, 2, 1);
        using var products = reduced_products();
        var reduced = nn.functional.conv2d(x, weight, null, 2, 1);
        TorchSupport.Close(plain, reduced, 3e-2, 0.2);
        Assert.False(TorchSupport.SameBits(plain, reduced));
    }
}
