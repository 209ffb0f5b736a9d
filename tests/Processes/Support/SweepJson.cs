using System.Text.Json;

namespace Vae.Tests.Processes.Support;

/// <summary>What `sweep run --json` and `sweep results --json` say, line by line.</summary>
internal static class SweepJson
{
    public static JsonElement Parse(string line)
    {
        using var document = JsonDocument.Parse(line);
        return document.RootElement.Clone();
    }

    public static bool Is(string line, string type) => Parse(line).GetProperty("type").GetString() == type;

    public static string Text(this JsonElement element, string name) => element.GetProperty(name).GetString()!;

    public static int Int(this JsonElement element, string name) => element.GetProperty(name).GetInt32();

    public static double Number(this JsonElement element, string name) => element.GetProperty(name).GetDouble();

    public static IReadOnlyList<string> Texts(this JsonElement element, string name) => [.. element.GetProperty(name).EnumerateArray().Select(item => item.GetString()!)];

    public static IReadOnlyList<JsonElement> Items(this JsonElement element, string name) => [.. element.GetProperty(name).EnumerateArray()];

    /// <summary>The sweep as the store knows it, whoever runs it.</summary>
    public static async Task<JsonElement> ReadAsync(TemporaryHome home, string sweep = "last") =>
        Parse((await RunningProgram.RunVaeAsync("sweep", "results", sweep, "--json", "--home", home.Path)).Expect(0).Lines.Single());
}
