using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;

namespace Vae.Benchmarks.Regroup;

/// <summary>The runner's side of one rank: gives orders, waits for what it says.</summary>
internal sealed class RankLine
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly Process _process;
    private readonly BlockingCollection<string> _said = [];

    public RankLine(string engine)
    {
        _process = Process.Start(new ProcessStartInfo(Environment.ProcessPath!, ["--rank", "yes", "--engine", engine]) { RedirectStandardInput = true, RedirectStandardOutput = true })!;
        _process.OutputDataReceived += (_, line) =>
        {
            if (line.Data is { } text) _said.Add(text);
        };
        _process.BeginOutputReadLine();
    }

    public int Port { get; set; }

    public void Say(string order) => _process.StandardInput.WriteLine(order);

    /// <summary>The next line of this kind; others are passed over.</summary>
    public (long First, long Second, long Ticks) Await(string what)
    {
        while (_said.TryTake(out var line, Patience))
        {
            var words = line.Split(' ');
            if (words[0] == what) return (Number(words[1]), Number(words[2]), Number(words[3]));
        }

        throw new TimeoutException($"A rank never said '{what}'.");
    }

    public void Kill() => _process.Kill();

    private static long Number(string word) => long.Parse(word, CultureInfo.InvariantCulture);
}
