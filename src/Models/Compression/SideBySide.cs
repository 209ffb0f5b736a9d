using System.Runtime.ExceptionServices;

namespace Vae.Models.Compression;

/// <summary>Work on blocks by several threads, each with a coder of its own. What goes wrong is told of the first block in order, so that messages do not depend on threads either.</summary>
internal static class SideBySide
{
    public static void Run<TCoder>(int blocks, int threads, Func<TCoder> create, Action<int, TCoder> work)
    {
        var faults = new ExceptionDispatchInfo?[blocks];
        var hasFault = false;
        Parallel.For(0, blocks, new ParallelOptions { MaxDegreeOfParallelism = Math.Max(1, threads) }, create, (block, state, coder) =>
        {
            if (Volatile.Read(ref hasFault)) return coder; // Blocks are begun in order within a thread; those that run end.
            try
            {
                work(block, coder);
            }
            catch (Exception exception) when (exception is not OutOfMemoryException)
            {
                faults[block] = ExceptionDispatchInfo.Capture(exception);
                Volatile.Write(ref hasFault, true);
            }

            return coder;
        }, _ => { });
        Array.Find(faults, fault => fault is not null)?.Throw();
    }
}
