using Vae.Shared.Messages;

namespace Vae.Cli.Terminal;

/// <summary>For logs and pipes: every change of state as a line, and for each trial one epoch per 10 s, so that a fast trial does not flood a build log.</summary>
internal sealed class PlainSweepDisplay(Output output, TimeProvider time) : ISweepDisplay
{
    private static readonly TimeSpan EpochEvery = TimeSpan.FromSeconds(10);

    private readonly Dictionary<int, long> _shownAt = [];

    public void Show(ObserverMessage message, IReadOnlyList<ProgressLine> lines)
    {
        foreach (var line in lines)
        {
            if (line.Trial is { } trial)
            {
                if (_shownAt.TryGetValue(trial, out var shownAt) && time.GetElapsedTime(shownAt) < EpochEvery) continue;
                _shownAt[trial] = time.GetTimestamp();
            }

            output.Note(line.Text);
        }
    }

    public void Tick()
    {
    }

    public ValueTask DisposeAsync() => default;
}
