using Vae.Torch;
using static Vae.Torch.torch;

namespace Vae.Tests.Training.Torch;

/// <summary>Our convolutions against ATen's in float64, which take no path of ours.</summary>
public sealed class ConvolutionTests : TorchTest
{
    /// <summary>One convolution, drawn from a seed.</summary>
    private sealed record Case(int K, int Images, int Inputs, int Outputs, int Kernel, int Stride, int Padding, int OutputPadding, int Height, int Width, bool Transposed, bool Bias, bool Relu, bool Shared, bool ChannelsLast)
    {
        public static Case Draw(int seed)
        {
            var random = new Random(seed);
            int Pick(params ReadOnlySpan<int> values) => values[random.Next(values.Length)];
            var (kernel, stride) = (Pick(1, 2, 3, 4, 5), Pick(1, 2, 2, 3));
            return new Case(Pick(1, 1, 2, 3), Pick(1, 2, 5, 19), Pick(1, 2, 3, 7, 8, 16, 17, 32, 48), Pick(1, 2, 3, 5, 9, 16, 31, 40, 64), kernel, stride, Pick(0, 1, 2), random.Next(stride),
                random.Next(6, 20), random.Next(6, 20), random.Next(2) == 0, random.Next(4) > 0, random.Next(2) == 0, random.Next(4) == 0, random.Next(2) == 0);
        }

        public Tensor Apply(Tensor x, Tensor weight, Tensor? bias, bool relu) => Transposed
            ? nn.functional.conv_transpose2d(x, weight, bias, Stride, Padding, OutputPadding, relu: relu)
            : nn.functional.conv2d(x, weight, bias, Stride, Padding, relu: relu);

        public (Tensor X, Tensor Weight, Tensor? Bias) Tensors()
        {
            long[] shape = Transposed ? [K, Inputs, Outputs, Kernel, Kernel] : [K, Outputs, Inputs, Kernel, Kernel];
            long replicas = Shared ? 1 : K;
            var x = ChannelsLast ? randn([replicas, Images, Height, Width, Inputs]).permute(0, 1, 4, 2, 3) : randn([replicas, Images, Inputs, Height, Width]);
            return (x.detach().requires_grad_(), randn(shape, requires_grad: true), Bias ? randn([K, Outputs], requires_grad: true) : null);
        }
    }

    public static TheoryData<int> Seeds => [.. Enumerable.Range(1, 150)];

    [Theory, MemberData(nameof(Seeds))]
    public void Values_and_gradients_are_those_of_ATen_within_rounding(int seed)
    {
        using var scope = NewDisposeScope();
        manual_seed(seed);
        var convolution = Case.Draw(seed);
        var (x, weight, bias) = convolution.Tensors();

        var y = convolution.Apply(x, weight, bias, convolution.Relu);
        var dy = randn(y.shape);
        var ours = Gradients(y, Wanted(x, weight, bias), dy);

        var (x64, weight64, bias64) = (Double(x), Double(weight), bias is null ? null : Double(bias));
        var plain = convolution.Apply(x64, weight64, bias64, relu: false);
        // A value within rounding of 0 may fall on either side, so the mask is ours.
        var mask = convolution.Relu ? y.detach().gt(0).to(float64) : ones(y.shape, float64);
        var reference = Gradients(plain, Wanted(x64, weight64, bias64), dy.to(float64) * mask);

        Near(convolution.Relu ? plain.detach().relu() : plain.detach(), y.detach(), 3e-6, $"{convolution}: values");
        Near(reference[0], ours[0], 3e-6, $"{convolution}: gradient of the input");
        Near(reference[1], ours[1], 5e-6, $"{convolution}: gradient of the weight");
        if (bias is not null) Near(reference[2], ours[2], 2e-6, $"{convolution}: gradient of the bias");
    }

