using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Vae.Data;
using Vae.Data.Safetensors;
using Vae.Models.Compression.Portable;
using Vae.Models.Files;
using Vae.Models.Networks;
using Vae.Shared.Determinism;
using Vae.Shared.Sweeps;
using Architecture = Vae.Shared.Sweeps.Architecture;

namespace Vae.Models.Compression;

/// <summary>
/// A trained model, ready to code images with. It does not use libtorch: the network runs in plain arithmetic whose every bit IEEE 754 defines (docs/adr/0018-portable-arithmetic-for-coding.md), so that a file
/// is decoded by any machine, and with any number of threads. Safe to share between threads.
/// </summary>
public sealed class CodingModel
{
    private readonly PortableLayer[] _encoder;
    private readonly PortableLayer[] _decoder;
    private readonly float _logScale;

    private CodingModel(ModelConfig config, PortableLayer[] encoder, PortableLayer[] decoder, float logScale, byte[] fingerprint)
    {
        (Config, _encoder, _decoder, _logScale, Fingerprint) = (config, encoder, decoder, logScale, fingerprint);
        Probe = ProbeOf(CreateNetwork());
    }

    /// <summary>What the model is.</summary>
    public ModelConfig Config { get; }

    /// <summary>The shape of an image.</summary>
    public ImageShape Image => Config.Image;

    /// <summary>What the model codes: bits or bytes.</summary>
    public CodedValues Values => Config.Trial.Model.Likelihood == Likelihood.Bernoulli ? CodedValues.Bits : CodedValues.Levels;

    /// <summary>SHA-256 over all that decides what is computed: family, layers, likelihood, image, and the weights. Names of trials and how the model was trained are not in it.</summary>
    public ReadOnlyMemory<byte> Fingerprint { get; }

    /// <summary>A checksum of what the network answers to one made image and one made latent. Equal models whose probes differ run on arithmetics that differ.</summary>
    public ulong Probe { get; }

    /// <summary>The network for one thread.</summary>
    public ICodingNetwork CreateNetwork() => new PortableVae(_encoder, _decoder, Image.Values, Config.Trial.Model.Latent, Values == CodedValues.Bits ? 1 : byte.MaxValue);

    /// <summary>The likelihood, with probabilities of so many bits.</summary>
    public IObservationCoder CreateObservations(int precision) => Values == CodedValues.Bits ? new BernoulliCoder(precision) : new LogisticLevelsCoder(precision, _logScale);

    /// <summary>Opens a model.</summary>
    /// <param name="path">A folder with both files, or the path of the weights' file.</param>
    /// <exception cref="DatasetException">The config is missing or wrong, or this kind of model cannot code images; the text says why.</exception>
    /// <exception cref="SafetensorsException">The weights break a rule of the format, or do not fit the config.</exception>
    public static CodingModel Load(string path)
    {
        var weights = Directory.Exists(path) ? Path.Combine(path, TrainedModel.FileName) : path;
        var config = ModelConfig.Read(Path.Combine(Path.GetDirectoryName(Path.GetFullPath(weights))!, ModelConfig.FileName));
        if (WhyNot(config.Trial.Model) is { } reason) throw new DatasetException($"{path} cannot compress: {reason}");
        using var file = SafetensorsFile.Open(weights);
        var builder = new PortableBuilder(file, weights, config.Trial.Model, config.Image);
        var (encoder, decoder) = (builder.Encoder(), builder.Decoder());
        var logScale = config.Trial.Model.Likelihood == Likelihood.DiscretisedLogistic ? builder.LogScale() : 0;
        return new CodingModel(config, encoder, decoder, logScale, FingerprintOf(config, builder.Read));
    }

    /// <summary>Why a model of this kind cannot code images, as the end of a sentence; null when it can.</summary>
    public static string? WhyNot(ModelSpec model) =>
        model.Family != ModelFamily.Vae ? $"models of the family {Word(model.Family)} are not coded yet, only those of the family vae."
        : model.Likelihood is Likelihood.Gaussian or Likelihood.ContinuousBernoulli
            ? $"a {(model.Likelihood == Likelihood.Gaussian ? "Gaussian" : "continuous Bernoulli")} likelihood is a density, and gives no value of an image a probability. Train with `likelihood: discretised_logistic` on grey or colour images, or with `likelihood: bernoulli` on black and white ones."
        : model.Prior != Prior.Normal ? $"the prior {Word(model.Prior)} has no bins of equal probability in each latent dimension, which bits-back coding draws from; only `normal` has."
        : null;

    private static string Word<T>(T value) where T : struct, Enum => $"`{JsonNamingPolicy.SnakeCaseLower.ConvertName(value.ToString())}`";

    private static byte[] FingerprintOf(ModelConfig config, IReadOnlyDictionary<string, (int[] Shape, float[] Values)> tensors)
    {
        var (model, image) = (config.Trial.Model, config.Image);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var groups = model.Architecture == Architecture.Resnet ? $" groups={model.Groups}" : ""; // The one number that shows in no shape.
        Text($"vae-coding-model-v1 {model.Family} {model.Architecture} {model.Likelihood} {model.Activation} {image.Channels}x{image.Height}x{image.Width} latent={model.Latent}{groups}\n");
        foreach (var (name, (shape, values)) in tensors.OrderBy(pair => pair.Key, StringComparer.Ordinal))
        {
            Text($"{name} [{string.Join(",", shape)}]\n");
            if (BitConverter.IsLittleEndian) hash.AppendData(MemoryMarshal.AsBytes(values.AsSpan()));
            else foreach (var value in values) hash.AppendData(BitConverter.GetBytes(BinaryPrimitives.ReverseEndianness(BitConverter.SingleToInt32Bits(value))));
        }

        return hash.GetHashAndReset();

        void Text(string text) => hash.AppendData(Encoding.UTF8.GetBytes(text));
    }

    // The made inputs reach every layer; half of the bits are set or all levels occur, and z goes to both tails.
    private ulong ProbeOf(ICodingNetwork network)
    {
        var random = new Xoshiro256(0x70726F6265);
        var image = new byte[network.Values];
        foreach (ref var pixel in image.AsSpan()) pixel = (byte)(random.Next() >> (Values == CodedValues.Bits ? 63 : 56));
        var (mean, deviation) = (new double[network.Latent], new double[network.Latent]);
        network.Posterior(image, mean, deviation);
        var z = new float[network.Latent];
        foreach (ref var value in z.AsSpan()) value = (float)((random.NextDouble() * 6) - 3);
        var parameters = new float[network.Values];
        network.Likelihood(z, parameters);

        Span<byte> bits = stackalloc byte[sizeof(ulong)];
        var (posterior, likelihood) = (uint.MaxValue, uint.MaxValue);
        foreach (var value in mean.Concat(deviation))
        {
            BinaryPrimitives.WriteDoubleLittleEndian(bits, value);
            posterior = Crc32C.Append(posterior, bits);
        }

        var levels = CreateObservations(LogisticLevelsCoder.PrecisionMax) as LogisticLevelsCoder;
        foreach (var (i, value) in parameters.Index())
        {
            BinaryPrimitives.WriteDoubleLittleEndian(bits, value);
            likelihood = Crc32C.Append(likelihood, bits);
            if (levels is null) continue;
            BinaryPrimitives.WriteUInt64LittleEndian(bits, levels.Below((i % byte.MaxValue) + 1, value)); // The scale, too.
            likelihood = Crc32C.Append(likelihood, bits);
        }

        return ((ulong)posterior << 32) | likelihood;
    }
}
