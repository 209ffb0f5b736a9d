using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Vae.Data;
using Vae.Models.Networks;
using Vae.Shared.Datasets;
using Vae.Shared.Sweeps;

namespace Vae.Models.Files;

/// <summary>How and on what a model was trained: what is needed to get the same bits again.</summary>
/// <param name="Fingerprint">Of the data set.</param>
/// <param name="Sweep">Id of the sweep; empty for a single trial.</param>
/// <param name="Workers">Replicas that trained it.</param>
/// <param name="Device"><c>cpu</c> or <c>cuda:N</c>.</param>
/// <param name="Threads">ATen and BLAS threads of each worker.</param>
/// <param name="Libtorch">Version of libtorch.</param>
/// <param name="Blas">BLAS library and its core type.</param>
/// <param name="CpuCapability">ATen's vector instruction set.</param>
/// <param name="Processor">Model name of the processor.</param>
/// <param name="Version">Version of this program.</param>
public sealed record RunFacts(
    string Fingerprint, string Sweep, int Workers, string Device, int Threads, string Libtorch, string Blas, string CpuCapability, string Processor, string Version);

/// <summary>Held-out figures of a finished trial, as <c>config.json</c> shows them. Nats per row.</summary>
public sealed record ResultFacts(double Elbo, double Distortion, double Rate, int ActiveUnits, long Steps, int Epochs, double TrainSeconds, long Parameters)
{
    /// <summary>What the objective says beside these, by name; null when nothing.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyDictionary<string, double>? Figures { get; init; }
}

/// <summary>
/// <c>config.json</c>: the trial as the sweep file would say it, and beside it what the model file alone does not tell. Keys of the trial are
/// those of the sweep file; <c>image</c>, <c>result</c> and <c>run</c> are ours.
/// </summary>
/// <param name="Trial">The hyperparameters.</param>
/// <param name="Dataset">What it was trained on; null when unknown.</param>
/// <param name="Image">The shape of one row.</param>
/// <param name="Result">How good it is; null while unknown.</param>
/// <param name="Run">How it was trained; null when unknown.</param>
public sealed record ModelConfig(TrialSpec Trial, DatasetSource? Dataset, ImageShape Image, ResultFacts? Result, RunFacts? Run)
{
    /// <summary>Name of the file beside <c>model.safetensors</c>.</summary>
    public const string FileName = "config.json";

    private const long BytesMax = 1024 * 1024;

    private static readonly JsonSerializerOptions Style = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower, WriteIndented = true };

    /// <summary>The text of the file.</summary>
    public string Write()
    {
        var text = Dataset is { } dataset ? TrialSpecJson.WriteConfig(Trial, dataset) : System.Text.Encoding.UTF8.GetString(TrialSpecJson.WriteUtf8(Trial));
        var root = JsonNode.Parse(text)!.AsObject();
        root["image"] = JsonSerializer.SerializeToNode(Image, Style);
        root["image"]!.AsObject().Remove("values");
        if (Result is not null) root["result"] = JsonSerializer.SerializeToNode(Result, Style);
        if (Run is not null) root["run"] = JsonSerializer.SerializeToNode(Run, Style);
        return root.ToJsonString(Style) + "\n";
    }

    /// <summary>Reads the file beside a model.</summary>
    /// <exception cref="DatasetException">It is missing, too large or not what we write; the text names file and rule.</exception>
    public static ModelConfig Read(string path)
    {
        byte[] bytes;
        try
        {
            var file = new FileInfo(path);
            if (!file.Exists) throw new DatasetException($"{path} is missing: a model is a folder with model.safetensors and config.json.");
            if (file.Length > BytesMax) throw new DatasetException($"{path} has {file.Length:N0} bytes; a config has at most {BytesMax:N0}.");
            bytes = File.ReadAllBytes(path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new DatasetException($"{path} cannot be read: {exception.Message}", exception);
        }

        try
        {
            var root = JsonNode.Parse(bytes, documentOptions: new JsonDocumentOptions { MaxDepth = 16 })?.AsObject() ?? throw new FormatException("it is empty");
            var image = Take<ImageShape?>(root, "image") ?? throw new FormatException("`image` is missing");
            if (image.Channels is < 1 or > 4 || image.Height is < 1 or > 4096 || image.Width is < 1 or > 4096) throw new FormatException("`image` is out of range");
            var result = Take<ResultFacts>(root, "result");
            var run = Take<RunFacts>(root, "run");
            var (trial, dataset) = TrialSpecJson.ReadConfig(JsonSerializer.SerializeToUtf8Bytes(root));
            return new ModelConfig(trial, dataset, image, result, run);
        }
        catch (Exception exception) when (exception is JsonException or FormatException or InvalidOperationException or ArgumentException)
        {
            throw new DatasetException($"{path} is not a model's config: {exception.Message}", exception);
        }
    }

    private static T? Take<T>(JsonObject root, string key)
    {
        if (!root.Remove(key, out var node)) return default;
        return node.Deserialize<T>(Style);
    }
}
