using Vae.Torch;
using Vae.Torch.Interop;
using static Vae.Torch.torch;

namespace Vae.Tests.Training.Torch;

public class OptimizerTests
{
    private const int Steps = 25;

    public static TheoryData<string, int> Cases
    {
        get
        {
            var data = new TheoryData<string, int>();
            foreach (var kind in (string[])["adam", "adam decay", "adamw", "sgd", "sgd decay", "momentum", "dampened", "nesterov"])
                foreach (var replicas in (int[])[1, 3])
                    data.Add(kind, replicas);
            return data;
        }
    }

    [Theory, MemberData(nameof(Cases))]
    public void The_one_pass_update_equals_the_papers_formula_in_double(string kind, int replicas)
    {
        using var scope = NewDisposeScope();
        using var module = nn.Sequential(nn.Linear(37, 11, replicas: replicas), nn.Linear(11, 5, hasBias: false, replicas: replicas));
        using var flat = new FlatParameters(module);
        using var optimizer = Make(kind, flat);
        for (var k = 0; k < replicas; k++) optimizer.SetLearningRate(k, 0.01 * (k + 1));
        var plain = new Plain(kind, flat);

        for (var step = 0; step < Steps; step++)
        {
            Noise.FillNormal(flat.Gradients.view(-1, 1), 1, (ulong)step, 0);
            plain.Step(flat.Gradients, k => 0.01 * (k + 1));
            optimizer.step();
        }

        TorchSupport.Close(plain.Values, flat.Parameters.to(float64).ToArray<double>(), 2e-5, 2e-6);
    }

    [Theory, MemberData(nameof(Cases))]
    public unsafe void The_path_of_other_devices_makes_the_same_update(string kind, int replicas)
    {
        using var scope = NewDisposeScope();
        using var module = nn.Sequential(nn.Linear(9, 4, replicas: replicas), nn.Linear(4, 3, replicas: replicas));
        using var flat = new FlatParameters(module);
        using var optimizer = Make(kind, flat);
        if (replicas > 1) optimizer.SetActive(1, false);
        optimizer.SetGradientClip(replicas - 1, 3);
        Tensor values = flat.Parameters.to(float64), first = zeros([flat.Count], float64), second = zeros([flat.Count], float64);

        for (var step = 0; step < Steps; step++)
        {
            Noise.FillNormal(flat.Gradients.view(-1, 1), 1, (ulong)step, 0);
            optimizer.step();
            var gradients = flat.Gradients.to(float64);
            fixed (long* offsets = flat.Offsets, lengths = flat.Lengths)
            fixed (NativeOptim.ReplicaSettings* settings = optimizer.Replicas)
                Assert.Equal(0, optimizer is Adam
                    ? NativeOptim.vae_adam_step(values.Handle, gradients.Handle, first.Handle, second.Handle, offsets, lengths, flat.Segments.Count, replicas, settings, 0)
                    : NativeOptim.vae_sgd_step(values.Handle, gradients.Handle, first.Handle, offsets, lengths, flat.Segments.Count, replicas, settings, 0));
        }

        TorchSupport.Close(values, flat.Parameters, 2e-5, 2e-6);
    }

    [Fact]
    public void Adams_first_step_is_the_learning_rate_against_the_sign_of_the_gradient()
    {
        using var scope = NewDisposeScope();
        using var module = nn.Linear(2, 1, hasBias: false);
        using var flat = new FlatParameters(module);
        using var adam = optim.Adam(flat, lr: 0.1);
        flat.Parameters.zero_();
        flat.Gradients.copy_(tensor([3f, -0.002f]));

        adam.step();

        TorchSupport.Close([-0.1, 0.1], flat.Parameters.to(float64).ToArray<double>(), 1e-5);
    }

    [Theory]
    [InlineData("adam")]
    [InlineData("momentum")]
    public void An_inactive_replica_keeps_weights_state_and_count(string kind)
    {
        using var scope = NewDisposeScope();
        using var module = nn.Linear(7, 3, replicas: 3);
        using var flat = new FlatParameters(module);
        using var optimizer = Make(kind, flat);
        flat.Gradients.fill_(1);
        optimizer.step();
        var before = module.weight.detach().clone();
        var state = optimizer.named_state().Select(static s => s.tensor.clone()).ToList();

        optimizer.SetActive(1, false);
        optimizer.step();

        Assert.Equal([2, 1, 2], optimizer.Steps);
        Assert.True(TorchSupport.SameBits(before[1], module.weight.detach()[1]));
        Assert.False(TorchSupport.SameBits(before[0], module.weight.detach()[0]));
        Assert.False(TorchSupport.SameBits(before[2], module.weight.detach()[2]));
        Assert.All(optimizer.named_state().Zip(state), static pair => Assert.True(TorchSupport.SameBits(pair.First.tensor[1], pair.Second[1])));
    }

    [Fact]
    public void Averages_without_gradient_end_at_nothing_instead_of_numbers_that_slow_the_processor_down()
    {
        using var scope = NewDisposeScope();
        using var module = nn.Linear(8, 8, hasBias: false);
        using var flat = new FlatParameters(module);
        using var adam = optim.Adam(flat);
        flat.Gradients.fill_(1e-3f);
        adam.step();
        flat.zero_grad();
        for (var i = 0; i < 1000; i++) adam.step();

        Assert.All(adam.state[0].buffer.ToArray<float>(), static m => Assert.True(m == 0 || float.IsNormal(m)));
    }

