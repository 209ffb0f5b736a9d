using System.Globalization;
using Vae.Models.Networks;
using Vae.Torch;

namespace Vae.Models.Files;

/// <summary>Says a network's modules and tensors as assignments in the constructor of a PyTorch module, under the names that its <c>state_dict</c> has.</summary>
internal static class PyTorchModules
{
    private const int Width = 120; // Of a line, which is broken between modules.

    public static IEnumerable<string> Lines(PackNetwork network) => Lines(network, network.ModelTensors());

    public static IEnumerable<string> Lines(CodePrior prior) => Lines(prior, prior.state_dict());

    private static IEnumerable<string> Lines(Module owner, IEnumerable<(string name, Tensor tensor)> tensors)
    {
        foreach (var group in owner.named_children().GroupBy(child => child.name.Split('.')[0]))
        {
            // encoder.0, encoder.1: the members of a list.
            string[] members = [.. group.Where(child => child.name.Contains('.', StringComparison.Ordinal)).OrderBy(child => int.Parse(child.name.Split('.')[1], CultureInfo.InvariantCulture)).Select(child => Of(child.module))];
            yield return $"self.{group.Key} = {(members.Length > 0 ? $"nn.ModuleList([{Joined(members)}])" : Of(group.Single().module))}";
        }

        foreach (var (name, tensor) in tensors)
        {
            if (!name.Contains('.', StringComparison.Ordinal)) yield return $"self.{name} = nn.Parameter(torch.zeros({Shape(tensor.shape.AsSpan(1))}))";
        }
    }

    public static bool HasBlocks(Module module) => module is ResidualBlock || module.named_children().Any(child => HasBlocks(child.module));

    private static string Of(Module module) => module switch
    {
        Sequential stack => $"nn.Sequential({Joined([.. stack.named_children().Select(child => Of(child.module))])})",
        Classifier classifier => Of(classifier),
        ResidualBlock => $"{module}",
        Codebook codebook => $"nn.ParameterDict({{{string.Join(", ", codebook.state_dict().Select(state => $"\"{state.name}\": torch.zeros({Shape(state.tensor.shape.AsSpan(1))})"))}}})",
        CodePrior => "Prior()",
        _ => $"nn.{module}",
    };

    // Convolutions take and give rows by modules without weights around them.
    private static string Of(Classifier classifier)
    {
        var parts = classifier.named_children().Select(child => $"{child.name}={Of(child.module)}").ToList();
        if (classifier.HasConvolutions)
        {
            parts.Insert(1, "rows=nn.Flatten()");
            parts.Insert(0, string.Create(CultureInfo.InvariantCulture, $"image=nn.Unflatten(1, ({classifier.Image.Channels}, {classifier.Image.Height}, {classifier.Image.Width}))"));
        }

        return $"nn.Sequential(OrderedDict({Joined([.. parts])}))";
    }

    private static string Joined(string[] modules)
    {
        var lines = new List<string> { "" };
        foreach (var module in modules)
        {
            if (lines[^1].Length > 0 && lines[^1].Length + module.Length > Width) lines.Add("");
            lines[^1] += (lines[^1].Length == 0 ? "" : ", ") + module;
        }

        return string.Join(",\n            ", lines);
    }

    private static string Shape(ReadOnlySpan<long> shape) => shape.Length == 0 ? "()" : string.Join(", ", shape.ToArray());
}
