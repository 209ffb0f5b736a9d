using Vae.Torch;
using static Vae.Torch.torch;

namespace Vae.Tests.Training.Torch.Cuda;

/// <summary>The binding on a CUDA device: every operation that training uses gives there what it gives on the host.</summary>
public sealed class CudaTests : TorchTest
{
    // Sums in another order, and other approximations of exp and log.
    private const double Relative = 2e-4, Absolute = 1e-5;

    [CudaFact]
    public void Own_kernels_are_compiled_and_used() => Assert.StartsWith("compiled for sm_", cuda.kernels(), StringComparison.Ordinal);

    [CudaFact]
    public void Noise_has_the_hosts_bits()
    {
        using var scope = NewDisposeScope();
        foreach (var normal in (bool[])[true, false])
        {
            Tensor host = empty([70, 33]), device = empty([70, 33], device: CUDA), padded = zeros([3, 80, 40], device: CUDA);
            if (normal) Noise.FillNormal(host, 9, 8, 7);
            else Noise.FillUniform(host, 9, 8, 7);
            if (normal) Noise.FillNormal(device, 9, 8, 7);
            else Noise.FillUniform(device, 9, 8, 7);
            if (normal) Noise.FillNormal(padded, 1, 70, 33, 9, 8, 7);
            else Noise.FillUniform(padded, 1, 70, 33, 9, 8, 7);
            Assert.True(TorchSupport.SameBits(host, device.cpu()));
            Assert.True(TorchSupport.SameBits(host, padded.cpu()[1].narrow(0, 0, 70).narrow(1, 0, 33).contiguous()));
            Assert.Equal(host.to(float64).sum().item(), padded.to(float64).sum().item(), 1e-6);
        }
    }

    [CudaFact]
    public void Gathered_rows_have_the_hosts_bits_also_in_batches_of_more_rows_than_one_launch_takes()
    {
        using var scope = NewDisposeScope();
        var bytes = new byte[300 * 49];
        new Random(1).NextBytes(bytes);
        var rows = new int[1_300];
        for (var i = 0; i < rows.Length; i++) rows[i] = i * 7 % 300;
        Tensor data = tensor(bytes, [300, 49]), onDevice = data.to(CUDA);
        foreach (var mode in Enum.GetValues<ByteConversion>())
        {
            Tensor host = zeros([2, 1_300, 49]), device = zeros([2, 1_300, 49], device: CUDA), across = zeros([2, 1_300, 49], device: CUDA);
            Fused.gather_rows(data, rows, host, 1, mode, 3, 4, 5);
            Fused.gather_rows(onDevice, rows, device, 1, mode, 3, 4, 5);
            Fused.gather_rows(data, rows, across, 1, mode, 3, 4, 5); // The data set stays on the host.
            Assert.True(TorchSupport.SameBits(host, device.cpu()));
            Assert.True(TorchSupport.SameBits(host, across.cpu()));
        }
    }

    [CudaFact]
    public void Linear_layers_and_their_gradients_agree_for_one_replica_and_for_three()
    {
        foreach (var k in (int[])[1, 3])
        {
            SameOnBoth(inputs => nn.functional.linear(inputs[0], inputs[1], inputs[2]), [k, 9, 20], [k, 11, 20], [k, 11]);
            SameOnBoth(inputs => nn.functional.linear(inputs[0], inputs[1]), [k, 9, 20], [k, 11, 20]);
        }
    }

    [CudaFact]
    public void Convolutions_and_their_gradients_agree_for_one_replica_and_for_three()
    {
        foreach (var k in (int[])[1, 3])
        {
            SameOnBoth(inputs => nn.functional.conv2d(inputs[0], inputs[1], inputs[2], 2, 1), [k, 4, 3, 16, 16], [k, 5, 3, 4, 4], [k, 5]);
            SameOnBoth(inputs => nn.functional.conv_transpose2d(inputs[0], inputs[1], inputs[2], 2, 1), [k, 4, 5, 8, 8], [k, 5, 3, 4, 4], [k, 3]);
        }
    }

    [CudaFact]
    public void Activations_and_their_gradients_agree() =>
        Assert.All<Func<Tensor, Tensor>>([t => t.relu(), t => t.tanh(), t => t.sigmoid(), t => t.exp(), t => t.square()], f => SameOnBoth(inputs => f(inputs[0]), [3, 7, 5]));

    [CudaFact]
    public void Likelihoods_of_slots_with_rows_and_scales_of_their_own_agree()
    {
        using var scope = NewDisposeScope();
        Tensor rows = tensor([4L, 0, 2]).to(ScalarType.Int32), scale = tensor([0.25f, 1f, 0.5f]), bits = rand([3, 4, 30]).round();
        SameOnBoth(inputs => On(inputs, rows, scale, bits, (r, s, x) => Fused.bernoulli_logits_nll(inputs[0], x, r, s)), [3, 4, 30]);
        SameOnBoth(inputs => On(inputs, rows, scale, bits.narrow(0, 0, 1), (r, s, x) => Fused.bernoulli_logits_nll(inputs[0], x, r, s)), [3, 4, 30]);
        SameOnBoth(inputs => On(inputs, rows, scale, bits, (r, s, x) => Fused.gaussian_nll(inputs[0], x, inputs[1], r, s)), [3, 4, 30], [3]);
        SameOnBoth(inputs => Fused.bernoulli_logits_nll(inputs[0], bits.to(inputs[0].device), 0.5), [3, 4, 30]);
    }

