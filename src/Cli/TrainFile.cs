using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Vae.Models.Files;
using Vae.Shared.Datasets;
using Vae.Shared.Sweeps;

namespace Vae.Cli;

/// <summary>
/// Makes the sweep file of one trial out of options. Its text is JSON, which YAML contains, and goes through the parser of sweep files like any other: so options obey
/// the same ranges, and their mistakes get the same hints, without a second set of rules.
/// </summary>
internal static class TrainFile
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    /// <summary><c>training.beta=4</c> in its two parts.</summary>
    /// <exception cref="CliException">There is no equals sign, or no path in front of it.</exception>
    public static (string Path, string Value) Setting(string text)
    {
        var sign = text.IndexOf('=', StringComparison.Ordinal);
        return sign > 0
            ? Setting(text[..sign].Trim(), text[(sign + 1)..].Trim())
            : throw new CliException(ExitCode.Usage, $"--set {text} is no setting.", "Write it as --set PATH=VALUE, for example --set training.beta=4.");
    }

    /// <summary>A path and its value.</summary>
    public static (string Path, string Value) Setting(string path, string value) => (path, value);

    /// <summary>The trial of a model that was trained before.</summary>
    /// <exception cref="CliException">The model's config does not say what it was trained on.</exception>
    public static SweepDefinition Of(ModelConfig config, string path) => new()
    {
        Name = "train",
        Dataset = config.Dataset ?? throw new CliException(ExitCode.InvalidInput, $"{path} does not say what the model was trained on.", "Write a sweep file with its `model` and `training` and a `dataset`."),
        Model = config.Trial.Model,
        Training = config.Trial.Training,
    };

    /// <summary>The text of the sweep file.</summary>
    /// <param name="given">What it starts from; null for sprites and the defaults of the format.</param>
    /// <param name="settings">What to change, in order: a later one wins.</param>
    public static string Compose(SweepDefinition? given, IReadOnlyList<(string Path, string Value)> settings)
    {
        var root = given is null
            ? new JsonObject { ["version"] = 1, ["name"] = "train", ["dataset"] = new JsonObject { ["source"] = "sprites" } }
            : WithoutDefaults(given);
        foreach (var (path, value) in settings) Set(root, path, value);
        if (given is null && root["dataset"] is JsonObject dataset && dataset.ContainsKey("images") && !settings.Any(setting => setting.Path == "dataset.source")) dataset["source"] = "idx";
        return root.ToJsonString(Indented) + "\n";
    }

    // A field that has its default need not be said, and some may not be where they have no meaning, such as the size of sprites beside the files of idx.
    private static JsonObject WithoutDefaults(SweepDefinition given)
    {
        var root = Tree(given);
        var defaults = Tree(new SweepDefinition { Name = given.Name, Dataset = new DatasetSource { Source = given.Dataset.Source } });
        root.Remove("schema_version");
        root.Remove("search");
        foreach (var (name, block) in root.ToList())
        {
            if (block is not JsonObject fields || defaults[name] is not JsonObject usual) continue;
            foreach (var (key, value) in fields.ToList())
            {
                if (key != "source" && JsonNode.DeepEquals(value, usual[key])) fields.Remove(key);
            }

            if (fields.Count == 0) root.Remove(name);
        }

        return root;
    }

    private static JsonObject Tree(SweepDefinition sweep) => JsonNode.Parse(Encoding.UTF8.GetString(SweepDefinitionJson.WriteUtf8(sweep)))!.AsObject();

    private static void Set(JsonObject root, string path, string value)
    {
        var block = root;
        var parts = path.Split('.');
        foreach (var part in parts.AsSpan(0, parts.Length - 1))
        {
            if (block[part] is not JsonObject inner) block[part] = inner = [];
            block = inner;
        }

        block[parts[^1]] = Value(value);
    }

    // Numbers, lists and null are written as they are; everything else is a word, and a word needs quotes in JSON.
    private static JsonNode? Value(string text)
    {
        try
        {
            return JsonNode.Parse(text);
        }
        catch (JsonException)
        {
            return JsonValue.Create(text);
        }
    }
}
