using Vae.Torch;
using static Vae.Torch.torch;

namespace Vae.Tests.Training.Torch;

public class SlotTests
{
    private const int N = 7, D = 33, Latent = 5;
    private static readonly int[] s_rows = [7, 0, 3, 1];
    private static readonly float[] s_scale = [0.25f, 5f, 0.5f, 2f];

    public static TheoryData<string, bool> Targets => new() { { "[n,D]", false }, { "[1,n,D]", false }, { "[K,n,D]", false }, { "[n,D]", true }, { "[1,n,D]", true }, { "[K,n,D]", true } };

    [Theory, MemberData(nameof(Targets))]
    public void A_slots_bernoulli_loss_and_gradient_are_those_of_its_rows_alone(string target, bool general)
    {
        using var scope = NewDisposeScope();
        var type = general ? float64 : float32;
        var logits = Poisoned(randn([4, N, D]) * 3).to(type).requires_grad_();
        var x = rand(TargetShape(target)).to(type);

        var loss = Fused.bernoulli_logits_nll(logits, x, Int32(s_rows), tensor(s_scale));
        loss.sum().backward();

        for (var k = 0; k < 4; k++)
        {
            var alone = logits.detach()[k].narrow(0, 0, s_rows[k]).clone().requires_grad_();
            var expected = Fused.bernoulli_logits_nll(alone, RowsOf(x, k), s_scale[k]);
            expected.sum().backward();
            Same(expected, loss.detach().narrow(0, k, 1), exact: !general);
            SlotEquals(alone.grad!, logits.grad![k], s_rows[k], exact: !general);
        }
    }

    [Theory, MemberData(nameof(Targets))]
    public void A_slots_gaussian_loss_and_gradients_are_those_of_its_rows_alone(string target, bool general)
    {
        using var scope = NewDisposeScope();
        var type = general ? float64 : float32;
        var mean = Poisoned(randn([4, N, D])).to(type).requires_grad_();
        var x = rand(TargetShape(target)).to(type);
        var log = randn([4]).to(type).requires_grad_();

        var loss = Fused.gaussian_nll(mean, x, log, Int32(s_rows), tensor(s_scale));
        loss.sum().backward();

        for (var k = 0; k < 4; k++)
        {
            var alone = mean.detach()[k].narrow(0, 0, s_rows[k]).clone().requires_grad_();
            var ownLog = log.detach().narrow(0, k, 1).clone().requires_grad_();
            var expected = Fused.gaussian_nll(alone, RowsOf(x, k), ownLog, s_scale[k]);
            expected.sum().backward();
            Same(expected, loss.detach().narrow(0, k, 1), exact: !general);
            Same(ownLog.grad!, log.grad!.narrow(0, k, 1), exact: !general);
            SlotEquals(alone.grad!, mean.grad![k], s_rows[k], exact: !general);
        }
    }

    [Theory]
    [InlineData("[n,D]", false)]
    [InlineData("[1,n,D]", false)]
    [InlineData("[K,n,D]", false)]
    [InlineData("[1,n,D]", true)]
    [InlineData("[K,n,D]", true)]
    public void A_slots_posterior_and_gradient_are_those_of_its_rows_and_dimensions_alone(string shape, bool general)
    {
        using var scope = NewDisposeScope();
        var type = general ? float64 : float32;
        int[] own = [5, 4, 2, 3];
        var mask = (arange(Latent, float32).view(1, Latent) < tensor([5f, 4f, 2f, 3f]).view(4, 1)).to(type);
        var h = Poisoned(randn([4, N, 2 * Latent])).to(type).requires_grad_();
        var noise = randn(shape switch { "[n,D]" => [N, Latent], "[1,n,D]" => [1, N, Latent], _ => [4, N, Latent] }).to(type);

        var posterior = Fused.gaussian_posterior(h, noise, Int32(s_rows), mask);
        (posterior.Sample.sin().sum() + posterior.Divergence.sum() + (posterior.Mean * 0.3).sum() + (posterior.LogVariance * 0.2).sum()).backward();

        for (var k = 0; k < 4; k++)
        {
            var (rows, d) = (s_rows[k], own[k]);
            var slot = h.detach()[k].narrow(0, 0, rows);
            var alone = cat([slot.narrow(1, 0, d), slot.narrow(1, Latent, d)], 1).requires_grad_();
            var expected = Fused.gaussian_posterior(alone, (noise.dim() == 2 ? noise : noise[noise.size(0) == 1 ? 0 : k]).narrow(0, 0, rows).narrow(1, 0, d));
            (expected.Sample.sin().sum() + expected.Divergence.sum() + (expected.Mean * 0.3).sum() + (expected.LogVariance * 0.2).sum()).backward();
            PartEquals(expected.Sample, posterior.Sample[k], rows, d);
            PartEquals(expected.Mean, posterior.Mean[k], rows, d);
            PartEquals(expected.LogVariance, posterior.LogVariance[k], rows, d);
            PartEquals(expected.Divergence, posterior.Divergence.narrow(0, k, 1), 1, d);
            PartEquals(alone.grad!.narrow(1, 0, d), h.grad![k].narrow(1, 0, Latent), rows, d);
            PartEquals(alone.grad!.narrow(1, d, d), h.grad![k].narrow(1, Latent, Latent), rows, d);
        }
    }

