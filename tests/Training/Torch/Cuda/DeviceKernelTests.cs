using System.Diagnostics;
using System.Runtime.InteropServices;
using Vae.Torch;
using Vae.Torch.Interop;
using static Vae.Torch.torch;

namespace Vae.Tests.Training.Torch.Cuda;

/// <summary>
/// The text of the CUDA kernels, compiled for the host: the arithmetic that a device will do is the arithmetic of the host's own loops. What only a device can
/// show (launches, layouts) is in <c>CudaTests</c>.
/// </summary>
public sealed unsafe class DeviceKernelTests(HostKernels kernels) : TorchTest, IClassFixture<HostKernels>
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_devices_noise_has_the_hosts_bits_also_in_a_padded_buffer(bool normal)
    {
        const int rows = 7, width = 5, stride = 9;
        using var scope = NewDisposeScope();
        var expected = empty([rows, width]);
        if (normal) Noise.FillNormal(expected, 0xDEADBEEFCAFEul, 77, 11);
        else Noise.FillUniform(expected, 0xDEADBEEFCAFEul, 77, 11);
        var actual = new float[rows * stride];

        fixed (float* out_ = actual) kernels.Fill(normal ? 1 : 0, out_, stride, rows, width, 0xDEADBEEFCAFEul, 77, 11 * width);

        var values = expected.ToArray<float>();
        for (var r = 0; r < rows; r++)
        {
            Assert.Equal(values.AsSpan(r * width, width).ToArray(), actual.AsSpan(r * stride, width).ToArray());
            Assert.All(actual.AsSpan((r * stride) + width, stride - width).ToArray(), rest => Assert.Equal(0f, rest));
        }
    }

    [Theory]
    [InlineData(ByteConversion.Scale)]
    [InlineData(ByteConversion.FixedBits)]
    [InlineData(ByteConversion.RandomBits)]
    public void Rows_gathered_on_a_device_have_the_hosts_bits(ByteConversion conversion)
    {
        using var scope = NewDisposeScope();
        var bytes = new byte[10 * 33];
        new Random(4).NextBytes(bytes);
        int[] rows = [9, 0, 3, 3];
        var expected = empty([4, 33]);
        Fused.gather_rows(tensor(bytes, [10, 33]), [9L, 0, 3, 3], expected, conversion, 5, 6, 21);
        var actual = new float[4 * 33];

        fixed (byte* data = bytes)
        fixed (int* list = rows)
        fixed (float* out_ = actual) kernels.Gather(data, list, 4, 33, out_, 33, (int)conversion, 5, 6, 21 * 33);

        Assert.Equal(expected.ToArray<float>(), actual);
    }

    [Fact]
    public void Losses_and_gradients_of_slots_are_the_hosts_within_rounding()
    {
        const int slots = 3, rows = 4, width = 50;
        using var scope = NewDisposeScope();
        var logits = (randn([slots, rows, width]) * 4).requires_grad_();
        var target = rand([slots, rows, width]).round();
        int[] used = [4, 0, 2];
        float[] scale = [0.25f, 1, 0.5f];
        var expected = Fused.bernoulli_logits_nll(logits, target, tensor([.. used.Select(static v => (long)v)]).to(ScalarType.Int32), tensor(scale));
        expected.sum().backward();
        var (gradient, partial) = (new float[slots * rows * width], new float[slots * 4]);

        fixed (float* a = logits.detach().ToArray<float>(), x = target.ToArray<float>(), s = scale, g = gradient, p = partial)
        fixed (int* r = used) kernels.Bernoulli(a, x, rows * width, g, r, s, slots, rows, width, p);

        TorchSupport.Close(logits.grad!.view(-1), tensor(gradient), 1e-5, 1e-7);
        for (var k = 0; k < slots; k++) Assert.Equal(expected[k].item(), partial.AsSpan(k * 4, 4).ToArray().Sum(), 1e-3);
        Assert.All(gradient.AsSpan(rows * width, rows * width).ToArray(), empty => Assert.Equal(0f, empty));
    }

    [Fact]
    public void An_update_by_Adam_is_the_hosts_within_rounding_and_leaves_a_resting_slot_alone()
    {
        const int slots = 3, length = 1000;
        using var scope = NewDisposeScope();
        using var model = nn.Linear(length, 1, hasBias: false, replicas: slots);
        using var flat = new FlatParameters(model);
        using var adam = optim.Adam(flat, weight_decay: 0.01);
        adam.SetLearningRate(1, 3e-2);
        adam.SetActive(2, false);
        var (p, m, v) = (flat.ParameterSpan.ToArray(), new float[slots * length], new float[slots * length]);
        for (var step = 0; step < 3; step++)
        {
            var g = randn([slots * length]).ToArray<float>();
            g.CopyTo(flat.GradientSpan);
            adam.step();
            var table = Table(adam, slots);
            fixed (float* pp = p, gp = g, mp = m, vp = v, t = table) kernels.Adam(pp, gp, mp, vp, length, slots, t, null);
        }

        TorchSupport.Close(flat.Parameters, tensor(p), 2e-6, 1e-7);
    }

    // The factors as native/optim_device.cpp writes them for a device.
    private static float[] Table(Adam adam, int slots)
    {
        using var table = zeros([NativeOptim.TableRows, slots]);
        fixed (NativeOptim.ReplicaSettings* settings = adam.Replicas) Assert.Equal(0, NativeOptim.vae_optimizer_table(settings, slots, 1, table.Handle));
        return table.ToArray<float>();
    }
}

