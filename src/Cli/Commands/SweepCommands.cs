using System.CommandLine;

namespace Vae.Cli.Commands;

/// <summary><c>vae sweep ...</c></summary>
internal static class SweepCommands
{
    public static Command Create() => new("sweep", "Check, run and read hyperparameter sweeps.")
    {
        SweepValidateCommand.Create(),
        SweepPlanCommand.Create(),
        SweepRunCommand.Create(),
        SweepResumeCommand.Create(),
        SweepReadCommands.CreateList(),
        SweepReadCommands.CreateStatus(),
        SweepReadCommands.CreateResults(),
    };

    public static Argument<string> FileArgument() => new("FILE") { Description = "The sweep file (YAML), for example examples/quickstart.yaml." };
}