    [Fact]
    public void A_refilled_slot_starts_like_a_new_optimizer()
    {
        using var scope = NewDisposeScope();
        using var module = nn.Linear(7, 3, replicas: 2);
        using var flat = new FlatParameters(module);
        using var adam = optim.Adam(flat);
        flat.Gradients.fill_(1);
        for (var i = 0; i < 5; i++) adam.step();

        adam.ResetReplica(1);

        Assert.Equal([5, 0], adam.Steps);
        Assert.All(adam.named_state(), static s => Assert.True(s.tensor[1].abs().sum().item() == 0 && s.tensor[0].abs().sum().item() > 0, s.name));
    }

    [Fact]
    public void State_saved_and_loaded_continues_bit_for_bit()
    {
        using var scope = NewDisposeScope();
        using var module = nn.Linear(13, 5);
        using var flat = new FlatParameters(module);
        using var adam = optim.Adam(flat);
        Train(adam, 0, 3);
        var saved = adam.state.Select(static s => s.buffer.clone()).ToList();
        var (values, steps) = (flat.Parameters.clone(), adam.Steps);
        Train(adam, 3, 6);
        var expected = flat.Parameters.clone();

        using var again = optim.Adam(flat);
        flat.Parameters.copy_(values);
        for (var i = 0; i < saved.Count; i++) again.state[i].buffer.copy_(saved[i]);
        again.Steps = steps;
        Train(again, 3, 6);

        Assert.Equal(["exp_avg.weight", "exp_avg.bias", "exp_avg_sq.weight", "exp_avg_sq.bias"], adam.named_state().Select(static s => s.name));
        Assert.True(TorchSupport.SameBits(expected, flat.Parameters));
    }

    [Fact]
    public void Settings_outside_their_range_are_refused()
    {
        using var module = nn.Linear(2, 2);
        using var flat = new FlatParameters(module);

        Assert.Throws<ArgumentOutOfRangeException>(() => optim.Adam(flat, lr: -1));
        Assert.Throws<ArgumentOutOfRangeException>(() => optim.Adam(flat, beta1: 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => optim.SGD(flat, double.NaN));
        Assert.Throws<ArgumentException>(() => optim.SGD(flat, 0.1, nesterov: true));
    }

    private static void Train(Adam adam, int from, int to)
    {
        for (var step = from; step < to; step++)
        {
            Noise.FillNormal(adam.Flat.Gradients.view(-1, 1), 1, (ulong)step, 0);
            adam.step();
        }
    }

    private static Optimizer Make(string kind, FlatParameters flat) => kind switch
    {
        "adam" => optim.Adam(flat),
        "adam decay" => optim.Adam(flat, weight_decay: 0.1),
        "adamw" => optim.AdamW(flat, weight_decay: 0.1),
        "sgd" => optim.SGD(flat, 0.01),
        "sgd decay" => optim.SGD(flat, 0.01, weight_decay: 0.1),
        "momentum" => optim.SGD(flat, 0.01, momentum: 0.9),
        "dampened" => optim.SGD(flat, 0.01, momentum: 0.9, dampening: 0.5, weight_decay: 0.1),
        "nesterov" => optim.SGD(flat, 0.01, momentum: 0.9, nesterov: true),
        _ => throw new ArgumentException(kind),
    };

    /// <summary>The formulas as the papers write them (Kingma and Ba, algorithm 1; Loshchilov and Hutter, algorithm 2; PyTorch's SGD), element by element.</summary>
    private sealed class Plain(string kind, FlatParameters flat)
    {
        private readonly double[] _first = new double[flat.Count], _second = new double[flat.Count];
        private int _t;

        public double[] Values { get; } = flat.Parameters.to(float64).ToArray<double>();

        public void Step(Tensor gradients, Func<int, double> rate)
        {
            var g = gradients.to(float64).ToArray<double>();
            _t++;
            foreach (var segment in flat.Segments)
                for (var i = 0; i < segment.ReplicaLength * flat.Replicas; i++)
                    Update(segment.Offset + i, g[segment.Offset + i], rate((int)(i / segment.ReplicaLength)));
        }

        private void Update(long i, double g, double rate)
        {
            if (kind == "adamw") Values[i] *= 1 - rate * 0.1;
            if (kind is "adam decay" or "sgd decay" or "dampened") g += 0.1 * Values[i];
            if (kind.StartsWith("adam", StringComparison.Ordinal))
            {
                _first[i] = 0.9 * _first[i] + 0.1 * g;
                _second[i] = 0.999 * _second[i] + 0.001 * g * g;
                Values[i] -= rate * (_first[i] / (1 - Math.Pow(0.9, _t))) / (Math.Sqrt(_second[i] / (1 - Math.Pow(0.999, _t))) + 1e-8);
                return;
            }

            if (kind.StartsWith("sgd", StringComparison.Ordinal))
            {
                Values[i] -= rate * g;
                return;
            }

            _first[i] = _t == 1 ? g : 0.9 * _first[i] + (kind == "dampened" ? 0.5 : 1) * g;
            Values[i] -= rate * (kind == "nesterov" ? g + 0.9 * _first[i] : _first[i]);
        }
    }
}
