using System.CommandLine;

namespace Vae.Cli.Commands.Model;

/// <summary><c>vae model ...</c>: use what was trained. One file for each command.</summary>
internal static class ModelCommands
{
    public static Command Create() => new("model", "Use trained models.")
    {
        EvaluateCommand.Create(), GenerateCommand.Create(), ReconstructCommand.Create(), InterpolateCommand.Create(), TraverseCommand.Create(), ArithmeticCommand.Create(), EncodeCommand.Create(), AnomalyCommand.Create(),
        CompressCommand.Create(), DecompressCommand.Create(), ExportCommand.Create(),
    };
}
