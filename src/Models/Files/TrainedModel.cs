using System.Globalization;
using Vae.Data;
using Vae.Data.Safetensors;
using Vae.Models.Evaluation;
using Vae.Models.Networks;
using Vae.Shared.Sweeps;
using Vae.Torch;

namespace Vae.Models.Files;

/// <summary>A model on disk: <c>model.safetensors</c> with <c>config.json</c> beside it. Tensors have PyTorch's names and layouts, without the replica dimension.</summary>
public sealed class TrainedModel : IDisposable
{
    /// <summary>Name of the weights' file.</summary>
    public const string FileName = "model.safetensors";

    private const string FormatVersion = "1";

    private TrainedModel(ModelConfig config, PackNetwork network) => (Config, Network) = (config, network);

    /// <summary>What it is and how it was trained.</summary>
    public ModelConfig Config { get; }

    /// <summary>The network, with one replica.</summary>
    public PackNetwork Network { get; }

    /// <summary>What every model can be asked: new images, and what it makes of given ones.</summary>
    public GenerativeModel Model => field ??= GenerativeModel.Of(Network, Config.Trial.Model);

    /// <summary>What evaluation and most applications ask of it: posterior, decoder, ln p(x | z).</summary>
    /// <exception cref="ArgumentException">Models of its family have no continuous latents.</exception>
    public LatentModel Latents => field ??= LatentModel.Of(Network, Config.Trial.Model);

    /// <summary>Writes replica <paramref name="replica"/> of a network as safetensors.</summary>
    public static void Write(Stream target, PackNetwork network, int replica, ModelConfig config)
    {
        using var scope = torch.NewDisposeScope();
        Describe(network, replica, config).Write(target);
    }

    /// <summary>What <see cref="Write"/> writes, in memory: once as large as the weights and no more on the way.</summary>
    public static byte[] ToBytes(PackNetwork network, int replica, ModelConfig config)
    {
        using var scope = torch.NewDisposeScope();
        return Describe(network, replica, config).ToArray();
    }

    // Speaks of tensors of the caller's scope, and of the network's own.
    private static SafetensorsWriter Describe(PackNetwork network, int replica, ModelConfig config)
    {
        using var mode = torch.no_grad();
        var writer = new SafetensorsWriter()
            .Metadata("format", "pt")
            .Metadata("vae_format_version", FormatVersion)
            .Metadata("vae_family", SpecWord.Of(config.Trial.Model.Family))
            .Metadata("vae_architecture", SpecWord.Of(config.Trial.Model.Architecture))
            .Metadata("vae_image", string.Create(CultureInfo.InvariantCulture, $"{config.Image.Channels}x{config.Image.Height}x{config.Image.Width}"))
            .Metadata("vae_trial", config.Trial.Label);
        if (config.Run is { } run) writer.Metadata("vae_dataset", run.Fingerprint).Metadata("vae_sweep", run.Sweep);
        if (config.Result is { } result) writer.Metadata("vae_step", result.Steps.ToString(CultureInfo.InvariantCulture));
        foreach (var (name, tensor) in network.ModelTensors())
        {
            var one = tensor.select(0, replica).contiguous().cpu();
            writer.Add(name, one.shape, new TensorMemory(one).Memory);
        }

        return writer;
    }

    /// <summary>Opens a model.</summary>
    /// <param name="path">A folder with both files, or the path of the weights' file.</param>
    /// <param name="device">Where to put it.</param>
    /// <exception cref="DatasetException">The config is missing or wrong.</exception>
    /// <exception cref="SafetensorsException">The weights break a rule of the format, or do not fit the config; the text names the tensor.</exception>
    public static TrainedModel Load(string path, torch.Device device)
    {
        var weights = Directory.Exists(path) ? Path.Combine(path, FileName) : path;
        var config = ModelConfig.Read(Path.Combine(Path.GetDirectoryName(Path.GetFullPath(weights))!, ModelConfig.FileName));
        using var file = SafetensorsFile.Open(weights);
        var network = PackNetworks.CreateEmpty(config.Trial.Model, training: null, config.Image, replicas: 1);
        try
        {
            CopyWeights(file, weights, network);
            network.to(device);
            network.eval();
            return new TrainedModel(config, network);
        }
        catch
        {
            network.Dispose();
            throw;
        }
    }

    private static void CopyWeights(SafetensorsFile file, string shownAs, PackNetwork network)
    {
        using var scope = torch.NewDisposeScope();
        using var mode = torch.no_grad();
        var expected = network.state_dict().ToList();
        var known = expected.Select(entry => entry.name).ToHashSet(StringComparer.Ordinal);
        if (file.Tensors.Keys.FirstOrDefault(name => !known.Contains(name)) is { } stranger)
        {
            throw new SafetensorsException(shownAs, stranger, "the model that config.json describes has no such tensor");
        }

        foreach (var (name, target) in expected)
        {
            var shape = target.shape[1..];
            var found = file.Find(name).Shape;
            if (!found.SequenceEqual(shape))
            {
                throw new SafetensorsException(shownAs, name, $"its shape is [{string.Join(", ", found)}]; the model that config.json describes needs [{string.Join(", ", shape)}]");
            }

            target.copy_(torch.tensor(file.Floats(name)).view([1, .. shape])); // A scalar's shape is empty, which torch.tensor would take for none given.
        }
    }

    /// <inheritdoc/>
    public void Dispose() => Network.Dispose();
}
