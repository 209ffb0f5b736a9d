using System.Collections.Frozen;
using System.Text;

namespace Vae.Shared.Wire;

/// <summary>Which records may cross the wire or lie in the store, and under which tag. <see cref="MessageCatalog.Default"/> is the product's.</summary>
public sealed class Catalog
{
    private readonly FrozenDictionary<ushort, CatalogRow> _rowByTag;
    private readonly FrozenDictionary<Type, CatalogRow> _rowByType;

    /// <exception cref="ArgumentException">A tag or a type stands twice.</exception>
    public Catalog(IReadOnlyList<CatalogRow> rows)
    {
        Rows = rows;
        // By way of a dictionary, because the frozen one takes the last of two equal keys without a word.
        var byTag = new Dictionary<ushort, CatalogRow>();
        var byType = new Dictionary<Type, CatalogRow>();
        foreach (var row in rows)
        {
            byTag.Add(row.Tag, row);
            byType.Add(row.Type, row);
        }

        _rowByTag = byTag.ToFrozenDictionary();
        _rowByType = byType.ToFrozenDictionary();
    }

    /// <summary>All rows, in the order of the table.</summary>
    public IReadOnlyList<CatalogRow> Rows { get; }

    /// <summary>Null when a newer peer sent a tag that this build does not know; the host answers that it is unsupported.</summary>
    public CatalogRow? Find(ushort tag) => _rowByTag.GetValueOrDefault(tag);

    /// <summary>Null for a record that never leaves its node.</summary>
    public CatalogRow? Find(Type type) => _rowByType.GetValueOrDefault(type);

    /// <summary>A catalog with more rows, for tests that bring messages of their own.</summary>
    public Catalog With(params IEnumerable<CatalogRow> rows) => new([.. Rows, .. rows]);

    /// <summary>The contract as text: every row by tag, then every nested record, family and enum by name.</summary>
    public string Describe()
    {
        var text = new StringBuilder();
        var nested = new SortedDictionary<string, IReadOnlyList<string>>(StringComparer.Ordinal);
        foreach (var row in Rows.OrderBy(r => r.Tag))
        {
            text.Append("0x").Append(row.Tag.ToString("X4")).Append(' ');
            Append(text, [row.Shape.Name, .. row.Shape.Definition.Skip(1)]);
            foreach (var part in row.Shape.Parts) Collect(part, nested);
        }

        foreach (var definition in nested.Values) Append(text.Append('\n'), definition);
        return text.ToString();
    }

    private static void Append(StringBuilder text, IReadOnlyList<string> lines)
    {
        foreach (var line in lines) text.Append(line).Append('\n');
    }

    private static void Collect(WireShape shape, SortedDictionary<string, IReadOnlyList<string>> nested)
    {
        if (nested.ContainsKey(shape.Name)) return;
        if (shape.Definition.Count > 0) nested.Add(shape.Name, shape.Definition);
        foreach (var part in shape.Parts) Collect(part, nested);
    }
}
