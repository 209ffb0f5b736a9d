using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging.Abstractions;
using Vae.Worker.Collectives;
using Vae.Worker.Collectives.Engines;

namespace Vae.Tests.Unit.Collectives;

/// <summary>A whole ring in one process: real sockets over loopback, one thread per rank.</summary>
public sealed class LocalRing : IDisposable
{
    private static readonly TimeSpan ConnectDeadline = TimeSpan.FromSeconds(30);

    private LocalRing(IAllReduce[] ranks) => Ranks = ranks;

    public LocalRing(int worldSize, RingOptions? options = null, int generation = 1)
    {
        // Links[r] leads from rank r to rank r + 1.
        var links = Enumerable.Range(0, worldSize).Select(_ => Connect()).ToArray();
        Ranks = worldSize == 1
            ? [new NoAllReduce()]
            : [.. Enumerable.Range(0, worldSize).Select(rank => new RingAllReduce(rank, worldSize, generation, links[rank].Out, links[(rank + worldSize - 1) % worldSize].In, options))];
    }

    public IAllReduce[] Ranks { get; }

    /// <summary>Runs one body per rank at the same time; what each threw, or null.</summary>
    public Exception?[] OnAll(Action<IAllReduce> body)
    {
        var failures = new Exception?[Ranks.Length];
        var threads = Ranks.Select((ring, rank) => new Thread(() =>
        {
            try
            {
                body(ring);
            }
            catch (Exception e)
            {
                failures[rank] = e;
            }
        })).ToList();
        threads.ForEach(thread => thread.Start());
        foreach (var thread in threads) Assert.True(thread.Join(TimeSpan.FromSeconds(60)), "A rank hangs.");
        return failures;
    }

    /// <summary>Connected as workers connect, with the engine asked for.</summary>
    public static LocalRing Of(IRingEngine engine, int worldSize, RingOptions? options = null, int generation = 1)
    {
        var transports = Enumerable.Range(0, worldSize).Select(_ => new LoopbackRingTransport()).ToArray();
        var members = transports.Select((transport, rank) => new RingMember(rank, "127.0.0.1", transport.Port)).ToList();
        var joining = transports.Select((transport, rank) => new AllReduceFactory([engine], NullLogger.Instance).ConnectAsync(
            new(new("pack", 1, generation), rank, worldSize, 1, "model"), members, transport, ConnectDeadline, new(engine.Kind, Options: options))).ToArray();
        var ring = new LocalRing(Task.WhenAll(joining).GetAwaiter().GetResult());
        foreach (var transport in transports) transport.Dispose();
        return ring;
    }

    public static (Socket Out, Socket In) Connect()
    {
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        var outgoing = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        outgoing.Connect(listener.LocalEndPoint!);
        return (outgoing, listener.Accept());
    }

    public void Dispose()
    {
        foreach (var ring in Ranks) ring.Dispose();
    }
}
