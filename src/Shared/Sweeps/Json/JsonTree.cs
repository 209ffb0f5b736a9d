using System.Text.Json;

namespace Vae.Shared.Sweeps;

/// <summary>Turns JSON into the tree that fields read, so that JSON from the wire meets the same ranges as a file from a user.</summary>
internal static class JsonTree
{
    /// <summary>A trial's JSON has four levels.</summary>
    private const int DepthMax = 16;

    /// <exception cref="FormatException">The bytes are no JSON, or nest deeper than 16 levels, or repeat a key.</exception>
    public static SourceNode Parse(ReadOnlySpan<byte> bytes)
    {
        try
        {
            var reader = new Utf8JsonReader(bytes, new JsonReaderOptions { MaxDepth = DepthMax });
            using var document = JsonDocument.ParseValue(ref reader);
            var rest = bytes[(int)reader.BytesConsumed..];
            if (rest.ContainsAnyExcept(" \t\r\n"u8)) throw new FormatException($"Something follows the JSON at byte {reader.BytesConsumed}.");
            return Node(document.RootElement);
        }
        catch (JsonException fault)
        {
            throw new FormatException($"This is no JSON: {fault.Message}", fault);
        }
    }

    private static SourceNode Node(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.Object => Mapping(element),
        JsonValueKind.Array => new SourceNode.Sequence([.. element.EnumerateArray().Select(Node)], TextSpan.None),
        JsonValueKind.String => new SourceNode.Scalar(element.GetString()!, Quoted: true, TextSpan.None),
        _ => new SourceNode.Scalar(element.GetRawText(), Quoted: false, TextSpan.None),
    };

    private static SourceNode.Mapping Mapping(JsonElement element)
    {
        var entries = new List<MappingEntry>();
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (var member in element.EnumerateObject())
        {
            if (!seen.Add(member.Name)) throw new FormatException($"The key `{Quote.Plain(member.Name)}` appears twice.");
            entries.Add(new(new SourceNode.Scalar(member.Name, Quoted: true, TextSpan.None), Node(member.Value)));
        }
        return new(entries, TextSpan.None);
    }
}
