using System.Runtime.InteropServices;
using Vae.Torch;
using Vae.Torch.Interop;
using static Vae.Torch.torch;

namespace Vae.Tests.Training.Torch;

public class DenseStackTests
{
    private const int N = 9, In = 13;

    public static TheoryData<string, int, string> Cases
    {
        get
        {
            var data = new TheoryData<string, int, string>();
            foreach (var activation in (string[])["relu", "leaky", "tanh", "sigmoid", "silu", "gelu", "elu", "softplus", "identity"])
                foreach (var (replicas, input) in ((int, string)[])[(1, "[n,in]"), (1, "[1,n,in]"), (3, "[K,n,in]"), (3, "[1,n,in]")])
                    data.Add(activation, replicas, input);
            return data;
        }
    }

    [Theory, MemberData(nameof(Cases))]
    public void Inside_a_training_step_results_and_gradients_are_those_of_the_modules_in_double(string activation, int replicas, string input)
    {
        using var scope = NewDisposeScope();
        using var model = new Model(activation, replicas);
        var x = randn(input switch { "[n,in]" => [N, In], "[1,n,in]" => [1, N, In], _ => [replicas, N, In] });
        if (input != "[1,n,in]" || replicas == 1) x.requires_grad = true;
        Tensor y;
        using (nn.training_step())
        {
            y = model.Stack.forward(x);
            model.Flat.zero_grad();
            y.backward(Upstream(y, float32));
        }

        var (x64, parameters) = (x.detach().to(float64).requires_grad_(x.requires_grad), model.InDouble());
        var y64 = model.Plain(x64, parameters);
        y64.backward(Upstream(y64, float64));

        TorchSupport.Close(y64.detach(), y.detach(), 3e-6, 2e-6);
        for (var i = 0; i < parameters.Length; i++) TorchSupport.Close(parameters[i].grad!, model.Flat.View(model.Flat.Gradients, i), 2e-5, 2e-5);
        if (x.requires_grad) TorchSupport.Close(x64.grad!, x.grad!, 2e-5, 1e-5);
    }

    [Theory]
    [InlineData("relu")]
    [InlineData("gelu")]
    public void Only_the_rows_of_each_slot_count_whatever_lies_beyond_them(string activation)
    {
        using var scope = NewDisposeScope();
        int[] used = [5, 0, 9];
        using var model = new Model(activation, 3);
        var x = randn([3, N, In]);
        for (var k = 0; k < 3; k++) x[k].narrow(0, used[k], N - used[k]).fill_(float.NaN);
        x.requires_grad = true;
        var rows = tensor([.. used.Select(static v => (long)v)]).to(int32);
        model.Flat.zero_grad();
        Tensor y;
        using (nn.training_step(rows))
        {
            y = model.Stack.forward(x);
            rows.fill_(0); // The next step's numbers may be written before backward runs.
            var upstream = randn(y.shape);
            for (var k = 0; k < 3; k++) upstream[k].narrow(0, used[k], N - used[k]).fill_(float.NaN);
            y.backward(upstream);

            for (var k = 0; k < 3; k++)
            {
                Assert.True(y.detach()[k].narrow(0, used[k], N - used[k]).ToDouble().All(static v => v == 0));
                Assert.True(x.grad![k].narrow(0, used[k], N - used[k]).ToDouble().All(static v => v == 0));
                using var alone = model.Slot(k);
                var own = x.detach()[k].narrow(0, 0, used[k]).clone().requires_grad_();
                alone.Flat.zero_grad();
                using var _ = NewDisposeScope();
                var expected = alone.Stack.forward(own);
                expected.backward(upstream[k].narrow(0, 0, used[k]));
                TorchSupport.Close(expected.detach(), y.detach()[k].narrow(0, 0, used[k]), 1e-6, 1e-6);
                for (var i = 0; i < 4; i++) TorchSupport.Close(alone.Flat.View(alone.Flat.Gradients, i)[0], model.Flat.View(model.Flat.Gradients, i)[k], 1e-5, 1e-5);
            }
        }
    }

