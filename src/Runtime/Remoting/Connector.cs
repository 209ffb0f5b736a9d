using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using Vae.Shared;

namespace Vae.Runtime.Remoting;

/// <summary>Keeps one control connection to another node: connects, runs it, and connects again with back-off and jitter when it is lost.</summary>
public sealed partial class Connector : IAsyncDisposable
{
    private readonly ControlPlane _plane;
    private readonly NodeIdentity _self;
    private readonly NodeId _expected;
    private readonly PeerAddresses _addresses;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly CancellationTokenSource _stopping = new();
    private readonly TaskCompletionSource _connected = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Begins to connect.</summary>
    /// <param name="plane">Runs the connection.</param>
    /// <param name="self">Who this node is.</param>
    /// <param name="expected">Who must be at the other end.</param>
    /// <param name="addresses">Where the other node may be.</param>
    /// <param name="time">The clock of the waits.</param>
    /// <param name="logger">Connection failures.</param>
    public Connector(ControlPlane plane, NodeIdentity self, NodeId expected, PeerAddresses addresses, TimeProvider time, ILogger logger)
    {
        (_plane, _self, _expected, _addresses, _time, _logger) = (plane, self, expected, addresses, time, logger);
        Completion = RunAsync();
    }

    /// <summary>Ends when the connector is disposed; fails with <see cref="HandshakeException"/> when trying again cannot help (wrong token, cluster or version).</summary>
    public Task Completion { get; }

    /// <summary>Ends at the first finished handshake; fails as <see cref="Completion"/> does.</summary>
    public Task FirstConnection => _connected.Task;

    /// <summary>Why the last try failed, or null when it did not.</summary>
    public string? LastProblem { get; private set; }

    /// <summary>Closes the connection and stops trying.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        await Completion.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private async Task RunAsync()
    {
        await Task.Yield();
        var failures = 0;
        while (!_stopping.IsCancellationRequested)
        {
            var (address, answered) = (_addresses.Current, false);
            try
            {
                await using var stream = await OpenAsync();
                (failures, answered) = (0, true);
                LastProblem = null;
                _connected.TrySetResult();
                LastProblem = await _plane.RunAsync(stream, _expected, _stopping.Token);
            }
            catch (HandshakeException refusal) when (refusal.IsFinal)
            {
                _connected.TrySetException(refusal);
                throw;
            }
            catch (Exception exception) when (exception is HandshakeException or IOException or SocketException or OperationCanceledException)
            {
                LastProblem = exception is OperationCanceledException ? $"no answer within {Handshake.Deadline.TotalSeconds:0} s" : exception.Message;
            }

            // A coordinator that was lost is first looked for where it was: it may only have been restarted. Its standby's turn comes without a pause.
            if (_stopping.IsCancellationRequested || (!answered && !_addresses.MoveOn())) continue;
            await WaitAsync(address, failures++);
        }

        _connected.TrySetCanceled();
    }

    private async Task<Stream> OpenAsync()
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(_stopping.Token);
        deadline.CancelAfter(Handshake.Deadline);
        var (host, port) = _addresses.Current;
        var socket = await Sockets.ConnectAsync(host, port, deadline.Token);
        var stream = await _plane.Options.StreamFactory(socket, false, deadline.Token);
        try
        {
            var peer = await Handshake.ConnectAsync(stream, _self, ConnectionPurpose.Control, default, deadline.Token);
            if (peer.Node != _expected) throw new HandshakeException(HandshakeRule.WrongNode, $"{_addresses.Current} is {peer.Node}, not {_expected}.");
            return stream;
        }
        catch
        {
            await stream.DisposeAsync();
            throw;
        }
    }

    private async Task WaitAsync(HostPort address, int failures)
    {
        // Jitter keeps a hundred workers from coming back in the same millisecond after the coordinator restarts.
        var most = Math.Min(_plane.Options.ReconnectMin.TotalMilliseconds * Math.Pow(2, Math.Min(failures, 20)), _plane.Options.ReconnectMax.TotalMilliseconds);
        var wait = TimeSpan.FromMilliseconds(most * (0.5 + (Random.Shared.NextDouble() / 2)));
        LogRetry(_logger, _expected, address, (LastProblem ?? "").TrimEnd('.'), wait.TotalMilliseconds);
        await Task.Delay(wait, _time, _stopping.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    [LoggerMessage(EventId = 2221, Level = LogLevel.Information, Message = "No connection to {Node} at {Address}: {Problem}. Trying again in {WaitMs:0} ms")]
    private static partial void LogRetry(ILogger logger, NodeId node, HostPort address, string problem, double waitMs);
}
