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
        SweepClusterCommands.CreateSubmit(),
        SweepReadCommands.CreateList(),
        SweepReadCommands.CreateStatus(),
        SweepReadCommands.CreateResults(),
        SweepClusterCommands.CreateWatch(),
        SweepClusterCommands.CreateCancel(),
        SweepClusterCommands.CreateExport(),
    };

    public static Argument<string> FileArgument() => new("FILE") { Description = "The sweep file (YAML), for example examples/quickstart.yaml." };
}
