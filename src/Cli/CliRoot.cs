using System.CommandLine;
using Vae.Cli.Commands;
using Vae.Cli.Commands.Model;

namespace Vae.Cli;

/// <summary>All commands.</summary>
internal static class CliRoot
{
    public static RootCommand Create()
    {
        var root = new RootCommand("Trains variational autoencoders: sweeps over hyperparameters, data-parallel, on one machine or many.")
        {
            SweepCommands.Create(),
            TrainCommand.Create(),
            ModelCommands.Create(),
            DataCommands.Create(),
            NodeCommands.CreateCoordinator(),
            NodeCommands.CreateWorker(),
            ClusterCommands.Create(),
            DoctorCommand.Create(),
        };
        GlobalOptions.AddTo(root);
        return root;
    }
}