    [Theory]
    [InlineData(1, 32)]
    [InlineData(32, 32)]
    [InlineData(32, 64)]
    [InlineData(64, 64)]
    public void The_layers_of_the_convolutional_model_are_those_of_ATen_within_rounding(int inputs, int outputs)
    {
        foreach (var transposed in (ReadOnlySpan<bool>)[false, true])
        {
            using var scope = NewDisposeScope();
            var (from, to) = transposed ? (outputs, inputs) : (inputs, outputs);
            var convolution = new Case(1, 33, from, to, 4, 2, 1, 0, 16, 16, transposed, true, false, false, true);
            var (x, weight, bias) = convolution.Tensors();
            var y = convolution.Apply(x, weight, bias, relu: false);
            var dy = randn(y.shape);
            var ours = Gradients(y, Wanted(x, weight, bias), dy);
            var (x64, weight64, bias64) = (Double(x), Double(weight), Double(bias!));
            var plain = convolution.Apply(x64, weight64, bias64, relu: false);
            var reference = Gradients(plain, Wanted(x64, weight64, bias64), dy.to(float64));

            Near(plain.detach(), y.detach(), 3e-6, $"{convolution}: values");
            for (var i = 0; i < 3; i++) Near(reference[i], ours[i], 5e-6, $"{convolution}: gradient {i}");
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_plain_backward_adds_into_gradients_that_exist(bool transposed)
    {
        using var scope = NewDisposeScope();
        var convolution = new Case(2, 3, 4, 4, 4, 2, 1, 0, 8, 8, transposed, true, true, false, false);
        var (x, weight, bias) = convolution.Tensors();
        var fresh = Gradients(convolution.Apply(x, weight, bias, relu: true), [weight, bias!]);
        weight.grad = ones(weight.shape);
        bias!.grad = ones(bias.shape);
        var (weightGradient, biasGradient) = (weight.grad!, bias.grad!);

        convolution.Apply(x, weight, bias, relu: true).sum().backward();

        TorchSupport.Close(fresh[0] + 1, weightGradient, 1e-5, 1e-5);
        TorchSupport.Close(fresh[1] + 1, biasGradient, 1e-5, 1e-5);
    }

    [Fact]
    public void A_replica_computes_what_it_computes_alone_bit_by_bit()
    {
        using var scope = NewDisposeScope();
        var pack = new Case(3, 6, 3, 20, 4, 2, 1, 0, 12, 10, false, true, true, false, true);
        var (x, weight, bias) = pack.Tensors();
        var y = pack.Apply(x, weight, bias, relu: true);
        var dy = randn(y.shape);
        var together = Gradients(y, [x, weight, bias!], dy);

        for (var k = 0; k < 3; k++)
        {
            var (xk, weightk, biask) = (Leaf(x, k), Leaf(weight, k), Leaf(bias!, k));
            var alone = pack.Apply(xk, weightk, biask, relu: true);
            Assert.True(TorchSupport.SameBits(y.detach().select(0, k).contiguous(), alone.detach().select(0, 0).contiguous()));
            var gradients = Gradients(alone, [xk, weightk, biask], dy.narrow(0, k, 1));
            foreach (var (whole, part) in together.Zip(gradients)) Assert.True(TorchSupport.SameBits(whole.select(0, k).contiguous(), part.select(0, 0).contiguous()));
        }

        static Tensor Leaf(Tensor pack, long k) => pack.detach().narrow(0, k, 1).clone().requires_grad_();
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(5)]
    public void One_number_of_threads_gives_one_result_and_another_number_the_same_within_rounding(int replicas)
    {
        using var scope = NewDisposeScope();
        var convolution = new Case(replicas, 64, 16, 32, 4, 2, 1, 0, 32, 32, false, true, true, false, true);
        var (x, weight, bias) = convolution.Tensors();
        var one = Run();
        try
        {
            TorchProcess.SetThreads(3);
            var (first, second) = (Run(), Run());
            foreach (var (a, b) in first.Zip(second)) Assert.True(TorchSupport.SameBits(a, b));
            foreach (var (a, b) in one.Zip(first)) Near(a.to(float64), b, 5e-6, "three threads");
        }
        finally
        {
            TorchProcess.SetThreads(1);
        }

        Tensor[] Run()
        {
            var y = convolution.Apply(x, weight, bias, relu: true);
            return [.. Gradients(y.square(), [x, weight, bias!]).Prepend(y.detach()).Select(static t => t.contiguous())];
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Gradients_have_gradients(bool transposed)
    {
        using var scope = NewDisposeScope();
        var convolution = new Case(2, 2, 3, 4, 4, 2, 1, 0, 8, 8, transposed, true, true, false, false);
        var (x, weight, bias) = convolution.Tensors();
        var (x64, weight64, bias64) = (Double(x), Double(weight), Double(bias!));

        Near(Second(x64, weight64, bias64), Second(x, weight, bias!), 1e-5, "second derivative");

        Tensor Second(Tensor input, Tensor w, Tensor b)
        {
            var first = Gradients(convolution.Apply(input, w, b, relu: true).square(), [input], create_graph: true);
            return Gradients(first[0].square(), [w])[0];
        }
    }

    [Fact]
    public void Groups_and_dilation_take_the_general_way()
    {
        using var scope = NewDisposeScope();
        var (x, weight) = (randn([2, 3, 4, 9, 9]), randn([2, 6, 2, 3, 3]));

        var y = nn.functional.conv2d(x, weight, stride: 1, padding: 2, dilation: 2, groups: 2);

        Assert.Equal([2, 3, 6, 9, 9], y.shape);
        Near(nn.functional.conv2d(x.to(float64), weight.to(float64), stride: 1, padding: 2, dilation: 2, groups: 2), y, 2e-6, "dilation");
    }

    [Fact]
    public void A_value_that_is_not_a_number_passes_the_fused_ReLU()
    {
        using var scope = NewDisposeScope();
        var x = full([1, 1, 1, 4, 4], double.NaN);

        var y = nn.functional.conv2d(x, ones([1, 2, 1, 4, 4]), stride: 2, padding: 1, relu: true);

        Assert.All(y.contiguous().ToArray<float>(), static v => Assert.True(float.IsNaN(v)));
    }

    [Fact]
    public void Shapes_that_do_not_fit_are_named()
    {
        using var scope = NewDisposeScope();
        var (x, weight) = (randn([2, 3, 4, 8, 8]), randn([2, 6, 4, 3, 3]));

        Names("4 channels", () => nn.functional.conv2d(randn([2, 3, 5, 8, 8]), weight));
        Names("[K,n,C,H,W]", () => nn.functional.conv2d(randn([3, 4, 8, 8]), weight));
        Names("replicas", () => nn.functional.conv2d(randn([3, 3, 4, 8, 8]), weight));
        Names("leaves nothing", () => nn.functional.conv2d(randn([2, 3, 4, 2, 2]), weight));
        Names("output padding", () => nn.functional.conv_transpose2d(randn([2, 3, 6, 8, 8]), weight, stride: 2, output_padding: 2));
        Assert.Equal([2, 3, 6, 6, 6], nn.functional.conv2d(x, weight).shape);

        static void Names(string words, Func<Tensor> wrong) => Assert.Contains(words, Assert.Throws<TorchException>(() => wrong()).Message, StringComparison.Ordinal);
    }

    private static Tensor[] Wanted(Tensor x, Tensor weight, Tensor? bias) => bias is null ? [x, weight] : [x, weight, bias];

    // Of the sum of y, or of y weighted by dy.
    private static Tensor[] Gradients(Tensor y, Tensor[] inputs, Tensor? dy = null, bool create_graph = false) =>
        [.. autograd.grad([y], inputs, [dy ?? ones(y.shape, y.dtype)], create_graph: create_graph).Select(static g => g!)];

    private static Tensor Double(Tensor t) => t.detach().to(float64).contiguous().requires_grad_();

    // Rounding is relative to the terms of the sums, not to their results.
    private static void Near(Tensor expected, Tensor actual, double relative, string what)
    {
        Assert.Equal(expected.shape, actual.shape);
        var largest = Math.Max(expected.detach().abs().max().to(float64).item(), 1e-30);
        var error = (expected.detach() - actual.detach().to(float64)).abs().max().item();
        Assert.True(error <= relative * largest, $"{what}: error {error:E2}, largest value {largest:E2}.");
    }
}
