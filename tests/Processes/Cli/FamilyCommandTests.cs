using System.Text.Json;

namespace Vae.Tests.Processes.Cli;

/// <summary>What people do with a trained model of each family, by the real program: commands meet families nowhere else.</summary>
public sealed class FamilyCommandTests : IDisposable
{
    private readonly VaeProgram _vae = new();

    public void Dispose() => _vae.Dispose();

    [Theory]
    [InlineData("family: vae, encoder: [32], latent: 3, prior: vamp, pseudo_inputs: 10", 3)]
    [InlineData("family: conditional, encoder: [32], latent: 3", 3)]
    [InlineData("family: m2, encoder: [32], latent: 3", 3)]
    [InlineData("family: ladder, encoder: [32, 16], ladder: [3, 2]", 5)]
    public void A_model_with_latents_is_used_by_every_command_but_compression(string model, int latent)
    {
        Train(model);

        Assert.Contains("elbo", Metrics());
        Assert.Contains("log_likelihood", Metrics());
        Works("generate", "--count", "6");
        Works("generate", "--density", "gaussian", "--count", "6");
        Works("reconstruct");
        Works("interpolate", "--from", "3", "--to", "7");
        Works("traverse", "--at", "0");
        Works("arithmetic", "--a", "0", "--b", "1", "--c", "2");
        Works("anomaly", "--quantile", "0.9", "--samples", "2");
        Works("encode", "--out", "z.csv");
        Assert.All(File.ReadAllLines(_vae.PathTo("z.csv")).Skip(1), line => Assert.True(line.Split(',').Length >= latent));
        Works("export", "--out", "given");
        Assert.True(File.Exists(_vae.PathTo(Path.Combine("given", "load_model.py"))));
        Refused("compress", "--out", "x.vaez");
    }

    [Fact]
    public void A_model_with_codes_is_used_by_the_commands_that_need_no_latents_and_refused_by_the_others()
    {
        Train("family: vq, encoder: [32], latent: 4, codes: 8, code_size: 4");

        Assert.Contains("perplexity", Metrics());
        Works("generate", "--count", "6");
        Works("reconstruct");
        Works("anomaly", "--quantile", "0.9");
        Works("encode", "--out", "codes.npy");
        Works("generate", "--latents", "codes.npy", "--out", "decoded.png");
        Works("export", "--out", "given");
        Refused("interpolate", "--from", "3", "--to", "7");
        Refused("traverse");
        Assert.Contains("takes no labels", _vae.Run("model", "generate", "best:last", "--label", "1").Expect(2).Error);
        Refused("arithmetic", "--a", "0", "--b", "1", "--c", "2");
        Refused("compress", "--out", "x.vaez");
    }

    private void Train(string model)
    {
        File.WriteAllText(_vae.PathTo("sweep.yaml"), $$"""
            version: 1
            name: family
            dataset: { source: sprites, count: 300, size: 16, holdout: 0.2 }
            model: { {{model}} }
            training: { epochs: 2, batch: 32, seed: 1 }
            search: { method: grid, parameters: { training.beta: { values: [1] } } }
            """);
        _vae.Run("sweep", "run", "sweep.yaml", "--workers", "1").Expect(0);
    }

    private string[] Metrics()
    {
        using var json = JsonDocument.Parse(_vae.Run("model", "evaluate", "best:last", "--json", "--samples", "5").Expect(0).Output);
        var metrics = json.RootElement.GetProperty("metrics").EnumerateArray().ToArray();
        Assert.All(metrics, metric => Assert.True(double.IsFinite(metric.GetProperty("value").GetDouble())));
        return [.. metrics.Select(metric => metric.GetProperty("name").GetString()!)];
    }

    private void Works(string command, params string[] arguments) => _vae.Run(["model", command, "best:last", "--json", .. arguments]).Expect(0);

    private void Refused(string command, params string[] arguments)
    {
        var ran = _vae.Run(["model", command, "best:last", .. arguments]).Expect(3);
        Assert.StartsWith("error: ", ran.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", ran.Error, StringComparison.Ordinal);
    }
}