    [CudaFact]
    public void The_posterior_of_slots_with_rows_and_dimensions_of_their_own_agrees()
    {
        using var scope = NewDisposeScope();
        Tensor rows = tensor([4L, 0, 2]).to(ScalarType.Int32), noise = randn([3, 4, 6]), mask = ones([3, 6]);
        mask[2].narrow(0, 3, 3).zero_();
        SameOnBoth(inputs =>
        {
            var device = inputs[0].device;
            var posterior = Fused.gaussian_posterior(inputs[0], noise.to(device), rows.to(device), mask.to(device));
            return posterior.Sample.sin().sum(2).sum(1) + posterior.Divergence.sum(1);
        }, [3, 4, 12]);
    }

    [CudaFact]
    public void Optimizers_agree_over_steps_with_slots_that_rest_are_clipped_and_decay()
    {
        foreach (var make in (Func<FlatParameters, Optimizer>[])[flat => optim.Adam(flat, weight_decay: 0.01), flat => optim.AdamW(flat), flat => optim.SGD(flat, 0.1, 0.9, nesterov: true)])
        {
            using var scope = NewDisposeScope();
            manual_seed(3);
            using Linear onHost = nn.Linear(20, 10, replicas: 3), onDevice = nn.Linear(20, 10, replicas: 3);
            onDevice.load_state_dict(onHost.state_dict().ToDictionary(entry => entry.name, entry => entry.tensor));
            onDevice.to(CUDA);
            using FlatParameters host = new(onHost), device = new(onDevice);
            using Optimizer first = make(host), second = make(device);
            foreach (var optimizer in (Optimizer[])[first, second])
            {
                optimizer.SetActive(1, false);
                optimizer.SetGradientClip(2, 0.5);
                optimizer.SetLearningRate(0, 0.02);
            }

            for (var step = 0; step < 5; step++)
            {
                host.Gradients.copy_(randn([host.Count]));
                device.Gradients.copy_(host.Gradients);
                first.step();
                second.step();
            }

            TorchSupport.Close(host.Parameters, device.Parameters.cpu(), Relative, Absolute);
        }
    }

    [CudaFact]
    public void A_recorded_graph_does_with_new_contents_what_the_operations_do()
    {
        using var stream = new CudaStream(CUDA);
        stream.Use();
        using var scope = NewDisposeScope();
        using var layer = nn.Linear(8, 4, replicas: 2);
        layer.to(CUDA);
        using var flat = new FlatParameters(layer);
        using var sgd = optim.SGD(flat, 0.1);
        var x = zeros([2, 5, 8], device: CUDA).DetachFromDisposeScope();
        void Step()
        {
            using var inner = NewDisposeScope();
            flat.zero_grad();
            layer.forward(x).square().sum().backward();
            sgd.apply();
        }

        for (var i = 0; i < 3; i++)
        {
            sgd.prepare();
            Step();
        }

        using var graph = CudaGraph.Record(Step);
        for (var i = 0; i < 3; i++)
        {
            x.copy_(randn([2, 5, 8]));
            var before = flat.Parameters.clone();
            flat.zero_grad();
            layer.forward(x).square().sum().backward();
            var expected = before - (flat.Gradients * 0.1);
            sgd.prepare();
            graph.Replay();
            TorchSupport.Close(expected.cpu(), flat.Parameters.cpu(), Relative, Absolute);
            Assert.False(TorchSupport.SameBits(before.cpu(), flat.Parameters.cpu()));
        }

        x.Dispose();
    }

    [CudaFact]
    public void Memory_is_counted()
    {
        cuda.reset_peak_memory_stats();
        var before = cuda.memory();
        using (zeros([1 << 20], device: CUDA)) Assert.True(cuda.memory().Allocated >= before.Allocated + (4 << 20));
        Assert.True(cuda.memory().Peak >= before.Allocated + (4 << 20));
        Assert.True(cuda.memory().Total > cuda.memory().Reserved);
    }

    private static Tensor On(Tensor[] inputs, Tensor rows, Tensor scale, Tensor target, Func<Tensor, Tensor, Tensor, Tensor> body) =>
        body(rows.to(inputs[0].device), scale.to(inputs[0].device), target.to(inputs[0].device));

    // Values and all gradients of a weighted sum, here and there.
    private static void SameOnBoth(Func<Tensor[], Tensor> function, params long[][] shapes)
    {
        using var scope = NewDisposeScope();
        manual_seed(7);
        var host = shapes.Select(shape => randn(shape).requires_grad_()).ToArray();
        var device = host.Select(input => input.detach().to(CUDA).requires_grad_()).ToArray();
        Tensor expected = function(host), actual = function(device), weight = randn(expected.shape);
        (expected * weight).sum().backward();
        (actual * weight.to(CUDA)).sum().backward();
        TorchSupport.Close(expected.detach(), actual.detach().cpu(), Relative, Absolute);
        for (var i = 0; i < host.Length; i++) TorchSupport.Close(host[i].grad!, device[i].grad!.cpu(), Relative, Absolute);
    }
}
