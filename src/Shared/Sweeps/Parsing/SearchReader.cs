namespace Vae.Shared.Sweeps;

/// <summary>Reads the <c>search</c> block.</summary>
internal sealed class SearchReader(ReadContext context)
{
    private const string Parameters = "parameters";
    private const string EarlyStopping = "early_stopping";

    /// <param name="block">Null where the file has no search: one trial.</param>
    public SearchSpec Read(MappingEntry? block)
    {
        if (block is null) return SweepFields.Search.Defaults;
        var search = SweepFields.Search.Read(block.Value, block.Key.At, context, Parameters, EarlyStopping);
        var entries = block.Value is SourceNode.Mapping mapping ? mapping.Entries : [];

        if (entries.FirstOrDefault(entry => entry.Key.Text == EarlyStopping) is { } stopping)
        {
            context.Add(stopping.Key.At, Rules.NotAvailable, "early_stopping is not available in this version", "remove it; every trial runs its epochs");
        }
        if (entries.FirstOrDefault(entry => entry.Key.Text == Parameters) is { } parameters)
        {
            search = search with { Parameters = ReadParameters(parameters, search.Method) };
        }
        else if (block.Value is SourceNode.Mapping or SourceNode.Scalar { IsNull: true })
        {
            context.Add(block.Key.At, Rules.EmptyGrid, "search has no parameters", "add `parameters:`, or remove `search` for a single trial");
        }
        CheckTrials(search, block, entries);
        return search;
    }

    private ValueList<SearchParameter> ReadParameters(MappingEntry block, SearchMethod method)
    {
        var entries = context.Block(block.Value, "search.parameters");
        if (entries.Count == 0 && block.Value is SourceNode.Mapping or SourceNode.Scalar { IsNull: true })
        {
            context.Add(block.Key.At, Rules.EmptyGrid, "search.parameters is empty", "name at least one, for example `training.beta: { values: [1, 4] }`");
        }

        var result = new List<SearchParameter>();
        foreach (var (key, value) in entries)
        {
            context.Place(Parameters + ":" + key.Text, key.At);
            if (SearchField.Find(key.Text) is not { } field) ReportUnknown(key);
            else if (new DomainReader(context, field, method).Read(value) is { } domain) result.Add(new(key.Text, domain));
        }
        return result.ToValueList();
    }

    private void ReportUnknown(SourceNode.Scalar key)
    {
        var name = Quote.Plain(key.Text);
        if (SweepFields.All.Any(field => field.Path == key.Text))
        {
            context.Add(key.At, Rules.NotSearchable, $"`{name}` cannot be searched", "the fields of model and training can");
            return;
        }
        var last = key.Text[(key.Text.LastIndexOf('.') + 1)..];
        var meant = SearchField.All.FirstOrDefault(field => field.Path.EndsWith("." + last, StringComparison.Ordinal))?.Path
            ?? SweepFields.FindSearchableByAlias(last)
            ?? Suggest.Closest(key.Text, SearchField.All.Select(field => field.Path))
            ?? SearchField.All.FirstOrDefault(field => Suggest.Closest(last, [field.Path[(field.Path.IndexOf('.') + 1)..]]) is not null)?.Path;
        context.Add(key.At, Rules.UnknownParameter, $"there is no hyperparameter `{name}`",
            meant is null ? "write the path of a field of model or training, for example `training.beta`" : $"did you mean `{meant}`?");
    }

    private void CheckTrials(SearchSpec search, MappingEntry block, IReadOnlyList<MappingEntry> entries)
    {
        var written = entries.FirstOrDefault(entry => entry.Key.Text == "trials");
        if (search.Method == SearchMethod.Random && search.Trials is null && written is null)
        {
            context.Add(block.Key.At, Rules.Trials, "random search does not say how many trials to draw", "add `trials: 20`");
        }
        if (search.Method == SearchMethod.Grid && search.Trials is not null && written is not null)
        {
            context.Add(written.Key.At, Rules.Trials, "a grid runs all its combinations", "remove `trials`, or use `method: random`");
        }
    }
}
