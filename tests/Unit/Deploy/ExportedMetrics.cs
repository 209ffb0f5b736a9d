using System.Buffers;
using System.Text;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Logging.Abstractions;
using Vae.Runtime.Actors;
using Vae.Runtime.Remoting;
using Vae.Runtime.Telemetry;
using Vae.Shared;
using Vae.Shared.Messages;

namespace Vae.Tests.Unit.Deploy;

/// <summary>What a node shows under <c>/metrics</c> once everything has happened there that is counted: the names, their labels, and the labels' values.</summary>
internal static partial class ExportedMetrics
{
    /// <summary>Their values are names that users give, or come with the platform; a query cannot be wrong about them.</summary>
    private static readonly string[] OpenLabels = ["sweep", "worker", "actor", "route", "status", "version", "commit", "runtime", "le"];

    private static readonly Lazy<Dictionary<string, Dictionary<string, HashSet<string>>>> Families = new(() => Parse(WriteAll()));

    public static bool Has(string metric) => Families.Value.ContainsKey(metric);

    /// <summary>Labels of a metric, without those that Prometheus adds at the scrape.</summary>
    public static IEnumerable<string> Labels(string metric) => Families.Value[metric].Keys;

    /// <summary>False when the label has a closed set of values and this is none of them.</summary>
    public static bool MayBe(string metric, string label, string value) => OpenLabels.Contains(label) || Families.Value[metric][label].Contains(value);

    private static string WriteAll()
    {
        var (sweep, worker) = (new SweepId("s-1"), new NodeId("w-1"));
        using var metrics = new VaeMetrics("1.0", "unknown");
        var system = new ActorSystem(NodeId.Coordinator, TimeProvider.System, NullLogger.Instance);
        system.OpenInbox("inbox");
        metrics.Watch(system);
        metrics.Watch(new RemotingCounters());
        metrics.CreateCoordinator();
        metrics.CreateSweep(sweep);
        metrics.TrialFinished(TrialState.Done);
        metrics.SetBest(sweep, -100, 4);
        metrics.SetWorkerUp(worker, true);
        metrics.SetWorkerSlowdown(worker, 1.5);
        metrics.SetLinkSlowdown(worker, 1.5);
        metrics.SetActive(false);
        metrics.CreateWorker(worker);
        metrics.Trained(worker, 1, 64);
        metrics.AllReduced(worker, 1_024, TimeSpan.FromMilliseconds(1), TimeSpan.FromMilliseconds(2));
        metrics.HttpRequest("/metrics", 200, TimeSpan.FromMilliseconds(1));
        var text = new ArrayBufferWriter<byte>();
        metrics.Registry.Write(text);
        return Encoding.UTF8.GetString(text.WrittenSpan);
    }

    private static Dictionary<string, Dictionary<string, HashSet<string>>> Parse(string text)
    {
        var families = new Dictionary<string, Dictionary<string, HashSet<string>>>();
        foreach (Match sample in Sample().Matches(text))
        {
            var name = sample.Groups[1].Value;
            if (!families.TryGetValue(name, out var labels)) families.Add(name, labels = []);
            foreach (Match label in Label().Matches(sample.Groups[2].Value))
            {
                if (!labels.TryGetValue(label.Groups[1].Value, out var values)) labels.Add(label.Groups[1].Value, values = []);
                values.Add(label.Groups[2].Value);
            }
        }

        return families;
    }

    [GeneratedRegex(@"^(vae_\w+)(?:\{([^}]*)\})? ", RegexOptions.Multiline)]
    private static partial Regex Sample();

    [GeneratedRegex(@"(\w+)=""((?:[^""\\]|\\.)*)""")]
    private static partial Regex Label();
}
