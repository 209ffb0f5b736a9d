using Microsoft.Extensions.Logging;
using Vae.Coordinator.Hosting;
using Vae.Shared;
using Vae.Shared.Messages;

namespace Vae.Tests.Unit.Hosting;

/// <summary>What the coordinator's log says of links.</summary>
public sealed class FleetLogTests
{
    private static readonly NodeId From = new("w-1"), To = new("w-2");

    private static readonly DeviceFacts Facts = new("host", 1, "cpu", 2, 1 << 30, "cpu", "", 0, 1, "2.6", "OpenBLAS", "AVX2", "0.1");

    private readonly List<string> _lines = [];
    private readonly FleetLog _log;

    public FleetLogTests() => _log = new FleetLog(new Lines(_lines));

    [Fact]
    public void A_slow_link_is_named_once_with_both_ends_and_again_only_after_it_was_sound()
    {
        foreach (var slowdown in (double[])[1, 1.2, 1.3, 1.24, 1.3, 1.2, 2]) Tell(slowdown, To);
        Assert.Contains("from worker w-1 to worker w-2", Assert.Single(_lines), StringComparison.Ordinal);

        Tell(1.1, To);
        Assert.Contains("w-1 to worker w-2 is like the others again", _lines[^1], StringComparison.Ordinal);
        Tell(1.2, To);
        Assert.Equal(2, _lines.Count);
        Tell(1.4, To);
        Assert.Equal(3, _lines.Count);
    }

    [Fact]
    public void A_link_that_is_no_more_is_forgotten_and_one_to_another_worker_is_named_anew()
    {
        Tell(2, To);
        Tell(2, new("w-3"));
        Assert.Equal(2, _lines.Count);
        Tell(1, null);
        Tell(2, new("w-3"));
        Assert.Equal(3, _lines.Count);
        Assert.All(_lines, line => Assert.Contains("slows their gang down", line, StringComparison.Ordinal));
    }

    private void Tell(double slowdown, NodeId? to) => _log.Observe(new ObserverMessage.WorkerUpdated(
        From, 1, Alive: true, Facts, WorkerLoad.None with { Link = to is { } other ? new(other, slowdown, 0.4, 1e6) : null }, "", Left: false));

    private sealed class Lines(List<string> lines) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) => lines.Add(formatter(state, exception));
    }
}
