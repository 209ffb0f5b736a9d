using System.CommandLine;
using Vae.Cli.Reports;
using Vae.Cli.Sources;
using Vae.Shared;

namespace Vae.Cli.Commands;

/// <summary><c>vae cluster status|drain</c>: the workers of a coordinator that runs.</summary>
internal static class ClusterCommands
{
    public static Command Create() => new("cluster", "Look at the workers of a cluster, or send one away.") { CreateStatus(), CreateDrain() };

    private static Command CreateStatus()
    {
        var source = SourceOptions.OfCluster(SourceOptions.DefaultAddress);
        var command = new Command("status", "Show the workers, what they train, which are in quarantine and why, and which workers and links slow their gangs down.");
        source.AddTo(command);
        command.Do(async (parse, output, cancellation) =>
        {
            using var cluster = source.OpenCluster(parse, SourceOptions.DefaultAddress);
            var document = await cluster.DescribeAsync(cancellation);
            if (output.Mode.Json) ClusterReport.WriteJson(document, output);
            else ClusterReport.WriteText(document, output);
            return ExitCode.Ok;
        });
        return command;
    }

    private static Command CreateDrain()
    {
        var name = new Argument<string>("WORKER") { Description = "Name of the worker, as `vae cluster status` shows it." };
        var source = SourceOptions.OfCluster(SourceOptions.DefaultAddress);
        var command = new Command("drain", "Tell a worker to hand over what it trains and to leave. It gets no more work until a new process of its name registers.") { name };
        source.AddTo(command);
        command.Do(async (parse, output, cancellation) =>
        {
            var worker = parse.GetRequiredValue(name);
            if (!NodeId.IsValid(worker)) throw new CliException(ExitCode.Usage, $"{worker} is no name of a worker.", "Names have 1 to 63 of a-z, 0-9 and -; `vae cluster status` lists them.");
            using var cluster = source.OpenCluster(parse, SourceOptions.DefaultAddress);
            if ((await cluster.DescribeAsync(cancellation)).Workers.All(known => known.Name != worker))
                throw new CliException(ExitCode.InvalidInput, $"the cluster has no worker named {worker}.", "`vae cluster status` lists them.");
            var answer = await cluster.DrainAsync(worker, cancellation);
            if (output.Mode.Json) output.Json("cluster_drain", json => json.WriteString("worker", answer.Worker));
            else output.Note($"{answer.Worker} hands over what it trains and leaves. Its process ends by itself; `vae cluster status` shows when it is gone.");
            return ExitCode.Ok;
        });
        return command;
    }
}
