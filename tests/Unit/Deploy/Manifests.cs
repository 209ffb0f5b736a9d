using System.Collections.Concurrent;
using YamlDotNet.RepresentationModel;

namespace Vae.Tests.Unit.Deploy;

/// <summary>The objects that `kubectl apply -k` would send, and a way to walk them.</summary>
internal static class Manifests
{
    private static readonly ConcurrentDictionary<string, IReadOnlyList<YamlNode>> Rendered = new();

    public static IReadOnlyList<YamlNode> Render(string folder) => Rendered.GetOrAdd(folder, static folder =>
    {
        var (status, output, error) = Checkout.Run("kubectl", ["kustomize", Checkout.PathTo("deploy/k8s", folder)]);
        Assert.True(status == 0, error);
        var stream = new YamlStream();
        stream.Load(new StringReader(output));
        return [.. stream.Documents.Select(document => document.RootNode)];
    });

    public static IEnumerable<YamlNode> OfKind(this IEnumerable<YamlNode> objects, params string[] kinds) =>
        objects.Where(node => kinds.Contains(node.Text("kind")));

    /// <summary>The node at a path such as `spec/template/spec`; null where any part is missing.</summary>
    public static YamlNode? At(this YamlNode node, string path) => path.Split('/').Aggregate((YamlNode?)node, static (at, part) =>
        at is YamlMappingNode map && map.Children.TryGetValue(new YamlScalarNode(part), out var child) ? child : null);

    public static string? Text(this YamlNode node, string path) => (node.At(path) as YamlScalarNode)?.Value;

    public static IEnumerable<YamlNode> Items(this YamlNode node, string path) => (node.At(path) as YamlSequenceNode)?.Children ?? Enumerable.Empty<YamlNode>();

    public static Dictionary<string, string> Labels(this YamlNode node, string path) =>
        (node.At(path) as YamlMappingNode)?.Children.ToDictionary(pair => ((YamlScalarNode)pair.Key).Value!, pair => ((YamlScalarNode)pair.Value).Value!) ?? [];
}