/// <summary>Builds and loads the kernels for the host.</summary>
public sealed unsafe class HostKernels : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("vae-kernels-").FullName;
    private readonly nint _library;

    public HostKernels()
    {
        var root = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(root, "Vae.Distributed.sln"))) root = Path.GetDirectoryName(root)!;
        var library = Path.Combine(_folder, "kernels.so");
        // Without fused multiply-add, as NVRTC is told too.
        using var compiler = Process.Start("c++", ["-std=c++17", "-O1", "-ffp-contract=off", "-shared", "-fPIC", "-I", Path.Combine(root, "src", "Torch", "native", "device"),
            Path.Combine(root, "tests", "Training", "Torch", "Cuda", "kernels_on_host.cpp"), "-o", library]);
        compiler.WaitForExit();
        Assert.Equal(0, compiler.ExitCode);
        _library = NativeLibrary.Load(library);
    }

    public void Fill(int normal, float* out_, long stride, long rows, long width, ulong seed, ulong stream, ulong first) =>
        ((delegate* unmanaged<int, float*, long, long, long, ulong, ulong, ulong, void>)Export("host_fill"))(normal, out_, stride, rows, width, seed, stream, first);

    public void Gather(byte* data, int* rows, long count, long width, float* out_, long stride, int mode, ulong seed, ulong stream, ulong first) =>
        ((delegate* unmanaged<byte*, int*, long, long, float*, long, int, ulong, ulong, ulong, void>)Export("host_gather"))(data, rows, count, width, out_, stride, mode, seed, stream, first);

    public void Adam(float* p, float* g, float* m, float* v, long length, long replicas, float* table, float* clip) =>
        ((delegate* unmanaged<float*, float*, float*, float*, long, long, float*, float*, void>)Export("host_adam"))(p, g, m, v, length, replicas, table, clip);

    public void Bernoulli(float* logits, float* target, long targetSlot, float* gradient, int* rows, float* scale, long slots, long maxRows, long width, float* partial) =>
        ((delegate* unmanaged<float*, float*, long, float*, int*, float*, long, long, long, float*, void>)Export("host_bernoulli"))(logits, target, targetSlot, gradient, rows, scale, slots, maxRows, width, partial);

    public void Dispose()
    {
        NativeLibrary.Free(_library);
        Directory.Delete(_folder, recursive: true);
    }

    private nint Export(string name) => NativeLibrary.GetExport(_library, name);
}
