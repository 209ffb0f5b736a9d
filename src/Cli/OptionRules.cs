using System.CommandLine;

namespace Vae.Cli;

/// <summary>Rules of options, told as usage errors with the allowed range.</summary>
internal static class OptionRules
{
    /// <summary>Refuses numbers outside a range.</summary>
    public static void InRange(this Option<int?> option, int least, int most) => option.Validators.Add(result =>
    {
        if (result.GetValueOrDefault<int?>() is { } value && (value < least || value > most)) result.AddError($"{option.Name} must be {least:N0} to {most:N0}, not {value:N0}.");
    });

    /// <inheritdoc cref="InRange(Option{int?}, int, int)"/>
    public static void InRange(this Option<int> option, int least, int most) => option.Validators.Add(result =>
    {
        var value = result.GetValueOrDefault<int>();
        if (value < least || value > most) result.AddError($"{option.Name} must be {least:N0} to {most:N0}, not {value:N0}.");
    });
}
