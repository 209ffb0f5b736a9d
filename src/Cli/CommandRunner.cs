using System.CommandLine;
using System.CommandLine.Parsing;
using System.Text.RegularExpressions;
using Vae.Cli.Terminal;

namespace Vae.Cli;

/// <summary>Runs a command and turns whatever goes wrong into a message and an exit code. A user's mistake never shows a stack trace.</summary>
internal static partial class CommandRunner
{
    public static async Task<int> RunAsync(RootCommand root, string[] arguments)
    {
        var parse = root.Parse(arguments);
        if (parse.Errors.Count > 0) return ReportUsage(parse);
        var configuration = new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null };
        return await parse.InvokeAsync(configuration);
    }

    /// <summary>Gives a command its body. Errors become exit codes here, in one place.</summary>
    public static void Do(this Command command, Func<ParseResult, Output, CancellationToken, Task<ExitCode>> body) =>
        command.DoUntilStopped((parse, output, interrupt) => body(parse, output, interrupt.Token));

    /// <summary>As the other one, for a body that decides itself what a signal means.</summary>
    public static void DoUntilStopped(this Command command, Func<ParseResult, Output, Interrupt, Task<ExitCode>> body) =>
        command.SetAction(async (parse, _) =>
        {
            var output = GlobalOptions.OutputOf(parse);
            using var interrupt = new Interrupt(output);
            try
            {
                return (int)await body(parse, output, interrupt);
            }
            catch (OperationCanceledException) when (interrupt.Token.IsCancellationRequested)
            {
                return (int)ExitCode.Interrupted;
            }
            catch (Exception exception) when (Faults.Explain(exception) is { } told)
            {
                output.Error(told.Message, told.Help);
                return (int)told.Code;
            }
        });

    // The parser names types of the runtime, which mean nothing to who types a command.
    internal static string ForPeople(string message)
    {
        if (TypeError().Match(message) is not { Success: true } match) return message;
        var kind = match.Groups[3].Value.Contains("Double", StringComparison.Ordinal) ? "a number" : "a whole number in its range";
        return $"{match.Groups[2].Value} must be {kind}, not '{match.Groups[1].Value}'.";
    }

    [GeneratedRegex("^Cannot parse argument '(.*)' for option '(.*)' as expected type '(.*)'\\.$")]
    private static partial Regex TypeError();

    private static int ReportUsage(ParseResult parse)
    {
        var output = GlobalOptions.OutputOf(parse);
        foreach (var error in parse.Errors) output.Error(ForPeople(error.Message));
        var path = new List<string>();
        for (var result = parse.CommandResult; result is not null; result = result.Parent as CommandResult) path.Insert(0, result.Command.Name);
        output.Notes.WriteLine($"See `vae {string.Join(' ', path.Skip(1).Append("--help"))}`.");
        return (int)ExitCode.Usage;
    }
}
