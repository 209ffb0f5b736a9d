using System.Runtime.CompilerServices;

namespace Vae.Tests.Unit;

/// <summary>Some tests hold threads of the pool on purpose; on a machine with few cores the pool would grow too slowly for the others beside them.</summary>
internal static class RoomForWaiters
{
    private const int Threads = 64;

    [ModuleInitializer]
    internal static void Make() => ThreadPool.SetMinThreads(Threads, Threads);
}
