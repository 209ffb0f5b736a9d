using System.Globalization;

namespace Vae.Worker.Collectives.Engines;

/// <summary>What lies between the ranks of a ring: the worst of its links.</summary>
internal enum LinkKind
{
    /// <summary>The loopback device.</summary>
    Loopback,

    /// <summary>One host, but its bridge: containers or network namespaces.</summary>
    Host,

    /// <summary>A network.</summary>
    Network,
}

/// <summary>How a ring uses TCP. Changes no bit of a sum.</summary>
/// <param name="Congestion">The kernel's name; empty: the system's default.</param>
/// <param name="BufferBytes">Per direction; 0: the kernel adapts it.</param>
/// <param name="PieceBytes">See <see cref="RingOptions.PieceBytes"/>.</param>
internal sealed record LinkSetting(string Congestion, int BufferBytes, int PieceBytes)
{
    /// <summary>Where nothing is measured.</summary>
    public static LinkSetting Of(RingOptions options) => new(options.Congestion ?? "", options.SocketBufferBytes, options.PieceBytes);

    /// <summary>
    /// Nothing is measured over a network: some milliseconds would show slow start and nothing else, the system's congestion control is its operator's
    /// choice, and buffers that the kernel adapts fit any delay.
    /// </summary>
    public static LinkSetting ForNetwork(RingOptions options) => new("", 0, options.PieceBytes);

    /// <summary>The options of a ring that uses this setting.</summary>
    public RingOptions In(RingOptions options) => options with { Congestion = Congestion, SocketBufferBytes = BufferBytes, PieceBytes = PieceBytes };

    /// <summary>For people.</summary>
    public override string ToString() =>
        $"{(Congestion.Length > 0 ? Congestion : "the system's congestion control")}, {(BufferBytes > 0 ? $"{BufferBytes >> 10} KiB buffers" : "buffers adapted by the kernel")}, {PieceBytes >> 10} KiB pieces";

    /// <summary>For other ranks.</summary>
    public string Encode() => string.Create(CultureInfo.InvariantCulture, $"{Congestion}/{BufferBytes}/{PieceBytes}");

    /// <summary>From another rank; null when it has none, or none that this version understands.</summary>
    public static LinkSetting? Decode(string text) =>
        text.Split('/') is [var congestion, var buffers, var piece] && congestion.Length < 16 && int.TryParse(buffers, CultureInfo.InvariantCulture, out var bufferBytes)
        && int.TryParse(piece, CultureInfo.InvariantCulture, out var pieceBytes) && bufferBytes is >= 0 and <= 64 << 20 && pieceBytes is >= 4096 and <= 16 << 20
            ? new(congestion, bufferBytes, pieceBytes) : null;
}