    [Fact]
    public void Numbers_of_rows_outside_the_buffer_are_refused_by_name()
    {
        using var scope = NewDisposeScope();
        Tensor logits = zeros([2, 4, 3]), target = zeros([4, 3]), scale = ones([2]);

        Assert.Contains("slot 1 has 5 rows, outside 0 .. 4", Assert.Throws<TorchException>(() => Fused.bernoulli_logits_nll(logits, target, Int32([1, 5]), scale)).Message, StringComparison.Ordinal);
        Assert.Contains("Int32 [2]", Assert.Throws<TorchException>(() => Fused.bernoulli_logits_nll(logits, target, Int32([1, 2, 3]), scale)).Message, StringComparison.Ordinal);
        Assert.Contains("scale must be [2]", Assert.Throws<TorchException>(() => Fused.bernoulli_logits_nll(logits, target, Int32([1, 2]), ones([3]))).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(5, 3)]
    [InlineData(9, 9)]
    [InlineData(1, 4)]
    public void Noise_of_a_slot_in_a_padded_buffer_has_the_bits_of_the_slot_alone(int rows, int width)
    {
        using var scope = NewDisposeScope();
        Tensor buffer = full([3, 9, 9], -7f), alone = empty([rows, width]);
        foreach (var normal in (bool[])[true, false])
        {
            if (normal) Noise.FillNormal(buffer, 1, rows, width, 5, 6, 11);
            else Noise.FillUniform(buffer, 1, rows, width, 5, 6, 11);
            if (normal) Noise.FillNormal(alone, 5, 6, 11);
            else Noise.FillUniform(alone, 5, 6, 11);
            Assert.True(TorchSupport.SameBits(alone, buffer[1].narrow(0, 0, rows).narrow(1, 0, width)));
            Assert.Equal((3 * 81 - rows * width) * -7.0, buffer.sum().item() - alone.sum().item(), 1e-3);
        }

        var strided = empty([9, 9]);
        Noise.FillUniform(strided.narrow(0, 0, rows).narrow(1, 0, width), 5, 6, 11);
        Assert.True(TorchSupport.SameBits(alone, strided.narrow(0, 0, rows).narrow(1, 0, width)));
        Assert.Contains("slot 3", Assert.Throws<TorchException>(() => Noise.FillNormal(buffer, 3, 1, 1, 0, 0, 0)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Rows_gathered_into_a_slot_are_those_gathered_alone()
    {
        using var scope = NewDisposeScope();
        var data = tensor(Enumerable.Range(0, 64 * 37).Select(static i => (byte)(i * 7)).ToArray(), [64, 37]);
        foreach (var conversion in Enum.GetValues<ByteConversion>())
        {
            Tensor buffer = full([3, 6, 37], -7f), alone = empty([4, 37]);
            Fused.gather_rows(data, [5L, 0, 63, 5], alone, conversion, 8, 1, 10);
            Fused.gather_rows(data, [5, 0, 63, 5], buffer, 2, conversion, 8, 1, 10);
            Assert.True(TorchSupport.SameBits(alone, buffer[2].narrow(0, 0, 4)));
            Assert.Equal(-7.0, buffer.narrow(0, 0, 2).mean().item());
            Assert.Equal(-7.0, buffer[2].narrow(0, 4, 2).mean().item());
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_clipped_slot_follows_its_solo_run_and_a_broken_one_touches_no_other(bool adam)
    {
        using var scope = NewDisposeScope();
        double?[] clips = [null, 0.5, 2, 1e9];
        using var pack = nn.Sequential(nn.Linear(97, 190, replicas: 4), nn.Linear(190, 3, replicas: 4));
        using var flat = new FlatParameters(pack);
        using var optimizer = Make(adam, flat);
        var initial = flat.Parameters.clone();
        for (var k = 0; k < 4; k++) optimizer.SetGradientClip(k, clips[k]);
        for (var step = 0; step < 3; step++)
        {
            Noise.FillNormal(flat.Gradients.view(-1, 1), 3, (ulong)step, 0);
            flat.View(flat.Gradients, 1).select(0, 2).fill_(float.NaN);
            optimizer.step();
        }

        for (var k = 0; k < 4; k++)
        {
            using var solo = nn.Sequential(nn.Linear(97, 190), nn.Linear(190, 3));
            using var own = new FlatParameters(solo);
            using var alone = Make(adam, own);
            for (var i = 0; i < 4; i++) own.View(own.Parameters, i)[0].copy_(flat.View(initial, i)[k]);
            for (var step = 0; step < 3; step++)
            {
                Noise.FillNormal(flat.Gradients.view(-1, 1), 3, (ulong)step, 0);
                for (var i = 0; i < 4; i++) own.View(own.Gradients, i)[0].copy_(flat.View(flat.Gradients, i)[k]);
                var norm = Math.Sqrt(own.Gradients.to(float64).square().sum().item());
                if (clips[k] is { } max && norm > max) own.Gradients.mul_(max / norm);
                alone.step();
                if (step == 2 && clips[k] is not null && k != 2) Assert.Equal(norm, optimizer.GetGradientNorm(k), norm * 1e-12);
            }

            for (var i = 0; i < 4; i++)
            {
                var actual = flat.View(flat.Parameters, i)[k];
                if (k == 2) Assert.Equal(i == 1, actual.isfinite().logical_not().to(float32).mean().item() == 1);
                else TorchSupport.Close(own.View(own.Parameters, i)[0], actual, 1e-5, 1e-7);
            }
        }

        Assert.True(double.IsNaN(optimizer.GetGradientNorm(0)));
        Assert.True(double.IsNaN(optimizer.GetGradientNorm(2)));
    }

    private static Tensor Int32(params int[] values) => tensor([.. values.Select(static v => (long)v)]).to(ScalarType.Int32);

    private static Optimizer Make(bool adam, FlatParameters flat) => adam ? optim.Adam(flat, 0.01) : optim.SGD(flat, 0.01, momentum: 0.9);

    // What lies beyond a slot's rows is garbage, and that of an empty slot the worst.
    private static Tensor Poisoned(Tensor values)
    {
        for (var k = 0; k < 4; k++) values[k].narrow(0, s_rows[k], N - s_rows[k]).fill_(k == 1 ? float.NaN : float.PositiveInfinity);
        return values;
    }

    private static long[] TargetShape(string target) => target switch { "[n,D]" => [N, D], "[1,n,D]" => [1, N, D], _ => [4, N, D] };

    private static Tensor RowsOf(Tensor x, int slot) => (x.dim() == 2 ? x : x[x.size(0) == 1 ? 0 : slot]).narrow(0, 0, s_rows[slot]);

    private static void Same(Tensor expected, Tensor actual, bool exact)
    {
        if (exact) Assert.True(TorchSupport.SameBits(expected.detach(), actual.detach()));
        else TorchSupport.Close(expected.detach(), actual.detach(), 1e-12, 1e-12);
    }

    private static void SlotEquals(Tensor expected, Tensor actual, int rows, bool exact)
    {
        Same(expected, actual.narrow(0, 0, rows), exact);
        Assert.True(actual.narrow(0, rows, actual.size(0) - rows).ToDouble().All(static v => v == 0));
    }

    private static void PartEquals(Tensor expected, Tensor actual, int rows, int width)
    {
        TorchSupport.Close(expected.detach(), actual.detach().narrow(0, 0, rows).narrow(1, 0, width), 2e-7, 1e-7);
        Assert.True(actual.detach().narrow(0, rows, actual.size(0) - rows).ToDouble().All(static v => v == 0));
        Assert.True(actual.detach().narrow(1, width, actual.size(1) - width).ToDouble().All(static v => v == 0));
    }
}

internal static class TensorNumbers
{
    public static double[] ToDouble(this Tensor t) => t.detach().to(float64).ToArray<double>();
}
