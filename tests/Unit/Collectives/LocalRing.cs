using System.Net;
using System.Net.Sockets;
using Vae.Worker.Collectives;

namespace Vae.Tests.Unit.Collectives;

/// <summary>A whole ring in one process: real sockets over loopback, one thread per rank.</summary>
internal sealed class LocalRing : IDisposable
{
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
