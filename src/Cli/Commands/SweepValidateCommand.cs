using System.CommandLine;
using Vae.Cli.Terminal;
using Vae.Shared.Sweeps;

namespace Vae.Cli.Commands;

/// <summary><c>vae sweep validate FILE</c>: every problem at once; touches nothing.</summary>
internal static class SweepValidateCommand
{
    public static Command Create()
    {
        var file = SweepCommands.FileArgument();
        var command = new Command("validate", "Check a sweep file and report every problem with line, column and remedy. Exit code 3 when there are errors.") { file };
        command.Do((parse, output, _) =>
        {
            var path = parse.GetRequiredValue(file);
            var (result, _) = SweepFile.Parse(path);
            if (output.Mode.Json) output.Line(ProblemText.Json(path, result.Problems));
            else output.Notes.Write(ProblemText.Render(path, result.Text, result.Problems, output.Mode.ColorOn));
            if (result.Definition is not { } definition) return Task.FromResult(ExitCode.InvalidInput);
            if (!output.Mode.Json) output.Line($"{path} is valid: {Units.Count(SweepTrials.Count(definition), "trial")}.");
            return Task.FromResult(ExitCode.Ok);
        });
        return command;
    }
}
