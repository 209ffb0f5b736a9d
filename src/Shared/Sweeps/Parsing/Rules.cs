namespace Vae.Shared.Sweeps;

/// <summary>The names of all rules, as they stand in brackets behind <c>error</c>. They are part of the JSON output and never change meaning.</summary>
public static class Rules
{
    public const string Size = "size";
    public const string Encoding = "encoding";
    public const string ControlCharacter = "control-character";
    public const string Tab = "tab";
    public const string Depth = "depth";
    public const string Syntax = "syntax";
    public const string Anchor = "anchor";
    public const string Tag = "tag";
    public const string MergeKey = "merge-key";
    public const string Documents = "documents";
    public const string ComplexKey = "complex-key";
    public const string DuplicateKey = "duplicate-key";
    public const string UnknownKey = "unknown-key";
    public const string MissingKey = "missing-key";
    public const string Type = "type";
    public const string Range = "range";
    public const string NotFinite = "not-finite";
    public const string Choice = "choice";
    public const string NotAvailable = "not-available";
    public const string UnknownParameter = "unknown-parameter";
    public const string NotSearchable = "not-searchable";
    public const string Domain = "domain";
    public const string EmptyGrid = "empty-grid";
    public const string EmptyRange = "empty-range";
    public const string LogOfZero = "log-of-zero";
    public const string DuplicateValue = "duplicate-value";
    public const string RangeInGrid = "range-in-grid";
    public const string Trials = "trials";
    public const string TooManyTrials = "too-many-trials";
    public const string TooManyWorkers = "too-many-workers";
    public const string Conflict = "conflict";
    public const string Unused = "unused";
    public const string TooManyProblems = "too-many-problems";

    /// <summary>Each rule with what it asks for.</summary>
    public static IReadOnlyList<(string Id, string Meaning)> All { get; } =
    [
        (Size, "The file is not empty and at most 1 MB."),
        (Encoding, "The file is UTF-8, with or without a byte order mark."),
        (ControlCharacter, "No control characters but line ends and tabs."),
        (Tab, "Indentation is made of spaces."),
        (Depth, "At most 32 levels of nesting."),
        (Syntax, "The file is YAML."),
        (Anchor, "No anchors (`&name`) and aliases (`*name`)."),
        (Tag, "No tags (`!name`)."),
        (MergeKey, "No merge keys (`<<`)."),
        (Documents, "One document per file and no directives (`%`)."),
        (ComplexKey, "A key is a plain word."),
        (DuplicateKey, "A key appears once in its block."),
        (UnknownKey, "Every key is one of the reference's."),
        (MissingKey, "Required keys are there."),
        (Type, "A value has its field's type: a number is written without quotes, a list in brackets."),
        (Range, "A value lies in its field's range."),
        (NotFinite, "No not-a-number and no infinity."),
        (Choice, "A word is one of its field's words."),
        (NotAvailable, "Known elsewhere, but not available in this version."),
        (UnknownParameter, "A searched parameter is the path of a field, such as `training.beta`."),
        (NotSearchable, "Only fields of `model` and `training` can be searched."),
        (Domain, "A parameter has exactly one of `values`, `uniform`, `log_uniform` and `int_uniform`, and one that fits its field."),
        (EmptyGrid, "A parameter has at least one value, and a search at least one parameter."),
        (EmptyRange, "The lower end of a range is below its upper end."),
        (LogOfZero, "A logarithmic range lies above 0."),
        (DuplicateValue, "A value is listed once."),
        (RangeInGrid, "A grid has listed values only; ranges are for random search."),
        (Trials, "Random search says `trials`; a grid does not."),
        (TooManyTrials, "A sweep has at most 10,000,000 trials."),
        (TooManyWorkers, "A pack has at most as many workers as its batch has rows."),
        (Conflict, "Values fit each other: image size and convolutions, data source and its files."),
        (Unused, "A warning: the value has no effect beside the others."),
        (TooManyProblems, "After 100 problems the rest is not listed."),
    ];
}
