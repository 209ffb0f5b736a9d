using Vae.Torch;
using static Vae.Torch.torch;

namespace Vae.Tests.Training.Torch;

public class AllocationTests
{
    private const int N = 12, D = 40, Latent = 3, Steps = 1000;

    [Theory]
    [InlineData(1, true)]
    [InlineData(1, false)]
    [InlineData(4, true)]
    [InlineData(4, false)]
    public void A_training_step_allocates_no_managed_memory_in_steady_state(int replicas, bool bernoulli)
    {
        using var step = new Step(replicas, bernoulli);
        for (var i = 0; i < 200; i++) step.Run(i);
        var before = GC.GetAllocatedBytesForCurrentThread();

        for (var i = 0; i < Steps; i++) step.Run(i);

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        Assert.True(double.IsFinite(step.Loss));
    }

    [Fact]
    public void A_tensor_kept_beyond_its_scope_fails_safely_while_others_are_made()
    {
        Tensor stale;
        using (NewDisposeScope()) stale = ones([3]);
        for (var i = 0; i < DisposeScope.Quarantine; i++)
        {
            Assert.Throws<ObjectDisposedException>(() => stale.sum());
            using (NewDisposeScope()) _ = zeros([1]);
        }
    }

    [Fact]
    public void Tensors_moved_out_or_detached_are_never_handed_out_again()
    {
        using var outer = NewDisposeScope();
        Tensor moved, free;
        using (NewDisposeScope())
        {
            moved = full([1], 5f).MoveToOuterDisposeScope();
            free = full([1], 6f).DetachFromDisposeScope();
        }

        for (var i = 0; i < 5 * DisposeScope.Quarantine; i++)
            using (NewDisposeScope())
                _ = zeros([1]);

        Assert.Equal((5.0, 6.0), (moved.item(), free.item()));
        free.Dispose();
    }

    [Fact]
    public void One_large_scope_reuses_wrappers_and_keeps_its_tensors_apart()
    {
        for (var round = 0; round < 3; round++)
        {
            using var scope = NewDisposeScope();
            var all = Enumerable.Range(0, 6 * DisposeScope.Quarantine).Select(static i => full([1], i)).ToList();
            Assert.Equal(all.Count, all.Distinct().Count());
            Assert.All(all.Index(), static pair => Assert.Equal(pair.Index, pair.Item.item()));
        }
    }

    private sealed class Step : IDisposable
    {
        private readonly bool _bernoulli;
        private readonly Sequential _encoder, _decoder;
        private readonly FlatParameters _flat;
        private readonly Optimizer _optimizer;
        private readonly Tensor _data = tensor(Enumerable.Range(0, 50 * D).Select(static i => (byte)(i * 31)).ToArray(), [50, D]).DetachFromDisposeScope();
        private readonly Tensor _x, _noise, _rows, _scale, _mask, _log, _one, _weight;
        private readonly int[] _order = Enumerable.Range(0, N).ToArray();
        private readonly int _replicas;

        public Step(int replicas, bool bernoulli)
        {
            (_replicas, _bernoulli) = (replicas, bernoulli);
            _encoder = nn.Sequential(nn.Linear(D, 16, replicas: replicas), nn.ReLU(), nn.Linear(16, 2 * Latent, replicas: replicas));
            _decoder = nn.Sequential(nn.Linear(Latent, 16, replicas: replicas), nn.Tanh(), nn.Linear(16, D, replicas: replicas));
            _flat = new FlatParameters(nn.Sequential(_encoder, _decoder));
            _optimizer = optim.Adam(_flat);
            for (var k = 0; k < replicas; k++) _optimizer.SetGradientClip(k, 1);
            (_x, _noise, _mask, _log) = (zeros([replicas, N, D]), zeros([replicas, N, Latent]), ones([replicas, Latent]), zeros([replicas]));
            (_rows, _scale, _one, _weight) = (full([replicas], N, int32), full([replicas], 1f / N), ones([replicas]), full([replicas, Latent], 1f / N));
        }

        public double Loss { get; private set; }

        public void Run(int step)
        {
            using var scope = NewDisposeScope();
            for (var k = 0; k < _replicas; k++)
            {
                Fused.gather_rows(_data, _order, _x, k, ByteConversion.RandomBits, 1, (ulong)step);
                Noise.FillNormal(_noise, k, N, Latent, 1, (ulong)step, 0);
            }

            _flat.zero_grad();
            var posterior = Fused.gaussian_posterior(_encoder.forward(_x), _noise, _rows, _mask);
            var decoded = _decoder.forward(posterior.Sample);
            var distortion = _bernoulli ? Fused.bernoulli_logits_nll(decoded, _x, _rows, _scale) : Fused.gaussian_nll(decoded, _x, _log, _rows, _scale);
            autograd.backward([distortion, posterior.Divergence], [_one, _weight]);
            _optimizer.step();
            Loss = distortion.data<float>()[0];
        }

        public void Dispose()
        {
            _optimizer.Dispose();
            _flat.Dispose();
            _encoder.Dispose();
            _decoder.Dispose();
            foreach (var tensor in (Tensor[])[_data, _x, _noise, _rows, _scale, _mask, _log, _one, _weight]) tensor.Dispose();
        }
    }
}
