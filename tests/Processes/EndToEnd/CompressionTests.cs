using System.IO.Compression;
using System.Text.Json;
using Vae.Tests.Processes.Support;

namespace Vae.Tests.Processes.EndToEnd;

/// <summary><c>vae model compress</c> and <c>decompress</c> as a user has them.</summary>
public class CompressionTests
{
    private const string Images = "mnist/t10k-images-idx3-ubyte.gz";
    private const int InvalidInput = 3;

    [FactOnData(Images)]
    public async Task Held_out_digits_shrink_to_the_models_own_bound_within_three_percent()
    {
        using var home = new TemporaryHome();
        var folder = await TrainAsync(home, "--images", Checkout.FindData(Images)!, "--set", "dataset.binarize=fixed", "--encoder", "[100]", "--latent", "40", "--epochs", "4");

        var packed = await JsonAsync("compress", folder, "--out", home.File("digits.vaez"));
        await JsonAsync("decompress", folder, home.File("digits.vaez"), "--out", home.File("digits"));

        Assert.Equal(new FileInfo(home.File("digits.vaez")).Length, packed.GetProperty("bytes").GetInt64());
        Assert.InRange(packed.GetProperty("overhead").GetDouble(), -0.01, 0.03);
        Assert.True(packed.GetProperty("checked").GetBoolean());
        Assert.Equal(HeldOut(pixel => pixel >= 128 ? (byte)255 : (byte)0), await File.ReadAllBytesAsync(home.File("digits")));
    }

    [FactOnData(Images)]
    public async Task Held_out_grey_digits_shrink_to_the_models_own_bound_within_three_percent()
    {
        using var home = new TemporaryHome();
        var folder = await TrainAsync(home, "--images", Checkout.FindData(Images)!, "--set", "model.likelihood=discretised_logistic", "--encoder", "[100]", "--latent", "40", "--epochs", "4");

        var packed = await JsonAsync("compress", folder, "--out", home.File("digits.vaez"));
        await JsonAsync("decompress", folder, home.File("digits.vaez"), "--out", home.File("digits"));

        Assert.InRange(packed.GetProperty("overhead").GetDouble(), -0.03, 0.03);
        Assert.Equal("levels", packed.GetProperty("values").GetString());
        Assert.Equal(HeldOut(pixel => pixel), await File.ReadAllBytesAsync(home.File("digits")));
    }

    // The same processor, made to compute with other instructions: no fused multiplication, other vectors, or none at all.
    [Theory]
    [InlineData("DOTNET_EnableAVX2", "conv", "bernoulli")]
    [InlineData("DOTNET_EnableFMA", "conv", "bernoulli")]
    [InlineData("DOTNET_EnableAVX512F", "conv", "bernoulli")]
    [InlineData("DOTNET_EnableHWIntrinsic", "conv", "bernoulli")]
    [InlineData("DOTNET_TieredCompilation", "conv", "bernoulli")]
    [InlineData("DOTNET_EnableAVX2", "resnet", "discretised_logistic")]
    [InlineData("DOTNET_EnableHWIntrinsic", "resnet", "discretised_logistic")]
    public async Task Any_instruction_set_reads_what_another_wrote(string switchedOff, string architecture, string likelihood)
    {
        using var home = new TemporaryHome();
        var folder = await TrainAsync(
            home, "--set", "dataset.source=sprites", "--set", "dataset.count=300", "--set", "dataset.size=16", "--set", $"model.architecture={architecture}", "--set", $"model.likelihood={likelihood}", "--latent", "4", "--epochs", "1");
        await JsonAsync("compress", folder, "--source", "sprites", "--count", "40", "--out", home.File("here.vaez"));

        using var elsewhere = RunningProgram.Start(
            Checkout.Program, ["model", "compress", folder, "--source", "sprites", "--count", "40", "--out", home.File("there.vaez")], new Dictionary<string, string> { [switchedOff] = "0" });
        (await elsewhere.EndAsync()).Expect(0);

        Assert.Equal(await File.ReadAllBytesAsync(home.File("here.vaez")), await File.ReadAllBytesAsync(home.File("there.vaez")));
    }

    [Fact]
    public async Task A_wrong_model_a_damaged_file_and_grey_images_are_errors_that_write_nothing()
    {
        using var home = new TemporaryHome();
        string[] sprites = ["--set", "dataset.source=sprites", "--set", "dataset.count=300", "--set", "dataset.size=16", "--encoder", "[32]", "--latent", "4", "--epochs", "1"];
        var (folder, other) = (await TrainAsync(home, sprites), await TrainAsync(home, [.. sprites, "--set", "training.seed=2"]));
        var file = home.File("sprites.vaez");
        await JsonAsync("compress", folder, "--source", "sprites", "--count", "30", "--out", file);

        Assert.Contains("expected the model", await RefusedAsync("decompress", other, file, "--out", home.File("out")), StringComparison.Ordinal);
        var bytes = await File.ReadAllBytesAsync(file);
        bytes[^3] ^= 4;
        await File.WriteAllBytesAsync(file, bytes);
        Assert.Contains("damaged", await RefusedAsync("decompress", folder, file, "--out", home.File("out")), StringComparison.Ordinal);
        Assert.Contains("nothing", await RefusedAsync("decompress", folder, home.File("none.vaez"), "--out", home.File("out")), StringComparison.Ordinal);
        Assert.False(File.Exists(home.File("out")));
    }

    private static async Task<string> TrainAsync(TemporaryHome home, params string[] arguments)
    {
        var run = (await RunningProgram.RunVaeAsync(["train", .. arguments, "--workers", "1", "--threads", "1", "--json", "--home", home.Path])).Expect(0);
        return Path.GetDirectoryName(home.TrialFile(SweepJson.Parse(run.Lines[^1]).GetProperty("sweep").Text("id"), 0, "config.json"))!;
    }

    private static async Task<JsonElement> JsonAsync(params string[] arguments) => SweepJson.Parse((await RunningProgram.RunVaeAsync(["model", .. arguments, "--json", .. Home(arguments)])).Expect(0).Lines.Single());

    private static async Task<string> RefusedAsync(params string[] arguments) => (await RunningProgram.RunVaeAsync(["model", .. arguments, .. Home(arguments)])).Expect(InvalidInput).ExpectNoTrace().Error;

    // HOME/sweeps/ID/trials/0000: the store there knows what the model was trained on.
    private static string[] Home(string[] arguments) => ["--home", Path.GetFullPath(Path.Combine(arguments[1], "..", "..", "..", ".."))];

    private static byte[] HeldOut(Func<byte, byte> change)
    {
        using var unzipped = new GZipStream(File.OpenRead(Checkout.FindData(Images)!), CompressionMode.Decompress);
        using var all = new MemoryStream();
        unzipped.CopyTo(all);
        var pixels = all.ToArray().AsSpan(16 + (8_000 * 784));
        byte[] idx = [0, 0, 8, 3, 0, 0, 2_000 >> 8, 2_000 & 255, 0, 0, 0, 28, 0, 0, 0, 28, .. pixels];
        foreach (ref var pixel in idx.AsSpan(16)) pixel = change(pixel);
        return idx;
    }
}