    [Fact]
    public void The_same_step_twice_has_the_same_bits_and_gradients_add_up()
    {
        using var scope = NewDisposeScope();
        using var model = new Model("relu", 2);
        var x = randn([2, N, In]);
        model.Flat.zero_grad();
        var once = Gradients();
        var twice = Gradients();
        TorchSupport.Close(once * 2, twice, 1e-6, 1e-6);
        model.Flat.zero_grad();
        Assert.True(TorchSupport.SameBits(once, Gradients()));

        Tensor Gradients()
        {
            using (nn.training_step())
            {
                var y = model.Stack.forward(x);
                y.backward(Upstream(y, float32));
            }

            return model.Flat.Gradients.clone();
        }
    }

    [Fact]
    public void Where_libtorch_hides_its_blas_the_products_are_the_same()
    {
        using var scope = NewDisposeScope();
        using var model = new Model("relu", 2);
        var x = randn([2, N, In], requires_grad: true);
        var rows = tensor([7L, 3]).to(int32);
        var (y, parameters, input) = Run();
        Assert.Equal(1, NativeAutograd.vae_choose_products(1));
        try
        {
            var other = Run();
            TorchSupport.Close(y, other.Y, 1e-5, 1e-5);
            TorchSupport.Close(parameters, other.Parameters, 1e-5, 1e-5);
            TorchSupport.Close(input, other.Input, 1e-5, 1e-5);
        }
        finally
        {
            Assert.Equal(1, NativeAutograd.vae_choose_products(0));
        }

        (Tensor Y, Tensor Parameters, Tensor Input) Run()
        {
            model.Flat.zero_grad();
            x.grad = null;
            using var step = nn.training_step(rows);
            var result = model.Stack.forward(x);
            result.backward(Upstream(result, float32));
            return (result.detach().clone(), model.Flat.Gradients.clone(), x.grad!.clone());
        }
    }

    [Fact]
    public void Gradients_of_the_input_alone_leave_those_of_the_parameters_as_they_are()
    {
        using var scope = NewDisposeScope();
        using var model = new Model("relu", 1);
        var x = randn([1, N, In], requires_grad: true);
        model.Flat.Gradients.fill_(7);
        using (nn.training_step())
        {
            var gradient = autograd.grad([model.Stack.forward(x).sum()], [x])[0]!;
            Assert.True(gradient.abs().sum().item() > 0);
        }

        Assert.All(model.Flat.Gradients.ToArray<float>(), static g => Assert.Equal(7f, g));
    }

    [Fact]
    public unsafe void A_watched_parameter_is_announced_once_after_its_gradient_is_complete()
    {
        using var scope = NewDisposeScope();
        using var model = new Model("relu", 2);
        var parameters = model.Modules.parameters().ToList();
        var hooks = parameters.Select(static (p, i) => p.WhenGradientReady(&Announce, i)).ToList();
        var x = randn([2, N, In]);
        s_order = [];
        s_flat = model.Flat;
        s_seen = [];
        model.Flat.zero_grad();
        using (NewDisposeScope())
        using (nn.training_step())
        {
            var y = model.Stack.forward(x);
            y.backward(Upstream(y, float32));
        }

        foreach (var hook in hooks) hook.Dispose();
        var watched = model.Flat.Gradients.clone();
        model.Flat.zero_grad();
        using (nn.training_step())
        {
            var y = model.Stack.forward(x);
            y.backward(Upstream(y, float32));
        }

        Assert.True(TorchSupport.SameBits(model.Flat.Gradients, watched));
        Assert.Equal([0, 1, 2, 3], s_order.Order());
        Assert.True(s_order.IndexOf(2) < s_order.IndexOf(0), "The last layer is ready first.");
        Assert.True(s_seen[s_order.IndexOf(2)]);
    }

