namespace Vae.Shared.Sweeps;

/// <summary>Reads what one searched parameter may be.</summary>
internal sealed class DomainReader(ReadContext context, SearchField field, SearchMethod method)
{
    private static readonly string[] Kinds = ["values", "uniform", "log_uniform", "int_uniform"];

    private static readonly string Known = string.Join(", ", Kinds);

    /// <returns>Null when a problem was reported.</returns>
    public ParameterDomain? Read(SourceNode node)
    {
        switch (node)
        {
            case SourceNode.Broken: return null;
            case SourceNode.Mapping { Entries: [var (kind, value)] } when Kinds.Contains(kind.Text):
                if (value is SourceNode.Broken) return null;
                return kind.Text == "values" ? Values(kind, value) : Range(kind, value);
            case SourceNode.Mapping mapping:
                ReportKinds(mapping);
                return null;
            case SourceNode.Sequence:
                return Report(node.At, Rules.Domain, "lists values without saying so", "write { values: [...] }");
            default:
                return Report(node.At, Rules.Domain, $"must be a block with one of {Known}, but is {node.Describe()}", "for a single value set it in model or training");
        }
    }

    private ParameterDomain.Values? Values(SourceNode.Scalar kind, SourceNode node)
    {
        if (node is not SourceNode.Sequence list)
        {
            Report(node.At, Rules.Type, $"must have a list of values, but has {node.Describe()}", "write values: [a, b]");
            return null;
        }
        if (list.Items.Count == 0)
        {
            Report(kind.At, Rules.EmptyGrid, "has no values", "list at least one");
            return null;
        }

        var texts = new List<string>(list.Items.Count);
        var seen = new HashSet<string>(StringComparer.Ordinal);
        var sound = true;
        foreach (var item in list.Items)
        {
            if (!field.TryCanonical(item, out var text, out var fault)) context.AddFault(field.Path, field.Expectation, fault);
            else if (!seen.Add(text)) Report(item.At, Rules.DuplicateValue, $"lists {Quote.Plain(text)} twice", "the same trial would run twice");
            else
            {
                texts.Add(text);
                continue;
            }
            sound = false;
        }
        return sound ? new(texts.ToValueList()) : null;
    }

    private ParameterDomain? Range(SourceNode.Scalar kind, SourceNode node)
    {
        if (field.Number == NumberKind.None)
        {
            return Report(kind.At, Rules.Domain, $"is not a number, so it has no {kind.Text}", "list its values: { values: [...] }");
        }
        var whole = kind.Text == "int_uniform";
        if (field.Number == NumberKind.Whole && !whole) return Report(kind.At, Rules.Domain, $"is a whole number, so {kind.Text} does not fit", "use int_uniform");
        if (node is not SourceNode.Sequence { Items: [var lowNode, var highNode] } pair)
        {
            return Report(node.At, Rules.Type, $"must have {kind.Text}: [low, high], but has {node.Describe()}", null);
        }

        // Both ends are read, so that two faults are two messages.
        var lowIsSound = End(lowNode, kind.Text, out var low);
        var highIsSound = End(highNode, kind.Text, out var high);
        if (!lowIsSound || !highIsSound) return null;
        if (low >= high) return Report(pair.At, Rules.EmptyRange, "has an empty range: the lower end comes first", low == high ? "set the single value in model or training" : "swap the ends");
        if (method == SearchMethod.Grid) return Report(kind.At, Rules.RangeInGrid, $"has a range, but a grid takes listed values", $"write {{ values: [{Steps(kind.Text, low, high)}] }}, or use `method: random` with `trials: 20`");
        return kind.Text switch
        {
            "uniform" => new ParameterDomain.Uniform(low, high),
            "log_uniform" => new ParameterDomain.LogUniform(low, high),
            _ => WholeRange(lowNode, highNode),
        };
    }

    /// <summary>An end must be a value that the field itself could have.</summary>
    private bool End(SourceNode node, string kind, out double value)
    {
        if (kind == "log_uniform" && node is SourceNode.Scalar { Quoted: false } scalar && NumberText.TryReal(scalar.Text, out value) && value <= 0)
        {
            Report(node.At, Rules.LogOfZero, "has a logarithmic range that touches 0", "start above 0, for example at 1e-5, or use uniform");
            return false;
        }
        value = 0;
        if (kind == "int_uniform" && !new WholeNumber<long>(long.MinValue, long.MaxValue).TryRead(node, out _, out var notWhole))
        {
            Report(notWhole.At, notWhole.Rule, $"must have whole numbers as the ends of int_uniform, but has {notWhole.Found}", notWhole.Hint);
            return false;
        }
        if (!field.TryCanonical(node, out var text, out var fault))
        {
            context.AddFault(field.Path, field.Expectation, fault);
            return false;
        }
        if (NumberText.TryReal(text, out value)) return true;
        Report(node.At, Rules.Type, $"cannot have `{Quote.Plain(text)}` as the end of a range", null);
        return false;
    }

    private static ParameterDomain.IntUniform WholeRange(SourceNode low, SourceNode high) =>
        new(long.Parse(((SourceNode.Scalar)low).Text), long.Parse(((SourceNode.Scalar)high).Text));

    private static string Steps(string kind, double low, double high)
    {
        var middle = kind == "log_uniform" ? Math.Sqrt(low * high) : (low + high) / 2;
        if (kind == "int_uniform") middle = Math.Floor(middle);
        double[] steps = [low, kind == "int_uniform" ? middle : double.Parse(middle.ToString("G3")), high];
        return string.Join(", ", steps.Distinct().Select(NumberText.Display));
    }

    private void ReportKinds(SourceNode.Mapping mapping)
    {
        if (mapping.Entries.Count == 0)
        {
            Report(mapping.At, Rules.EmptyGrid, "has no values", "write { values: [a, b] }");
            return;
        }
        var strange = mapping.Entries.Where(entry => !Kinds.Contains(entry.Key.Text)).ToArray();
        foreach (var (key, _) in strange)
        {
            context.Add(key.At, Rules.UnknownKey, $"unknown key `{Quote.Plain(key.Text)}` in {field.Path}", Suggest.Sentence(key.Text, Kinds) ?? $"the keys here are {Known}");
        }
        if (strange.Length == 0) Report(mapping.Entries[1].Key.At, Rules.Domain, $"has more than one of {Known}", "keep one of them");
    }

    private ParameterDomain? Report(TextSpan at, string rule, string predicate, string? hint)
    {
        context.Add(at, rule, $"{field.Path} {predicate}", hint);
        return null;
    }
}
