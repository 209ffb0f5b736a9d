using System.Net.Sockets;
using Vae.Shared.Wire;

namespace Vae.Worker.Collectives;

/// <summary>An authenticated connection that wants to join a ring, with what it said. The taker owns the socket.</summary>
public sealed record RingArrival(Socket Socket, RingHello Hello);

/// <summary>
/// Where the data plane's listener puts incoming connections until the ring they are for asks for them. A neighbour may be ahead of us and
/// connect before our own order to form the ring has come, so early ones wait; connections for a ring that was given up are closed.
/// </summary>
public sealed class RingArrivals : IDisposable
{
    /// <summary>Connections kept waiting. More than every lane of a worker could have ahead; the oldest makes room.</summary>
    public const int WaitingMax = 64;

    private readonly Lock _gate = new();
    private readonly List<RingArrival> _waiting = [];
    private readonly Dictionary<RingKey, TaskCompletionSource<RingArrival>> _takers = [];
    private readonly Dictionary<string, RingKey> _newest = [];
    private bool _disposed;

    /// <summary>Takes over a fresh connection. Closes it when <paramref name="hello"/> is not a hello or is for an older ring than the pack's newest.</summary>
    public void Offer(Socket socket, ReadOnlySpan<byte> hello)
    {
        RingArrival arrival;
        try
        {
            arrival = new(socket, RingHello.Decode(hello));
        }
        catch (ProtocolException)
        {
            socket.Dispose();
            return;
        }

        lock (_gate)
        {
            var key = arrival.Hello.Key;
            if (_disposed || (_newest.TryGetValue(key.Pack, out var newest) && key.IsOlderThan(newest)))
            {
                socket.Dispose();
                return;
            }

            if (_takers.Remove(key, out var taker) && taker.TrySetResult(arrival)) return;
            if (_waiting.Count == WaitingMax) CloseWaiting(0);
            _waiting.Add(arrival);
        }
    }

    /// <summary>The next connection for <paramref name="key"/>. Everything of the pack that is older is closed, now and later.</summary>
    /// <exception cref="OperationCanceledException">None came in time.</exception>
    public async Task<RingArrival> TakeAsync(RingKey key, CancellationToken cancellation)
    {
        var taker = new TaskCompletionSource<RingArrival>(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            _newest[key.Pack] = key;
            for (var i = _waiting.Count - 1; i >= 0; i--)
            {
                if (_waiting[i].Hello.Key.IsOlderThan(key)) CloseWaiting(i);
            }

            var found = _waiting.FindIndex(arrival => arrival.Hello.Key == key);
            if (found >= 0)
            {
                var arrival = _waiting[found];
                _waiting.RemoveAt(found);
                return arrival;
            }

            _takers[key] = taker;
        }

        using var registration = cancellation.Register(() => Withdraw(key, taker, cancellation));
        return await taker.Task;
    }

    /// <summary>The pack is gone: closes what waits for it and forgets its newest ring.</summary>
    public void Forget(string pack)
    {
        lock (_gate)
        {
            _newest.Remove(pack);
            for (var i = _waiting.Count - 1; i >= 0; i--)
            {
                if (_waiting[i].Hello.Key.Pack == pack) CloseWaiting(i);
            }
        }
    }

    /// <summary>Closes all that wait.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            _disposed = true;
            while (_waiting.Count > 0) CloseWaiting(0);
            foreach (var taker in _takers.Values) taker.TrySetCanceled();
            _takers.Clear();
        }
    }

    private void Withdraw(RingKey key, TaskCompletionSource<RingArrival> taker, CancellationToken cancellation)
    {
        lock (_gate)
        {
            if (_takers.TryGetValue(key, out var current) && ReferenceEquals(current, taker)) _takers.Remove(key);
            taker.TrySetCanceled(cancellation);
        }
    }

    private void CloseWaiting(int index)
    {
        _waiting[index].Socket.Dispose();
        _waiting.RemoveAt(index);
    }
}
