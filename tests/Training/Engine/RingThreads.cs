using Vae.Worker.Collectives;

namespace Vae.Tests.Training.Engine;

/// <summary>A gang in one process: one thread and one loopback ring member per rank.</summary>
internal static class RingThreads
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);

    /// <summary>Runs <paramref name="body"/> once per rank, at the same time; the first failure is thrown.</summary>
    public static void Run(int ranks, Action<IAllReduce> body)
    {
        var transports = Enumerable.Range(0, ranks).Select(_ => new LoopbackRingTransport()).ToArray();
        var members = transports.Select((transport, rank) => new RingMember(rank, "127.0.0.1", transport.Port)).ToArray();
        var errors = new Exception?[ranks];
        var threads = Enumerable.Range(0, ranks).Select(rank => new Thread(() =>
        {
            try
            {
                var hello = new RingHello(new RingKey("test", 1, 1), rank, ranks, 1, "model");
                using var allReduce = RingConnector.ConnectAsync(hello, members, transports[rank], Deadline).GetAwaiter().GetResult();
                body(allReduce);
            }
            catch (Exception exception)
            {
                errors[rank] = exception;
            }
        })).ToArray();
        foreach (var thread in threads) thread.Start();
        foreach (var thread in threads) thread.Join();
        foreach (var transport in transports) transport.Dispose();
        if (errors.FirstOrDefault(error => error is not null) is { } first) throw new AggregateException(first);
    }
}
