using System.CommandLine;
using System.Text;

namespace Vae.Cli.Reports;

/// <summary>The commands and options as Markdown, read from the commands themselves, so that the reference cannot drift.</summary>
internal static class CliReference
{
    /// <summary>A section for each command that does something.</summary>
    public static string Commands(RootCommand root)
    {
        var text = new StringBuilder();
        foreach (var command in root.Subcommands) Write(text, "vae", command);
        return text.ToString();
    }

    /// <summary>The table of the options that every command takes.</summary>
    public static string GlobalOptions(RootCommand root)
    {
        var text = new StringBuilder();
        WriteOptions(text, root.Options.Where(option => option.Recursive && option.Name is not ("--help" or "--version")));
        return text.ToString();
    }


    private static void Write(StringBuilder text, string path, Command command)
    {
        path = $"{path} {command.Name}";
        foreach (var inner in command.Subcommands) Write(text, path, inner);
        if (command.Subcommands.Count > 0) return;
        var usage = string.Join(' ', command.Arguments.Select(argument => argument.Arity.MinimumNumberOfValues > 0 && !argument.HasDefaultValue ? argument.Name : $"[{argument.Name}]"));
        text.Append($"### {$"{path} {usage}".TrimEnd()}\n\n{command.Description}\n\n");
        foreach (var argument in command.Arguments) text.Append($"- `{argument.Name}`: {argument.Description}\n");
        if (command.Arguments.Count > 0) text.Append('\n');
        WriteOptions(text, command.Options.Where(option => option.Name != "--help"));
        text.Append('\n');
    }

    private static void WriteOptions(StringBuilder text, IEnumerable<Option> options)
    {
        var rows = options.ToList();
        if (rows.Count == 0) return;
        text.Append("| option | meaning |\n| --- | --- |\n");
        foreach (var option in rows)
        {
            var names = string.Join(", ", option.Aliases.Prepend(option.Name));
            var value = option.HelpName is { Length: > 0 } name ? $" {name}" : "";
            text.Append($"| `{(names + value).Replace("|", "\\|", StringComparison.Ordinal)}` | {option.Description}{Default(option)}{(option.Required ? " Required." : "")} |\n");
        }
    }

    // A default that depends on the machine or the environment is told in words by the description.
    private static string Default(Option option) => option.HasDefaultValue && option.GetDefaultValue() is { } value && option.Name is not ("--name" or "--home") && $"{value}" is { Length: > 0 } shown && value is not (bool or Array)
        ? $" Default: {shown}."
        : "";
}
