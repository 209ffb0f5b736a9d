namespace Vae.Shared.Sweeps;

/// <summary>An error keeps a sweep from running, a warning does not.</summary>
public enum Severity { Error, Warning }

/// <summary>One thing that is wrong with a sweep file, with its place.</summary>
/// <param name="Line">From 1.</param>
/// <param name="Column">From 1, in UTF-16 units.</param>
/// <param name="Length">Characters to mark, at least 1.</param>
/// <param name="Rule">One of <see cref="Rules"/>.</param>
/// <param name="Message">One sentence without a full stop.</param>
/// <param name="Hint">What to do about it; null when the message says it all.</param>
/// <param name="Severity">Whether the file is unusable.</param>
public sealed record Problem(int Line, int Column, int Length, string Rule, string Message, string? Hint = null, Severity Severity = Severity.Error);

/// <summary>Collects problems and remembers where values stood, so that rules over several values can point at one of them.</summary>
internal sealed class ReadContext
{
    private const int ProblemsMax = 100; // Nobody reads more, and a hostile file could have half a million.

    private readonly List<Problem> _problems = [];
    private readonly Dictionary<string, TextSpan> _places = new(StringComparer.Ordinal);
    private bool _full;

    public bool HasErrors { get; private set; }

    /// <summary>Nothing more will be listed, so hints need not be worked out.</summary>
    public bool IsFull => _full;

    /// <summary>By position; problems of one position in the order in which they were found.</summary>
    public ValueList<Problem> Sorted() => _problems.OrderBy(p => p.Line).ThenBy(p => p.Column).ToValueList();

    public void Add(TextSpan at, string rule, string message, string? hint = null, Severity severity = Severity.Error)
    {
        HasErrors |= severity == Severity.Error;
        if (_full) return;
        _full = _problems.Count == ProblemsMax;
        _problems.Add(_full
            ? new(at.Line, at.Column, at.Length, Rules.TooManyProblems, $"more than {ProblemsMax} problems; the rest is not listed", "mend the first ones and check again")
            : new(at.Line, at.Column, Math.Max(1, at.Length), rule, message, hint, severity));
    }

    public void AddFault(string path, string expectation, ReadFault fault) =>
        Add(fault.At, fault.Rule, $"{path} must be {expectation}, but is {fault.Found}", fault.Hint);

    public void Place(string path, TextSpan at) => _places[path] = at;

    /// <returns>Where the value stood; null when the file left it to its default.</returns>
    public TextSpan? PlaceOf(string path) => _places.TryGetValue(path, out var at) ? at : null;

    /// <returns>The entries of a block; none, with a problem, when the value is something else. A key with nothing behind it is an empty block.</returns>
    public IReadOnlyList<MappingEntry> Block(SourceNode? node, string name)
    {
        if (node is SourceNode.Mapping mapping) return mapping.Entries;
        if (node is not (null or SourceNode.Broken or SourceNode.Scalar { IsNull: true }))
        {
            Add(node.At, Rules.Type, $"{(name.Length == 0 ? "the file" : name)} must be a block of keys, but is {node.Describe()}", "write `key: value`, one per line");
        }
        return [];
    }
}
