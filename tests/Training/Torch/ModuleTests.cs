using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Vae.Torch;
using static Vae.Torch.torch;

namespace Vae.Tests.Training.Torch;

public class ModuleTests
{
    [Fact]
    public void Parameters_come_in_the_order_of_registration_with_pytorchs_names()
    {
        using var module = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Sequential(nn.Linear(3, 2, hasBias: false), nn.Tanh()));

        Assert.Equal(["0.weight", "0.bias", "2.0.weight"], module.named_parameters().Select(static p => p.name));
        Assert.Equal([1, 3, 4], module.named_parameters().First().parameter.shape);
        module.eval();
        Assert.False(module.named_children()[2].module.training);
    }

    [Fact]
    public void A_linear_layer_is_a_matrix_product_and_its_gradients_agree_with_autograd()
    {
        using var scope = NewDisposeScope();
        foreach (var replicas in (int[])[1, 3])
        {
            using var layer = nn.Linear(5, 4, replicas: replicas);
            var x = randn([replicas, 6, 5]).requires_grad_();
            var upstream = randn([replicas, 6, 4]);
            var actual = layer.forward(x);
            var plain = x.matmul(layer.weight.transpose(1, 2)) + layer.bias!.unsqueeze(1);
            var got = autograd.grad([actual], [x, layer.weight, layer.bias!], [upstream]);
            var want = autograd.grad([plain], [x, layer.weight, layer.bias!], [upstream]);

            TorchSupport.Close(plain.detach(), actual.detach(), 1e-5, 1e-6);
            for (var i = 0; i < got.Length; i++) TorchSupport.Close(want[i]!, got[i]!, 1e-5, 1e-6);
            Assert.Null(layer.weight.grad);
        }
    }

    [Fact]
    public void A_plain_batch_goes_through_a_single_replica()
    {
        using var scope = NewDisposeScope();
        using var layer = nn.Linear(5, 4);
        var x = randn([6, 5]);

        var flat = layer.forward(x);

        Assert.Equal([6, 4], flat.shape);
        Assert.True(TorchSupport.SameBits(flat.detach(), layer.forward(x.unsqueeze(0)).detach().view(6, 4)));
    }

    [Fact]
    public void Gradients_land_in_the_flat_buffer_and_add_up_over_two_backward_passes()
    {
        using var scope = NewDisposeScope();
        using var module = nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 3, hasBias: false));
        var x = randn([6, 5]);
        var expected = autograd.grad([module.forward(x).square().sum()], [.. module.parameters()]).Select(static g => g!.view(-1)).ToArray();
        using var flat = new FlatParameters(module, statistics: 2);
        flat.StatisticsSpan[1] = 7;

        module.forward(x).square().sum().backward();
        TorchSupport.Close(cat(expected), flat.Gradients.narrow(0, 0, flat.Count), 1e-5, 1e-6);
        module.forward(x).square().sum().backward();
        TorchSupport.Close(cat(expected) * 2, flat.Gradients.narrow(0, 0, flat.Count), 1e-5, 1e-6);

        Assert.Equal(7, flat.GradientSpan[^1]);
        Assert.Equal(flat.Count + 2, flat.GradientSpan.Length);
        flat.GradientSpan[0] = 42;
        Assert.Equal(42, module.parameters().First().grad!.ToArray<float>()[0]);
        flat.zero_grad();
        Assert.All(flat.GradientSpan.ToArray(), static v => Assert.Equal(0, v));
    }

    [Fact]
    public void Asking_for_gradients_leaves_the_flat_buffer_alone()
    {
        using var scope = NewDisposeScope();
        using var layer = nn.Linear(5, 4);
        using var flat = new FlatParameters(layer);

        var gradients = autograd.grad([layer.forward(ones([2, 5])).sum()], [layer.weight, layer.bias!]);

        Assert.Equal(2, gradients[0]!.ToArray<float>()[0]);
        Assert.All(flat.GradientSpan.ToArray(), static v => Assert.Equal(0, v));
    }

    [Fact]
    public void Second_derivatives_go_through_a_linear_layer()
    {
        using var scope = NewDisposeScope();
        using var layer = nn.Linear(3, 1, hasBias: false);
        var x = randn([2, 3]).requires_grad_();

        var first = autograd.grad([layer.forward(x).pow(3).sum()], [x], create_graph: true)[0]!;
        var second = autograd.grad([first.sum()], [x])[0]!;

        var (y, w) = (layer.forward(x).detach(), layer.weight.detach().view(1, 3));
        TorchSupport.Close(y * 6 * w * w.sum(), second, 1e-4, 1e-5);
    }

    [Fact]
    public void Packing_keeps_values_and_writes_through_to_the_layers()
    {
        using var scope = NewDisposeScope();
        using var module = nn.Sequential(nn.Linear(5, 4, replicas: 2), nn.Linear(4, 3, replicas: 2));
        var before = cat([.. module.parameters().Select(static p => p.detach().clone().view(-1))]);
        using var flat = new FlatParameters(module);

        Assert.True(TorchSupport.SameBits(before, flat.Parameters));
        Assert.Equal([0L, 40, 48, 72], flat.Segments.Select(static s => s.Offset));
        Assert.Equal([20L, 4, 12, 3], flat.Segments.Select(static s => s.ReplicaLength));
        flat.ParameterSpan[48] = 5;
        Assert.Equal(5, module.parameters().ElementAt(2).detach().ToArray<float>()[0]);
    }

    [Theory]
    [InlineData("mlp")]
    [InlineData("conv")]
    public void Three_fused_replicas_train_like_three_single_ones(string kind)
    {
        using var scope = NewDisposeScope();
        using var fused = Train(kind, [11, 22, 33]);
        for (var k = 0; k < 3; k++)
        {
            using var single = Train(kind, [11 * ((ulong)k + 1)]);
            foreach (var (pair, i) in fused.parameters().Zip(single.parameters()).Select(static (pair, i) => (pair, i)))
                TorchSupport.Close(pair.Second.detach()[0], pair.First.detach()[k], 1e-4, 1e-5);
        }
    }

    [Fact]
    public void Each_replica_starts_with_the_weights_of_its_seed_alone()
    {
        using var fused = Build("mlp", [11, 22, 33]);
        using var single = Build("mlp", [22]);
        using var scope = NewDisposeScope();

        Assert.All(fused.parameters().Zip(single.parameters()), static p => Assert.True(TorchSupport.SameBits(p.First.detach()[1], p.Second.detach()[0])));
    }

    [Fact]
    public void Initial_weights_have_the_bounds_of_their_rule()
    {
        using var scope = NewDisposeScope();
        using var linear = nn.Linear(400, 300);
        using var conv = nn.Conv2d(8, 16, 4);
        Range(linear.weight, 1 / Math.Sqrt(400));
        Range(linear.bias!, 1 / Math.Sqrt(400));
        Range(conv.weight, 1 / Math.Sqrt(8 * 16));
        Range(nn.init.xavier_uniform_(linear.weight), Math.Sqrt(6.0 / 700));
        Range(nn.init.kaiming_uniform_(linear.weight), Math.Sqrt(6.0 / 400));
        Assert.Equal(0.5, nn.init.normal_(linear.weight, 0, 0.5).detach().square().mean().sqrt().item(), 0.01);
        Assert.Equal(0, nn.init.zeros_(linear.weight).detach().abs().max().item());

        static void Range(Tensor weight, double bound)
        {
            var largest = weight.detach().abs().max().item();
            Assert.InRange(largest, bound * 0.97, bound * 1.000001);
        }
    }

    [Fact]
    public void Convolutions_fit_each_other()
    {
        using var scope = NewDisposeScope();
        using var down = nn.Conv2d(2, 5, 4, stride: 2, padding: 1, replicas: 3);
        using var up = nn.ConvTranspose2d(5, 2, 4, stride: 2, padding: 1, replicas: 3);
        var small = down.forward(randn([3, 4, 2, 16, 16]));

        Assert.Equal([3, 4, 5, 8, 8], small.shape);
        Assert.Equal([3, 4, 2, 16, 16], up.forward(small).shape);
    }

    [Fact]
    public void A_state_loads_by_name_and_a_wrong_one_is_named()
    {
        using var scope = NewDisposeScope();
        using var from = nn.Linear(3, 2);
        using var to = nn.Linear(3, 2);
        var state = from.state_dict().ToDictionary(static s => s.name, static s => s.tensor);

        to.load_state_dict(state);

        Assert.True(TorchSupport.SameBits(from.weight.detach(), to.weight.detach()));
        Assert.Contains("'bias'", Assert.Throws<ArgumentException>(() => to.load_state_dict(new Dictionary<string, Tensor> { ["weight"] = from.weight })).Message, StringComparison.Ordinal);
        state["bias"] = zeros([1, 3]);
        Assert.Contains("[1, 3]", Assert.Throws<ArgumentException>(() => to.load_state_dict(state)).Message, StringComparison.Ordinal);
    }

    private static readonly List<long> s_ready = [];

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void Ready(long tag) => s_ready.Add(tag);

    [Fact]
    public unsafe void Hooks_report_finished_gradients_in_reverse_layer_order_even_where_they_are_added_in_place()
    {
        using var scope = NewDisposeScope();
        using var module = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3), nn.Linear(3, 1));
        using var flat = new FlatParameters(module);
        delegate* unmanaged[Cdecl]<long, void> callback = &Ready;
        var hooks = module.parameters().Select((p, i) => p.WhenGradientReady((delegate* unmanaged<long, void>)callback, i)).ToList();
        s_ready.Clear();

        module.forward(randn([2, 3])).sum().backward();

        Assert.Equal([4, 5, 2, 3, 0, 1], s_ready.Select(static (tag, i) => (tag, i / 2)).OrderBy(static p => p.Item2).ThenBy(static p => p.tag).Select(static p => p.tag));
        hooks.ForEach(static h => h.Dispose());
    }

    private static Sequential Build(string kind, ulong[] seeds)
    {
        var generators = seeds.Select(static s => new Generator(s)).ToArray();
        var k = seeds.Length;
        return kind == "mlp"
            ? nn.Sequential(nn.Linear(6, 8, replicas: k, generators: generators), nn.GELU(), nn.Linear(8, 6, replicas: k, generators: generators))
            : nn.Sequential(nn.Conv2d(2, 4, 4, 2, 1, replicas: k, generators: generators), nn.SiLU(), nn.ConvTranspose2d(4, 2, 4, 2, 1, replicas: k, generators: generators));
    }

    private static Sequential Train(string kind, ulong[] seeds)
    {
        using var outer = NewDisposeScope();
        var module = Build(kind, seeds);
        using var flat = new FlatParameters(module);
        using var adam = optim.Adam(flat, lr: 1e-2);
        var k = seeds.Length;
        for (var step = 0; step < 20; step++)
        {
            using var scope = NewDisposeScope();
            using var generator = new Generator((ulong)step);
            var x = kind == "mlp" ? randn([1, 9, 6], generator: generator).expand(k, 9, 6) : randn([1, 3, 2, 8, 8], generator: generator).expand(k, 3, 2, 8, 8);
            flat.zero_grad();
            (module.forward(x) - x).square().sum().backward();
            adam.step();
        }

        return module;
    }
}
