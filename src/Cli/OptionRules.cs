using System.CommandLine;
using System.CommandLine.Parsing;

namespace Vae.Cli;

/// <summary>Rules of options, told as usage errors with the allowed range.</summary>
internal static class OptionRules
{
    /// <summary>Refuses numbers outside a range.</summary>
    public static void InRange(this Option<int?> option, int least, int most) => option.Validators.Add(result => Check(result, option.Name, least, most));

    /// <inheritdoc cref="InRange(Option{int?}, int, int)"/>
    public static void InRange(this Option<int> option, int least, int most) => option.Validators.Add(result => Check(result, option.Name, least, most));

    // The text is looked at, not the value: asking for the value of a text that is no number throws, and the parser itself reports that one.
    private static void Check(OptionResult result, string name, int least, int most)
    {
        if (result.Tokens is [{ Value: var text }] && long.TryParse(text, out var value) && (value < least || value > most)) result.AddError($"{name} must be {least:N0} to {most:N0}, not {value:N0}.");
    }
}
