using Vae.Shared;
using Vae.Shared.Datasets;
using Vae.Shared.Messages;
using Vae.Shared.Sweeps;
using Vae.Worker.Probing;

namespace Vae.Tests.Unit.Sweeps;

/// <summary>When what was measured once is believed again.</summary>
public sealed class ProbeCacheTests : IDisposable
{
    private static readonly DeviceFacts Facts = new("host", 1, "processor", 2, 1L << 33, "cpu", "", 0, 2, "libtorch", "blas", "AVX2", "1.0");
    private static readonly ProbeOrder Order = new(
        new TrialSpec { Index = 0, Model = new(), Training = new() }, new DataShape(TrainRows: 100, Channels: 1, Height: 28, Width: 28), 32, 1L << 32, NumericPrecision.Float32, 32, null, null, Binarize.Dynamic);

    private static readonly ValueList<ProbeReading> Readings = [new(1, 1, 1, 100.5), new(2, 4, 1, 333)];

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("vae-probes-");

    public void Dispose() => _folder.Delete(recursive: true);

    public static TheoryData<string, Func<DeviceFacts, DeviceFacts>> OtherDevices => new()
    {
        { "processor", facts => facts with { Processor = "another" } },
        { "cores", facts => facts with { Cores = 4 } },
        { "threads", facts => facts with { Threads = 1 } },
        { "device", facts => facts with { Device = "cuda:0" } },
        { "name of the device", facts => facts with { DeviceName = "GPU" } },
        { "libtorch", facts => facts with { Libtorch = "2.6" } },
        { "blas", facts => facts with { Blas = "another" } },
        { "vector instructions", facts => facts with { CpuCapability = "AVX512" } },
        { "version of the program", facts => facts with { Version = "1.1" } },
    };

    public static TheoryData<string, Func<ProbeOrder, ProbeOrder>> OtherWork => new()
    {
        { "signature", order => order with { Trial = order.Trial with { Model = order.Trial.Model with { Encoder = [64] } } } },
        { "latent size", order => order with { Trial = order.Trial with { Model = order.Trial.Model with { Latent = 3 } } } },
        { "rows", order => order with { Rows = 16 } },
        { "image", order => order with { Data = order.Data with { Height = 32 } } },
        { "bits", order => order with { Binarize = Binarize.None } },
        { "precision", order => order with { Precision = NumericPrecision.Bfloat16 } },
        { "most slots", order => order with { SlotsMax = 4 } },
        { "lanes", order => order with { Lanes = 1 } },
        { "threads of a lane", order => order with { Threads = 1 } },
        { "seeds", order => order with { Trial = order.Trial with { Assignments = [new("training.seed", "3")] } } },
    };

    [Theory, MemberData(nameof(OtherDevices))]
    public void Readings_of_another_device_or_of_other_libraries_are_not_taken(string what, Func<DeviceFacts, DeviceFacts> change) =>
        Assert.True(Order.Key(Facts) != Order.Key(change(Facts)), what);

    [Theory, MemberData(nameof(OtherWork))]
    public void Readings_of_other_work_are_not_taken(string what, Func<ProbeOrder, ProbeOrder> change) => Assert.True(Order.Key(Facts) != change(Order).Key(Facts), what);

    [Fact]
    public void Numbers_that_change_no_time_leave_the_readings_as_they_are()
    {
        var other = Order with { Trial = Order.Trial with { Index = 7, Training = Order.Trial.Training with { Beta = 4, LearningRate = 0.1, Epochs = 3, Seed = 9 } }, Data = Order.Data with { TrainRows = 5_000 } };

        Assert.Equal(Order.Key(Facts), other.Key(Facts with { Host = "another", ProcessId = 9 }));
    }

    [Fact]
    public void What_was_stored_is_found_under_its_key_alone()
    {
        var cache = new ProbeCache(Path.Combine(_folder.FullName, "probes"));
        Assert.Empty(cache.Find("a"));

        cache.Store("a", Readings);

        Assert.Equal(Readings, cache.Find("a"));
        Assert.Empty(cache.Find("b"));
    }

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("null")]
    [InlineData("{\"Version\":2,\"Key\":\"a\",\"Readings\":[]}")]
    [InlineData("{\"Version\":1,\"Key\":\"b\",\"Readings\":[{\"Lanes\":1,\"Slots\":1,\"Threads\":1,\"StepsPerSecond\":5}]}")]
    [InlineData("{\"Version\":1,\"Key\":\"a\",\"Readings\":[{\"Lanes\":0,\"Slots\":1,\"Threads\":1,\"StepsPerSecond\":5},{\"Lanes\":1,\"Slots\":1,\"Threads\":1,\"StepsPerSecond\":-5}]}")]
    public void A_file_that_cannot_be_believed_costs_a_new_probe_and_nothing_else(string content)
    {
        var cache = new ProbeCache(_folder.FullName);
        cache.Store("a", Readings);
        File.WriteAllText(Assert.Single(_folder.GetFiles()).FullName, content);

        Assert.Empty(cache.Find("a"));

        cache.Store("a", Readings);
        Assert.Equal(Readings, cache.Find("a"));
    }

    [Fact]
    public void A_folder_that_cannot_be_written_is_no_failure()
    {
        var file = Path.Combine(_folder.FullName, "file");
        File.WriteAllText(file, "");
        var cache = new ProbeCache(Path.Combine(file, "probes"));

        cache.Store("a", Readings);

        Assert.Empty(cache.Find("a"));
    }
}
