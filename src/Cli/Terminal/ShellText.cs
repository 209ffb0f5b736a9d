namespace Vae.Cli.Terminal;

/// <summary>Commands to show to a user, fit to be pasted into a shell.</summary>
internal static class ShellText
{
    private const string Plain = "-_./:=,@%+";

    /// <summary>The command that this process was started with.</summary>
    public static string ThisCommand() => Command(Environment.GetCommandLineArgs().AsSpan(1));

    /// <summary><c>vae</c> with these arguments; what a shell would take apart or expand stands in quotes.</summary>
    public static string Command(params ReadOnlySpan<string> arguments)
    {
        var words = new List<string> { "vae" };
        foreach (var argument in arguments) words.Add(Quote(argument));
        return string.Join(' ', words);
    }

    private static string Quote(string argument) =>
        argument.Length > 0 && argument.All(c => char.IsLetterOrDigit(c) || Plain.Contains(c, StringComparison.Ordinal)) ? argument : $"'{argument.Replace("'", "'\\''", StringComparison.Ordinal)}'";
}
