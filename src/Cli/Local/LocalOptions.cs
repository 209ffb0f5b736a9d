using System.CommandLine;

namespace Vae.Cli.Local;

/// <summary>The options of a run on this machine.</summary>
internal sealed class LocalOptions
{
    public Option<int?> Workers { get; } = new("--workers")
    {
        Description = "Worker processes on this machine. Default: one per CUDA device; without one, a single worker with a lane per core, or one per core where workers share trials (workers_per_pack).",
        HelpName = "N",
    };

    public Option<int?> Threads { get; } = new("--threads") { Description = "Compute threads of each worker. Default: the cores, divided by the workers.", HelpName = "N" };

    public Option<string?> Device { get; } = new("--device") { Description = "auto, cpu or cuda. Default: what the sweep file says, else auto.", HelpName = "DEVICE" };

    public Option<int?> HttpPort { get; } = new("--http-port") { Description = "Serve /metrics and the HTTP interface on this port of the loopback address; 0 takes any free one.", HelpName = "PORT" };

    public LocalOptions()
    {
        Workers.InRange(1, LocalPlan.WorkersMax);
        Threads.InRange(1, 1_024);
        HttpPort.InRange(0, 65_535);
        Device.AcceptOnlyFromAmong("auto", "cpu", "cuda");
    }

    public void AddTo(Command command)
    {
        foreach (var option in (Option[])[Workers, Threads, Device, HttpPort]) command.Options.Add(option);
    }

    public LocalSweepOptions Read(ParseResult parse) =>
        new(parse.GetRequiredValue(GlobalOptions.Home), parse.GetValue(Workers), parse.GetValue(Threads), parse.GetValue(Device), parse.GetValue(HttpPort));
}
