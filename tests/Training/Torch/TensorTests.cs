using Vae.Torch;
using static Vae.Torch.torch;

namespace Vae.Tests.Training.Torch;

public class TensorTests
{
    [Fact]
    public void A_failing_operation_tells_libtorchs_reason_without_a_stack()
    {
        using var scope = NewDisposeScope();
        var left = zeros([2, 3]);
        var right = zeros([2, 3]);

        var error = Assert.Throws<TorchException>(() => left.matmul(right));

        Assert.Contains("2x3", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("Exception raised from", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("frame #", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_impossible_allocation_is_told_apart_from_other_failures()
    {
        var error = Assert.Throws<TorchException>(() => empty([1L << 45]));

        Assert.True(error.IsOutOfMemory, error.Message);
        Assert.False(Assert.Throws<TorchException>(() => empty([-1])).IsOutOfMemory);
    }

    [Fact]
    public void A_linear_layer_names_the_shapes_that_do_not_fit()
    {
        using var scope = NewDisposeScope();
        using var layer = nn.Linear(4, 2, replicas: 3);
        var input = zeros([3, 5, 7]);

        var error = Assert.Throws<TorchException>(() => layer.forward(input));

        Assert.Contains("[3, 5, 7]", error.Message, StringComparison.Ordinal);
        Assert.Contains("[3, 2, 4]", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_freed_tensor_says_so()
    {
        var tensor = zeros([1]);
        tensor.Dispose();
        tensor.Dispose();

        Assert.Throws<ObjectDisposedException>(() => tensor.exp());
        Assert.Contains("freed", tensor.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Shapes_and_views_share_memory_and_copies_do_not()
    {
        using var scope = NewDisposeScope();
        var whole = arange(12, float32).view(3, 4);

        whole.select(0, 1).fill_(-1);
        var copy = whole.clone();
        copy.zero_();

        Assert.Equal([3, 4], whole.shape);
        Assert.Equal(4, whole.stride(0));
        Assert.Equal([0, 1, 2, 3, -1, -1, -1, -1, 8, 9, 10, 11], whole.data<float>().ToArray());
        Assert.Equal([1, -1, 9], whole.narrow(1, 1, 1).ToArray<float>());
        Assert.Equal([0, -1, 8, 1, -1, 9, 2, -1, 10, 3, -1, 11], whole.t().ToArray<float>());
        Assert.Equal([4, 3], whole.t().shape);
        Assert.Equal([12], whole.flatten().shape);
        Assert.Equal([3, 1, 4], whole.unsqueeze(1).shape);
        Assert.Equal([[3, 2], [3, 2]], whole.split(2, 1).Select(static p => p.shape));
        Assert.Equal([6, 4], cat([whole, copy]).shape);
        Assert.Equal([2, 3, 4], stack([whole, copy]).shape);
    }

    [Fact]
    public void Memory_is_given_only_as_what_it_is()
    {
        using var scope = NewDisposeScope();
        var floats = zeros([2, 3]);

        Assert.Throws<InvalidOperationException>(() => floats.data<double>().Length);
        Assert.Throws<InvalidOperationException>(() => floats.t().data<float>().Length);
        Assert.Throws<TorchException>(() => tensor([1f, 2f, 3f], [2, 2]));
    }

    [Theory]
    [InlineData(uint8)]
    [InlineData(int32)]
    [InlineData(int64)]
    [InlineData(float32)]
    [InlineData(float64)]
    [InlineData(@bool)]
    [InlineData(bfloat16)]
    public void Every_type_keeps_small_integers_through_a_conversion(ScalarType type)
    {
        using var scope = NewDisposeScope();
        var bits = tensor([0f, 1f, 1f]).to(type);

        Assert.Equal(type, bits.dtype);
        Assert.Equal([0f, 1f, 1f], bits.to(float32).ToArray<float>());
    }

    [Fact]
    public void Arithmetic_with_numbers_keeps_their_side()
    {
        using var scope = NewDisposeScope();
        var x = tensor([1.0, 2.0, 4.0]);

        Assert.Equal([9, 8, 6], (10 - x).ToArray<double>());
        Assert.Equal([1, 0.5, 0.25], (1 / x).ToArray<double>());
        Assert.Equal([3, 6, 12], (x * 2 + x).ToArray<double>());
        Assert.Equal(int64, (arange(3) + 1).dtype);
        Assert.Equal(7, x.sum().item());
        Assert.Equal(Math.Log(Math.Exp(1) + Math.Exp(2) + Math.Exp(4)), x.logsumexp(0).item(), 12);
    }

    [Theory]
    [InlineData("cpu", "cpu")]
    [InlineData("cuda", "cuda:0")]
    [InlineData("cuda:3", "cuda:3")]
    public void A_device_is_read_as_it_is_written(string text, string name) => Assert.Equal(name, new Device(text).ToString());

    [Theory]
    [InlineData("gpu")]
    [InlineData("cuda:")]
    [InlineData("cuda:-1")]
    [InlineData("cuda:1000")]
    [InlineData("")]
    public void An_unknown_device_is_refused_with_the_known_ones(string text) =>
        Assert.Contains("cuda:N", Assert.Throws<ArgumentException>(() => new Device(text)).Message, StringComparison.Ordinal);

    [Fact]
    public void A_generator_continues_from_its_saved_state_and_matches_the_process_seed()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(7);
        var first = randn([32], generator: generator);
        var state = generator.State;
        var next = randn([32], generator: generator);

        generator.State = state;

        Assert.True(TorchSupport.SameBits(next, randn([32], generator: generator)));
        Assert.True(TorchSupport.SameBits(first, randn([32], generator: generator.manual_seed(7))));
        Assert.False(TorchSupport.SameBits(first, next));
    }

    [Fact]
    public void The_facts_of_the_process_are_known()
    {
        var facts = TorchProcess.Facts;

        Assert.Matches(@"^\d+\.\d+", facts.LibtorchVersion);
        Assert.InRange(facts.Threads, 1, 1024);
        Assert.InRange(facts.BlasThreads, 1, 1024);
        Assert.NotEqual("unknown", facts.CpuCapability);
        Assert.NotEmpty(facts.Processor);
        Assert.Equal(facts.CudaDevices > 0, facts.CudaAvailable);
        Assert.Contains(facts.LibtorchVersion, facts.ToString(), StringComparison.Ordinal);
    }
}
