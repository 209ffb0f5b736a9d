using System.Runtime.Intrinsics.X86;
using Vae.Torch;
using Vae.Torch.Interop;
using static Vae.Torch.torch;

namespace Vae.Tests.Training.Torch;

/// <summary>The products of layers whose batch has few rows, which do not go through the BLAS.</summary>
public class ThinProductTests
{
    /// <summary>The numbers of <c>vae_choose_products</c>.</summary>
    private const int Best = 0, Aten = 1, Blas = 2, ThinV3 = 3, ThinV4 = 4;

    public static TheoryData<int, int, int> Shapes
    {
        get
        {
            var data = new TheoryData<int, int, int>();
            foreach (var rows in (int[])[1, 2, 3, 4, 5, 8, 11, 12, 13, 16, 17, 31, 32, 33, 47, 63, 64, 65]) data.Add(rows, 50, 61);
            foreach (var (inputs, outputs) in ((int, int)[])[(1, 48), (3, 47), (4, 49), (15, 96), (16, 97), (17, 191), (127, 193), (128, 50), (129, 51), (257, 289), (784, 512)]) data.Add(19, inputs, outputs);
            return data;
        }
    }

    [Theory, MemberData(nameof(Shapes))]
    public void Every_kernel_agrees_with_sums_in_double(int rows, int inputs, int outputs)
    {
        using var scope = NewDisposeScope();
        var layer = new Layer(rows, inputs, outputs);
        var (y, gradient) = layer.InDouble();
        foreach (var way in (int[])[Best, Aten, Blas, ThinV3, ThinV4])
        {
            if (layer.Run(way) is not { } result) continue;
            TorchSupport.Close(y, result.Y, 1e-5, 1e-5);
            TorchSupport.Close(gradient, result.Gradient, 1e-5, 1e-5);
        }
    }

    [ThinFact]
    public void A_row_has_the_same_bits_whatever_the_vectors_the_threads_and_the_other_rows_of_its_batch()
    {
        using var scope = NewDisposeScope();
        var layer = new Layer(64, 300, 200);
        var narrow = layer.Run(ThinV3)!.Value;
        Check(narrow);
        if (layer.Run(ThinV4) is { } wide) Check(wide);

        try
        {
            foreach (var threads in (int[])[1, 2, 3])
            {
                TorchProcess.SetThreads(threads);
                Check(layer.Run(Best)!.Value);
            }
        }
        finally
        {
            TorchProcess.SetThreads(1);
        }

        foreach (var (first, count) in ((int, int)[])[(0, 1), (1, 5), (6, 26), (32, 32)])
        {
            var part = layer.Rows(first, count).Run(Best)!.Value;
            Assert.True(TorchSupport.SameBits(narrow.Y.narrow(1, first, count).contiguous(), part.Y));
            Assert.True(TorchSupport.SameBits(narrow.Gradient.narrow(1, first, count).contiguous(), part.Gradient));
        }

        void Check((Tensor Y, Tensor Gradient) result)
        {
            Assert.True(TorchSupport.SameBits(narrow.Y, result.Y));
            Assert.True(TorchSupport.SameBits(narrow.Gradient, result.Gradient));
        }
    }

    [Fact]
    public void A_number_that_is_none_stays_in_its_row()
    {
        using var scope = NewDisposeScope();
        var layer = new Layer(10, 70, 60);
        layer.X[0][7].fill_(float.NaN);
        var y = layer.Run(Best)!.Value.Y;
        var bad = y.isfinite().logical_not().to(float32).sum([2]).ToArray<float>();
        Assert.Equal([0, 0, 0, 0, 0, 0, 0, 60, 0, 0], bad);
    }

    [Fact]
    public void Kernels_are_to_be_had_where_the_processor_has_their_instructions_and_nowhere_else()
    {
        var held = Environment.GetEnvironmentVariable("ATEN_CPU_CAPABILITY");
        var (narrow, wide) = (Avx2.IsSupported && Fma.IsSupported && held != "default", Avx512F.VL.IsSupported && Avx512BW.IsSupported && Avx512DQ.IsSupported && held is not ("default" or "avx2"));

        Assert.Equal((narrow, wide), (IsToBeHad(ThinV3), IsToBeHad(ThinV4)));

        static bool IsToBeHad(int way)
        {
            try
            {
                return NativeAutograd.vae_choose_products(way) != 0;
            }
            finally
            {
                Assert.Equal(1, NativeAutograd.vae_choose_products(Best));
            }
        }
    }

    /// <summary>A test of own kernels; skipped where everything goes through the BLAS.</summary>
    private sealed class ThinFactAttribute : FactAttribute
    {
        public ThinFactAttribute()
        {
            if (!Avx2.IsSupported || !Fma.IsSupported || Environment.GetEnvironmentVariable("ATEN_CPU_CAPABILITY") == "default") Skip = "This processor has no AVX2, or ATEN_CPU_CAPABILITY holds it back: products go through the BLAS.";
        }
    }

    private sealed class Layer
    {
        private readonly Tensor _weight;
        private readonly Tensor _upstream;

        public Layer(int rows, int inputs, int outputs)
            : this(randn([1, rows, inputs]), randn([1, outputs, inputs]) / Math.Sqrt(inputs), randn([1, rows, outputs]) / Math.Sqrt(outputs))
        {
        }

        private Layer(Tensor x, Tensor weight, Tensor upstream) => (X, _weight, _upstream) = (x, weight, upstream);

        public Tensor X { get; }

        public Layer Rows(int first, int count) => new(X.narrow(1, first, count).contiguous(), _weight, _upstream.narrow(1, first, count).contiguous());

        public (Tensor Y, Tensor Gradient) InDouble() => (X.to(float64).matmul(_weight.to(float64).transpose(1, 2)), _upstream.to(float64).matmul(_weight.to(float64)));

        /// <summary>The result and the gradient of the input; null where this processor has not what <paramref name="way"/> needs.</summary>
        public (Tensor Y, Tensor Gradient)? Run(int way)
        {
            if (NativeAutograd.vae_choose_products(way) == 0) return null;
            try
            {
                var x = X.clone().requires_grad_();
                using var step = nn.training_step();
                var y = nn.functional.linear(x, _weight);
                y.backward(_upstream);
                return (y.detach(), x.grad!);
            }
            finally
            {
                Assert.Equal(1, NativeAutograd.vae_choose_products(Best));
            }
        }
    }
}
