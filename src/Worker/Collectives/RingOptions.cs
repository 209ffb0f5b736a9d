namespace Vae.Worker.Collectives;

/// <summary>Settings of a ring. <see cref="ExchangeBytesMax"/> must be the same on all ranks; the others may differ.</summary>
public sealed record RingOptions
{
    /// <summary>How long one all-reduce may take, waiting for slower ranks included; 1 ms to 1 hour. Default 30 s.</summary>
    public TimeSpan Deadline
    {
        get;
        init => field = value >= TimeSpan.FromMilliseconds(1) && value <= TimeSpan.FromHours(1)
            ? value : throw new ArgumentOutOfRangeException(nameof(value), value, "1 ms to 1 hour.");
    } = TimeSpan.FromSeconds(30);

    /// <summary>Most bytes taken from a socket at once and added while they are in cache; 4 KiB to 16 MiB. Default 256 KiB.</summary>
    public int PieceBytes
    {
        get;
        init => field = value is >= 4096 and <= 16 * 1024 * 1024
            ? value : throw new ArgumentOutOfRangeException(nameof(value), value, "4,096 to 16,777,216.");
    } = 256 * 1024;

    /// <summary>
    /// Buffers travel in one round instead of two while the inputs of all ranks together fit into this: half the latency, more bytes.
    /// 0 (never) to 1 MiB. Default 128 KiB: 64 KiB for two ranks, 32 KiB for four.
    /// </summary>
    public int ExchangeBytesMax
    {
        get;
        init => field = value is >= 0 and <= 1024 * 1024
            ? value : throw new ArgumentOutOfRangeException(nameof(value), value, "0 to 1,048,576.");
    } = 128 * 1024;

    /// <summary>How long to look again before going to sleep; 0 to 1 ms. Pays only with a core to spare per rank. Default 0.</summary>
    public TimeSpan Spin
    {
        get;
        init => field = value >= TimeSpan.Zero && value <= TimeSpan.FromMilliseconds(1)
            ? value : throw new ArgumentOutOfRangeException(nameof(value), value, "0 to 1 ms.");
    } = TimeSpan.Zero;

    /// <summary>Kernel buffer asked for per direction in bytes, 0 (leave it to the system) to 64 MiB. Default 1 MiB.</summary>
    public int SocketBufferBytes
    {
        get;
        init => field = value is >= 0 and <= 64 * 1024 * 1024
            ? value : throw new ArgumentOutOfRangeException(nameof(value), value, "0 to 67,108,864.");
    } = 1024 * 1024;

    /// <summary>
    /// Where the ranks share a host, congestion control, kernel buffers and pieces are chosen by a measurement of some milliseconds, once per process, in place of
    /// <see cref="Congestion"/>, <see cref="SocketBufferBytes"/> and <see cref="PieceBytes"/>. Default true; switch it off on all ranks alike.
    /// </summary>
    public bool MeasureLinks { get; init; } = true;

    /// <summary>The kernel's name of a TCP congestion control to ask for, such as reno; empty leaves the system's. Default: reno on loopback, elsewhere the system's.</summary>
    public string? Congestion { get; init; }

    /// <summary>
    /// Bytes of gradient per rank that one block in shared memory holds, 4 KiB to 16 MiB; rank 0's value counts. Default: 1 MiB shared among the ranks, 64 KiB to
    /// 512 KiB each: what fits into the caches and is still worth a wake-up.
    /// </summary>
    public int? BlockBytes
    {
        get;
        init => field = value is null or (>= 4096 and <= 16 * 1024 * 1024)
            ? value : throw new ArgumentOutOfRangeException(nameof(value), value, "4,096 to 16,777,216.");
    }

    /// <summary>How long a rank looks again before it sleeps in shared memory, 0 to 1 ms. Default: 50 us while each rank has a core, else 0.</summary>
    public TimeSpan? MemorySpin
    {
        get;
        init => field = value is null || (value >= TimeSpan.Zero && value <= TimeSpan.FromMilliseconds(1))
            ? value : throw new ArgumentOutOfRangeException(nameof(value), value, "0 to 1 ms.");
    }
}