    [Fact]
    public void Outside_a_step_the_second_derivative_exists_and_inside_it_is_refused()
    {
        using var scope = NewDisposeScope();
        using var model = new Model("tanh", 1);
        var x = randn([1, N, In], requires_grad: true);

        var first = autograd.grad([model.Stack.forward(x).sum()], [x], create_graph: true)[0]!;
        Assert.True(autograd.grad([first.square().sum()], [x])[0]!.abs().sum().item() > 0);
        using (nn.training_step())
        {
            var y = model.Stack.forward(x).sum();
            var error = Assert.Throws<TorchException>(() => autograd.grad([y], [x], create_graph: true));
            Assert.Contains("first order", error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Steps_do_not_nest_and_shapes_that_do_not_fit_are_refused_by_name()
    {
        using var scope = NewDisposeScope();
        using var model = new Model("relu", 2);
        using (nn.training_step())
            Assert.Contains("already open", Assert.Throws<TorchException>(static () => { using var _ = nn.training_step(); }).Message, StringComparison.Ordinal);
        using (nn.training_step(tensor([1L, 10]).to(int32)))
            Assert.Contains("slot 1 has 10 rows", Assert.Throws<TorchException>(() => model.Stack.forward(zeros([2, N, In]))).Message, StringComparison.Ordinal);
        Assert.Contains("[3, 9, 13]", Assert.Throws<TorchException>(() => model.Stack.forward(zeros([3, N, In]))).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(static () => new DenseStack(nn.ReLU()));
    }

    [Fact]
    public void A_diverged_slot_shows_and_touches_no_other()
    {
        using var scope = NewDisposeScope();
        using var model = new Model("relu", 3);
        model.Flat.View(model.Flat.Parameters, 1).select(0, 1).fill_(float.NaN);
        model.Flat.zero_grad();
        using (nn.training_step())
        {
            var y = model.Stack.forward(randn([1, N, In]));
            y.backward(Upstream(y, float32));
            Assert.True(y.detach()[1].isfinite().logical_not().to(float32).mean().item() == 1);
            Assert.True(y.detach()[0].isfinite().to(float32).mean().item() == 1);
        }

        Assert.True(model.Flat.View(model.Flat.Gradients, 0)[2].isfinite().to(float32).mean().item() == 1);
    }

    private static List<long> s_order = [];
    private static List<bool> s_seen = [];
    private static FlatParameters s_flat = null!;

    [UnmanagedCallersOnly]
    private static void Announce(long tag)
    {
        s_order.Add(tag);
        var segment = s_flat.Segments[(int)tag];
        s_seen.Add(s_flat.GradientSpan.Slice((int)segment.Offset, (int)segment.ReplicaLength).ContainsAnyExcept(0f));
    }

    private static Tensor Upstream(Tensor y, ScalarType type) => (arange(y.numel(), type) * 0.37).sin().view(y.shape);

    private sealed class Model : IDisposable
    {
        private readonly string _activation;

        public Model(string activation, int replicas)
        {
            _activation = activation;
            Modules = nn.Sequential(nn.Linear(In, 150, replicas: replicas), Activation(), nn.Linear(150, 6, replicas: replicas), Activation());
            Flat = new FlatParameters(Modules);
            Stack = new DenseStack(Modules);
        }

        public Sequential Modules { get; }

        public DenseStack Stack { get; }

        public FlatParameters Flat { get; }

        public Model Slot(int slot)
        {
            var own = new Model(_activation, 1);
            for (var i = 0; i < 4; i++) own.Flat.View(own.Flat.Parameters, i)[0].copy_(Flat.View(Flat.Parameters, i)[slot]);
            return own;
        }

        public Tensor[] InDouble() => [.. Modules.parameters().Select(static p => p.detach().to(float64).requires_grad_())];

        public Tensor Plain(Tensor x, Tensor[] p)
        {
            var y = Apply(x.matmul(p[0].transpose(1, 2)) + p[1].unsqueeze(1));
            y = Apply(y.matmul(p[2].transpose(1, 2)) + p[3].unsqueeze(1));
            return x.dim() == 2 ? y.squeeze(0) : y;
        }

        public void Dispose()
        {
            Flat.Dispose();
            Modules.Dispose();
        }

        private Activation Activation() => _activation switch
        {
            "relu" => nn.ReLU(),
            "leaky" => nn.LeakyReLU(0.2),
            "tanh" => nn.Tanh(),
            "sigmoid" => nn.Sigmoid(),
            "silu" => nn.SiLU(),
            "gelu" => nn.GELU(),
            "elu" => nn.ELU(),
            "softplus" => nn.Softplus(),
            _ => nn.Identity(),
        };

        private Tensor Apply(Tensor x) => Activation().forward(x);
    }
}
