using System.Globalization;
using System.Text.Json;
using Vae.Cli.Terminal;
using Vae.Coordinator.Projections;

namespace Vae.Cli.Reports;

/// <summary>A cluster as a table and as JSON.</summary>
internal static class ClusterReport
{
    /// <summary>From here on a worker, or a link, is shown as one that slows its gang down.</summary>
    private const double SlowFrom = 1.25;

    public static void WriteText(ClusterDocument cluster, Output output)
    {
        output.Line($"cluster {Units.Count(cluster.Workers.Count, "worker")}, {cluster.Workers.Sum(worker => worker.LanesUsed)} of {cluster.Workers.Sum(worker => worker.Lanes)} lanes in use, " +
            $"{Units.Count(cluster.PacksRunning, "pack")} running, {cluster.PacksWaiting} waiting, term {cluster.Term}");
        if (cluster.Workers.Count == 0) return;
        output.Line();
        var table = new TextTable(
            new("worker"), new("state"), new("device"), Right("lanes"), Right("steps/s"), Right("waits"), Right("memory"), Right("member for"), new("packs"), new("remark"));
        foreach (var worker in cluster.Workers)
        {
            table.Add(
                worker.Name, worker.State, worker.DeviceName.Length > 0 ? $"{worker.Device} {worker.DeviceName}" : worker.Device, $"{worker.LanesUsed}/{worker.Lanes}",
                Number(worker.StepsPerSecond, "F1"), Number(worker.WaitShare * 100, "F0") + " %", Units.Bytes(worker.MemoryBytes), Span(worker.MemberSeconds),
                string.Join(", ", worker.Packs.Select(Name)), Remark(worker));
        }

        table.WriteTo(output.Results);
        foreach (var worker in cluster.Workers.Where(worker => worker.LastLines.Count > 0))
        {
            output.Line();
            output.Line($"{worker.Name}: the process before did not end in good order; its last lines:");
            foreach (var line in worker.LastLines) output.Line($"  {Plain(line)}");
        }
    }

    public static void WriteJson(ClusterDocument cluster, Output output) => output.Json("cluster_status", json =>
    {
        using var members = JsonSerializer.SerializeToDocument(cluster, ClusterDocumentJson.Default.ClusterDocument);
        foreach (var member in members.RootElement.EnumerateObject()) member.WriteTo(json);
    });

    private static string Name(ClusterPack pack)
    {
        var generation = pack.Generation > 1 ? $" generation {pack.Generation}" : "";
        var trials = pack.Trials is { } count ? $" ({Units.Count(count, "trial")})" : "";
        return $"{pack.Sweep}/{pack.Pack}{trials}{generation}{(pack.Stopping ? " stopping" : "")}";
    }

    private static string Remark(ClusterWorker worker)
    {
        List<string> remarks = [];
        if (worker.State == "quarantined") remarks.Add($"no work for {Span(worker.QuarantineSeconds)} more: {worker.Reason}");
        else if (worker.FailuresInRow > 0) remarks.Add($"{Units.Count(worker.FailuresInRow, "failure")} in a row: {worker.Reason}");
        if (worker.Suspicion.Length > 0) remarks.Add($"its connection broke ({worker.Suspicion})");
        if (worker.Slowdown >= SlowFrom) remarks.Add($"{Number(worker.Slowdown, "F1")} times as slow as its gang");
        if (worker.Link is { Slowdown: >= SlowFrom } link)
            remarks.Add($"its link to {link.To} makes steps take {Number(link.Slowdown, "F1")} times as long ({Number(link.RoundTripMilliseconds, "F1")} ms there and back, {Number(link.MegabytesPerSecond, "F1")} MB/s)");
        return Plain(string.Join("; ", remarks));
    }

    // It came over the network and goes to a terminal.
    private static string Plain(string text) => new([.. text.Select(c => char.IsControl(c) ? '?' : c)]);

    private static string Span(double seconds)
    {
        var time = TimeSpan.FromSeconds(seconds);
        return time.TotalHours >= 1 ? $"{(int)time.TotalHours} h {time.Minutes} min" : time.TotalMinutes >= 1 ? $"{time.Minutes} min {time.Seconds} s" : $"{time.Seconds} s";
    }

    private static string Number(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);

    private static TextTable.Column Right(string title) => new(title, TextTable.Align.Right);
}
