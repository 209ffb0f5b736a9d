using System.Xml.Linq;
using Vae.Tests.Unit.Deploy;

namespace Vae.Tests.Unit.Structure;

/// <summary>References point inward only: pure, then hosts, then edge. What decides never touches a tensor.</summary>
public class RingTests
{
    private static readonly Dictionary<string, string[]> Allowed = new()
    {
        ["Shared"] = [],
        ["Data"] = ["Shared"],
        ["Runtime"] = ["Shared"],
        ["Torch"] = [],
        ["Models"] = ["Shared", "Data", "Torch"],
        ["Coordinator"] = ["Shared", "Data", "Runtime"],
        ["Worker"] = ["Shared", "Data", "Runtime", "Models"],
        ["Cli"] = ["Coordinator", "Worker"],
    };

    [Fact]
    public void Projects_reference_only_what_their_ring_allows()
    {
        var source = Path.Combine(Checkout.Root, "src");
        Assert.Equal(Allowed.Keys.Order(), Directory.GetDirectories(source).Select(Path.GetFileName).Order());
        foreach (var (project, allowed) in Allowed)
        {
            var file = XDocument.Load(Path.Combine(source, project, $"{project}.csproj"));
            var references = file.Descendants("ProjectReference").Select(node => Path.GetFileNameWithoutExtension(node.Attribute("Include")!.Value.Replace('\\', '/')));
            Assert.All(references, reference => Assert.Contains(reference, allowed));
        }
    }

    [Fact]
    public void Shared_uses_no_package_but_the_yaml_parser()
    {
        var file = XDocument.Load(Path.Combine(Checkout.Root, "src", "Shared", "Shared.csproj"));
        var packages = file.Descendants("PackageReference").Select(node => node.Attribute("Include")!.Value);
        Assert.Equal(["YamlDotNet"], packages);
    }
}
