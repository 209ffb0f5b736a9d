using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using Vae.Runtime.Storage;
using Vae.Shared;
using Vae.Shared.Messages;

namespace Vae.Coordinator.Hosting;

/// <summary>
/// Takes what the actors tell, in order: folds facts into the views, writes the curves of an ended trial, and only then passes the news on. So
/// whoever hears that a sweep has ended finds all its files.
/// </summary>
internal sealed partial class Publisher : IAsyncDisposable
{
    private const int ListenerQueue = 4_096; // About a minute of a fast sweep; a listener that sleeps longer misses points, never facts that it can read from the store.

    private static readonly TimeSpan LastPointWithin = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan LookAgain = TimeSpan.FromMilliseconds(25);

    private readonly ObserverFeed _feed;
    private readonly SweepViews _views;
    private readonly IPointReader _points;
    private readonly SweepFolders _folders;
    private readonly CheckpointFolder _checkpoints;
    private readonly FleetMetrics _metrics;
    private readonly FleetLog _log;
    private readonly ILogger _logger;
    private readonly Lock _gate = new();
    private readonly List<Channel<ObserverMessage>> _listeners = [];
    private readonly CancellationTokenSource _stop = new();

    public Publisher(ObserverFeed feed, SweepViews views, IPointReader points, SweepFolders folders, CheckpointFolder checkpoints, FleetMetrics metrics, ILogger logger)
    {
        (_feed, _views, _points, _folders, _checkpoints, _metrics, _logger) = (feed, views, points, folders, checkpoints, metrics, logger);
        _log = new FleetLog(logger);
        Running = RunAsync();
    }

    /// <summary>Never ends while all is well. A publisher that failed tells nobody anything more, so the process must not go on as if it did.</summary>
    public Task Running { get; }

    /// <summary>Everything told from the call on, until cancelled.</summary>
    public async IAsyncEnumerable<ObserverMessage> ListenAsync([EnumeratorCancellation] CancellationToken cancellation)
    {
        var channel = Channel.CreateBounded<ObserverMessage>(new BoundedChannelOptions(ListenerQueue) { FullMode = BoundedChannelFullMode.DropOldest });
        lock (_gate) _listeners.Add(channel);
        try
        {
            await foreach (var message in channel.Reader.ReadAllAsync(cancellation)) yield return message;
        }
        finally
        {
            lock (_gate) _listeners.Remove(channel);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await Running.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        lock (_gate)
        {
            foreach (var listener in _listeners) listener.Writer.TryComplete();
        }

        _stop.Dispose();
    }

    private async Task RunAsync()
    {
        await foreach (var message in _feed.Reader.ReadAllAsync(_stop.Token))
        {
            _feed.Taken(message);
            if (message is ObserverMessage.FactRecorded { Fact: var fact })
            {
                _views.Apply(fact);
                _checkpoints.Observe(fact);
            }

            var lacks = message is ObserverMessage.FactRecorded { Fact: SweepEvent.TrialEnded { Result.State: TrialState.Done } ended } ? await WriteCurvesAsync(ended) : null;
            _metrics.Observe(message);
            _log.Observe(message);
            Pass(message);
            if (lacks is not null) Pass(lacks);
        }
    }

    private void Pass(ObserverMessage message)
    {
        lock (_gate)
        {
            foreach (var listener in _listeners) listener.Writer.TryWrite(message);
        }
    }

    // The last points of a trial travel on their own way and may come a moment after its result.
    private async Task<ObserverMessage.CurveLacks?> WriteCurvesAsync(SweepEvent.TrialEnded ended)
    {
        var trial = new TrialId(ended.Sweep, ended.Result.TrialIndex);
        try
        {
            var deadline = Environment.TickCount64 + (long)LastPointWithin.TotalMilliseconds;
            while (!_points.ReadEpochs(trial, ended.Attempt, _ => { }).Any(point => point.Step.Value >= ended.Result.Steps) && Environment.TickCount64 < deadline)
            {
                await Task.Delay(LookAgain, _stop.Token);
            }

            var gaps = CurveWriter.Write(_folders.File(trial, ArtifactKind.Curves), _points, trial, ended.Attempt, new(ended.Result.Steps), point => LogDamaged(_logger, point.Text));
            if (gaps.Count == 0) return null;
            LogGaps(_logger, trial, gaps.Sum(gap => gap.Steps), ended.Result.Steps);
            return new(trial, gaps.ToValueList());
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or StoreException)
        {
            LogNoCurves(_logger, trial, exception.Message);
            return null;
        }
    }

    [LoggerMessage(EventId = 4002, Level = LogLevel.Warning, Message = "The curve of trial {Trial} lacks {Lacking} of {Steps} steps: their points were lost or thinned. Its curves.csv names them.")]
    private static partial void LogGaps(ILogger logger, TrialId trial, long lacking, long steps);

    [LoggerMessage(EventId = 4001, Level = LogLevel.Error, Message = "The curves of trial {Trial} could not be written: {Reason}. Its model and result are stored.")]
    private static partial void LogNoCurves(ILogger logger, TrialId trial, string reason);

    [LoggerMessage(EventId = 4003, Level = LogLevel.Error, Message = "{Problem} It is left out of the trial's curve.")]
    private static partial void LogDamaged(ILogger logger, string problem);
}
