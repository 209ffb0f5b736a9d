using System.Text.Json;

namespace Vae.Tests.Processes.Cli;

/// <summary>What people do with a trained model, by the real program.</summary>
public sealed class ModelCommandTests : IDisposable
{
    private const int Png = 0x474E5089;

    private readonly VaeProgram _vae = new();

    public void Dispose() => _vae.Dispose();

    [Fact]
    public void A_trained_model_is_used_by_every_command_and_mistakes_are_told()
    {
        _vae.Run("train", "--count", "300", "--size", "16", "--epochs", "2", "--encoder", "[32]", "--latent", "3", "--workers", "1").Expect(0);

        Assert.Equal("gmm", Object("generate", "--density", "gmm", "--components", "3", "--count", "4", "--out", "g.png").GetProperty("density").GetString());
        Assert.Equal(10, Object("interpolate", "--from", "3", "--to", "7", "--out", "i.png").GetProperty("steps").GetInt32());
        var dimensions = Object("traverse", "--out", "t.png").GetProperty("dimensions").EnumerateArray().Select(one => one.GetProperty("rate").GetDouble()).ToArray();
        Assert.Equal(3, dimensions.Length);
        Assert.Equal(dimensions.OrderDescending(), dimensions);
        Assert.Equal(3, Object("arithmetic", "--a", "0", "--b", "1", "--c", "2", "--out", "a.png").GetProperty("latent").GetArrayLength());
        Assert.Equal(60, Object("encode", "--out", "z.npy").GetProperty("rows").GetInt32());
        Assert.Equal(60, Object("generate", "--latents", "z.npy", "--out", "d.png").GetProperty("images").GetInt32());
        Object("encode", "--out", "z.csv", "--rows", "all");
        Assert.Equal(301, File.ReadAllLines(_vae.PathTo("z.csv")).Length);
        var strange = Object("anomaly", "--quantile", "0.9", "--scores", "s.csv", "--samples", "2", "--out", "s.png");
        Assert.Equal(6, strange.GetProperty("above").GetInt32()); // A tenth of 60 rows lies above what nine tenths score at most.
        Assert.Equal(60, strange.GetProperty("scores").GetArrayLength());
        Assert.Equal(61, File.ReadAllLines(_vae.PathTo("s.csv")).Length);
        Assert.All(["g.png", "i.png", "t.png", "a.png", "d.png", "s.png"], picture => Assert.Equal(Png, BitConverter.ToInt32(File.ReadAllBytes(_vae.PathTo(picture)))));

        Mistake(3, "There is no row 60", "interpolate", "--from", "60");
        Mistake(3, "No row of sprites has the label 9", "arithmetic", "--a", "label:9", "--b", "0", "--c", "0");
        Mistake(3, "is no row, no label and no file", "interpolate", "--to", "nowhere.png");
        Mistake(3, "the model's size", "anomaly", "--images", "g.png", "--threshold", "1");
        Mistake(3, "expected a .npy array", "generate", "--latents", "z.csv");
        Mistake(2, "which format", "encode", "--out", "z.txt");
        Mistake(2, "two answers to one question", "generate", "--latents", "z.npy", "--density", "gaussian");
        Mistake(3, "both kinds are needed", "anomaly", "--anomalous", "9");
        Mistake(3, "two for each", "generate", "--density", "gmm", "--components", "1000");
    }

    private JsonElement Object(string command, params string[] arguments)
    {
        var ran = _vae.Run(["model", command, "best:last", "--json", .. arguments]).Expect(0);
        using var json = JsonDocument.Parse(ran.Output);
        Assert.Equal($"model_{command}", json.RootElement.GetProperty("type").GetString());
        Assert.Equal(1, json.RootElement.GetProperty("schema_version").GetInt32());
        return json.RootElement.Clone();
    }

    private void Mistake(int code, string told, string command, params string[] arguments) =>
        Assert.Contains(told, _vae.Run(["model", command, "best:last", .. arguments]).Expect(code).Error);
}
