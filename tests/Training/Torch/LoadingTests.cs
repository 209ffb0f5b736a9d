using System.Text;
using Vae.Torch;
using Vae.Torch.Interop;

namespace Vae.Tests.Training.Torch;

/// <summary>Tests that change or measure the whole process run alone.</summary>
[CollectionDefinition(nameof(WholeProcess), DisableParallelization = true)]
public class WholeProcess;

[Collection(nameof(WholeProcess))]
public class LoadingTests
{
    [Fact]
    public void A_missing_libtorch_is_named_with_the_command_that_installs_it()
    {
        // A copy of the shim that asks for a library which no machine has.
        var bytes = File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "libvae_torch.so"));
        var at = bytes.AsSpan().IndexOf("libtorch_cpu.so"u8);
        Assert.True(at > 0, "The shim no longer names libtorch_cpu.so.");
        Encoding.ASCII.GetBytes("libtorch_xyz.so").CopyTo(bytes, at);
        var path = Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid():N}.so");
        File.WriteAllBytes(path, bytes);
        try
        {
            var error = Assert.Throws<TorchUnavailableException>(() => Library.LoadFrom(path));

            Assert.Contains("libtorch_xyz.so", error.Message, StringComparison.Ordinal);
            Assert.Contains("apt-get install", error.Message, StringComparison.Ordinal);
            Assert.DoesNotContain("\n", error.Message, StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void Settings_outside_their_range_are_refused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => TorchProcess.Initialize(new(Threads: -1)));
        Assert.Throws<ArgumentOutOfRangeException>(() => TorchProcess.Initialize(new(InteropThreads: 0)));
        Assert.Throws<ArgumentOutOfRangeException>(() => TorchProcess.SetThreads(2000));
    }

    [Fact]
    public void A_second_initialization_changes_the_threads()
    {
        var before = TorchProcess.Facts.Threads;
        try
        {
            TorchProcess.Initialize(new(Threads: before + 1));
            Assert.Equal(before + 1, TorchProcess.Facts.Threads);
            Assert.Equal(before + 1, TorchProcess.Facts.BlasThreads);
        }
        finally
        {
            TorchProcess.SetThreads(before);
        }
    }
}
