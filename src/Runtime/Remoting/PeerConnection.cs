using System.IO.Pipelines;
using Vae.Runtime.Actors;
using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Wire;

namespace Vae.Runtime.Remoting;

/// <summary>
/// One authenticated control connection. Senders encode straight into the buffer that is filling while the writer sends the other one, so many
/// small frames leave in one write and a send never waits. Reading is one frame at a time, in order, and stops while a mailbox is full, so that
/// the sender feels it through TCP.
/// </summary>
internal sealed class PeerConnection : IAsyncDisposable
{
    // A buffer that grew for one large frame is not kept for ever.
    private const int BufferKeptMax = 1024 * 1024;

    private readonly Stream _stream;
    private readonly Catalog _catalog;
    private readonly ArrivedFrames _arrived;
    private readonly RemotingOptions _options;
    private readonly RemotingCounters _counters;
    private readonly TimeProvider _time;
    private readonly Lock _lock = new();
    private readonly SemaphoreSlim _wake = new(0, 1);
    private readonly CancellationTokenSource _closing = new();
    private WireBuffer _filling = new();
    private WireBuffer _sending = new();
    private bool _writerWaits;
    private bool _closed;
    private string _reason = "the connection was closed";
    private long _heardAt;

    public PeerConnection(NodeId node, Stream stream, Catalog catalog, IRemoteSink sink, RemotingOptions options, RemotingCounters counters, TimeProvider time)
    {
        (Node, _stream, _catalog, _options, _counters, _time) = (node, stream, catalog, options, counters, time);
        _arrived = new(this, catalog, sink, counters);
        _heardAt = time.GetTimestamp();
    }

    /// <summary>The node at the other end.</summary>
    public NodeId Node { get; }

    /// <summary>Why the connection ended.</summary>
    public string Reason
    {
        get { lock (_lock) return _reason; }
    }

    /// <summary>Runs until either end closes, or the peer is silent for too long. Never throws for what a network or a peer can do.</summary>
    public async Task RunAsync(CancellationToken stopping)
    {
        await using var stop = stopping.Register(() => Close("this node stops"));
        var parts = new[] { ReadAsync(), WriteAsync(), WatchAsync() };
        foreach (var part in parts) await part;
        await _stream.DisposeAsync();
    }

    public bool TrySend(ActorId sender, ActorId target, Message message)
    {
        lock (_lock)
        {
            if (!CanQueue()) return false;
            var start = _filling.Length;
            try
            {
                EnvelopeCodec.Encode(_catalog, _filling, new(sender, target.Name, message));
            }
            catch
            {
                _filling.Truncate(start); // Half a frame would put everything behind it out of step.
                throw;
            }

            return Queued();
        }
    }

    public bool TrySend<T>(ushort tag, T value, HostFrames.Body<T> body)
    {
        lock (_lock)
        {
            if (!CanQueue()) return false;
            HostFrames.Append(_filling, tag, value, body);
            return Queued();
        }
    }

    /// <summary>Ends the connection; the first reason is kept.</summary>
    public void Close(string reason)
    {
        lock (_lock)
        {
            if (_closed) return;
            _closed = true;
            _reason = reason;
        }

        _ = _closing.CancelAsync(); // Not Cancel: its callbacks would run inside the caller's lock.
    }

    public async ValueTask DisposeAsync()
    {
        Close("the connection was disposed");
        await _stream.DisposeAsync();
    }

    // Called under the lock. Looked at before a frame is added, so there is always room for one, however large.
    private bool CanQueue()
    {
        if (_closed) return false;
        if (_filling.Length < _options.SendQueueBytesMax) return true;
        _counters.CountSlowPeer();
        _closed = true;
        _reason = $"{Node} did not keep up: {_filling.Length} bytes were waiting for it";
        _ = _closing.CancelAsync();
        return false;
    }

    // Called under the lock, after a frame was added.
    private bool Queued()
    {
        if (!_writerWaits) return true;
        _writerWaits = false;
        _wake.Release();
        return true;
    }

    private async Task WriteAsync()
    {
        try
        {
            while (true)
            {
                bool wait;
                lock (_lock)
                {
                    if (_closed) return;
                    wait = _filling.Length == 0;
                    if (wait) _writerWaits = true;
                    else (_filling, _sending) = (_sending, _filling);
                }

                if (wait)
                {
                    await _wake.WaitAsync(_closing.Token);
                    continue;
                }

                await _stream.WriteAsync(_sending.WrittenMemory, _closing.Token);
                if (_sending.Length > BufferKeptMax) _sending = new();
                else _sending.Clear();
            }
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException or ObjectDisposedException)
        {
            Close($"sending failed: {exception.Message}");
        }
    }

    private async Task ReadAsync()
    {
        var reader = PipeReader.Create(_stream, new(leaveOpen: true));
        try
        {
            while (true)
            {
                var result = await reader.ReadAsync(_closing.Token);
                Heard();
                var rest = result.Buffer;
                while (ArrivedFrames.TryTake(ref rest, out var header, out var body))
                {
                    if (!await _arrived.HandleAsync(header, body)) return;
                    Heard();
                }

                reader.AdvanceTo(rest.Start, rest.End);
                if (!result.IsCompleted) continue;
                Close($"{Node} hung up");
                return;
            }
        }
        catch (ProtocolException exception)
        {
            _counters.CountProtocolError(exception.Kind);
            Close($"{Node} broke the protocol: {exception.Message}");
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException or ObjectDisposedException)
        {
            Close($"receiving failed: {exception.Message}");
        }
        finally
        {
            await reader.CompleteAsync();
        }
    }

    private async Task WatchAsync()
    {
        using var timer = new PeriodicTimer(_options.PingEvery, _time);
        try
        {
            while (await timer.WaitForNextTickAsync(_closing.Token))
            {
                if (_time.GetElapsedTime(Volatile.Read(ref _heardAt)) > _options.DeadAfter) Close($"{Node} was silent for more than {_options.DeadAfter.TotalSeconds:0.#} s");
                else TrySend(HostTag.Ping, 0, static (ref _, _) => { });
            }
        }
        catch (OperationCanceledException)
        {
            // The connection is closed.
        }
    }

    private void Heard() => Volatile.Write(ref _heardAt, _time.GetTimestamp());
}
