using Vae.Shared.Messages;

namespace Vae.Cli.Terminal;

/// <summary>Shows a running sweep, each time to another kind of reader. Called by one thread.</summary>
internal interface ISweepDisplay : IAsyncDisposable
{
    /// <summary>Something happened.</summary>
    /// <param name="message">What.</param>
    /// <param name="lines">The same as lines for a log.</param>
    void Show(ObserverMessage message, IReadOnlyList<ProgressLine> lines);

    /// <summary>Called about four times per second.</summary>
    void Tick();
}

/// <summary>Chooses the display that fits the reader.</summary>
internal static class SweepDisplay
{
    public static ISweepDisplay For(Output output, SweepProgress progress)
    {
        if (output.Mode.Json) return new JsonSweepDisplay(output);
        if (output.Mode.Quiet) return new SilentSweepDisplay();
        return output.Mode is { Interactive: true, Verbosity: 0 } ? new LiveSweepDisplay(output, progress) : new PlainSweepDisplay(output, TimeProvider.System);
    }

    private sealed class SilentSweepDisplay : ISweepDisplay
    {
        public void Show(ObserverMessage message, IReadOnlyList<ProgressLine> lines)
        {
        }

        public void Tick()
        {
        }

        public ValueTask DisposeAsync() => default;
    }
}
