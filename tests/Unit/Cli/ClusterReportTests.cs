using System.Text.Json;
using Vae.Cli.Reports;
using Vae.Cli.Terminal;
using Vae.Coordinator.Projections;
using Vae.Shared;
using Vae.Shared.Messages;

namespace Vae.Tests.Unit.Cli;

public class ClusterReportTests
{
    private static readonly DeviceFacts Facts = new("host-a", 42, "cpu", 2, 1 << 30, "cpu", "", 0, 2, "2.6", "OpenBLAS", "AVX2", "0.1");
    private static readonly PackId Pack = new(new("s-1"), 3);

    private static readonly ClusterDocument Cluster = ClusterDocument.Of(
        new Term(7),
        new([
            new(new("w-1"), 1, Facts, new WorkerLoad(1, 10, 640, 12.5, 800, 64 << 20, 0.25, 1.6, new(new("w-2"), 2.5, 0.4, 1.5e6)), TimeSpan.FromSeconds(90), TimeSpan.FromSeconds(1), "", []),
            new(new("w-2"), 1, Facts, WorkerLoad.None with { StepsPerSecond = double.NaN }, TimeSpan.FromHours(3), TimeSpan.Zero, "", ["12:00:01 Error no device", "12:00:02 Fatal \u001b[31mgone"]),
        ]),
        new([
            new(new("w-1"), WorkerStanding.Busy, 2, 1, [new(Pack, new(2), 1, Stopping: false)], "", TimeSpan.Zero, 0),
            new(new("w-2"), WorkerStanding.Quarantined, 2, 0, [], "its process died 2 s after it had joined", TimeSpan.FromSeconds(25), 2),
        ], PacksRunning: 1, PacksWaiting: 4),
        (pack, attempt) => pack == Pack && attempt.Value == 2 ? (5, 8) : default);

    private static string Written(bool json)
    {
        var text = new StringWriter();
        var output = new Output(text, TextWriter.Null, new OutputMode(json, Quiet: false, 0, ColorOn: false, Interactive: false));
        if (json) ClusterReport.WriteJson(Cluster, output);
        else ClusterReport.WriteText(Cluster, output);
        return text.ToString();
    }

    [Fact]
    public void The_table_shows_what_each_worker_trains_and_who_is_left_out_and_why()
    {
        var lines = Written(json: false).Split('\n');
        Assert.Equal("cluster 2 workers, 1 of 4 lanes in use, 1 pack running, 4 waiting, term 7", lines[0]);
        var first = Assert.Single(lines, line => line.StartsWith("w-1 ", StringComparison.Ordinal));
        Assert.Matches(@"busy .* 1/2 .* 12\.5 .* 25 % .* 64 MiB .* 1 min 30 s .* s-1/3 \(8 trials\) generation 5 .* 1\.6 times as slow as its gang; its link to w-2 makes steps take 2\.5 times as long \(400\.0 ms there and back, 1\.5 MB/s\)", first);
        Assert.Contains("quarantined", lines.Single(line => line.StartsWith("w-2 ", StringComparison.Ordinal)), StringComparison.Ordinal);
        Assert.Contains(lines, line => line.Contains("no work for 25 s more: its process died 2 s after it had joined", StringComparison.Ordinal));
        Assert.Contains("  12:00:01 Error no device", lines);
        Assert.Contains("  12:00:02 Fatal ?[31mgone", lines);
    }

    [Fact]
    public void The_json_is_one_object_with_a_schema_version_and_finite_numbers()
    {
        using var json = JsonDocument.Parse(Written(json: true));
        Assert.Equal((1, "cluster_status", 7), (json.RootElement.GetProperty("schema_version").GetInt32(), json.RootElement.GetProperty("type").GetString(), json.RootElement.GetProperty("term").GetInt32()));
        var workers = json.RootElement.GetProperty("workers");
        Assert.Equal(5, workers[0].GetProperty("packs")[0].GetProperty("generation").GetInt32());
        Assert.Equal(("w-2", 2.5), (workers[0].GetProperty("link").GetProperty("to").GetString(), workers[0].GetProperty("link").GetProperty("slowdown").GetDouble()));
        Assert.Equal(JsonValueKind.Null, workers[1].GetProperty("link").ValueKind);
        Assert.Equal(("quarantined", 25, 0), (workers[1].GetProperty("state").GetString(), workers[1].GetProperty("quarantine_seconds").GetDouble(), workers[1].GetProperty("steps_per_second").GetDouble()));
    }
}
