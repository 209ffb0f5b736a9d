using System.Net;
using System.Net.Sockets;

namespace Vae.Worker.Collectives;

/// <summary>Socket settings of the data plane; each was kept because it was measured to pay (benchmarks/allreduce), and LinkTuner chooses among them.</summary>
internal static class SocketTuning
{
    private const int TcpLevel = 6, TcpCongestion = 13;
    private const string Unpaced = "reno", SystemCongestionFile = "/proc/sys/net/ipv4/tcp_congestion_control";

    public static void Apply(Socket socket, RingOptions options)
    {
        if (socket.ProtocolType != ProtocolType.Tcp) return;
        socket.NoDelay = true;
        if (options.SocketBufferBytes > 0)
        {
            socket.SendBufferSize = options.SocketBufferBytes;
            socket.ReceiveBufferSize = options.SocketBufferBytes;
        }

        var loopback = socket.RemoteEndPoint is IPEndPoint { Address: var address } && IPAddress.IsLoopback(address);
        var wished = options.Congestion ?? (loopback ? Unpaced : null);
        if (wished is not null) Prefer(socket, wished.Length > 0 ? wished : SystemCongestion());
    }

    // By name, because the socket may have been given another one before.
    private static string SystemCongestion()
    {
        try
        {
            return File.ReadAllText(SystemCongestionFile).Trim();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return ""; // The kernel refuses an empty name and nothing changes.
        }
    }

    // A host whose default is BBR paces packets by timer even on loopback, where there is nothing to be gentle with.
    // Reno does not pace and every process may choose it; a kernel without it keeps its default.
    private static void Prefer(Socket socket, string congestion)
    {
        try
        {
            socket.SetRawSocketOption(TcpLevel, TcpCongestion, System.Text.Encoding.ASCII.GetBytes(congestion));
        }
        catch (SocketException)
        {
            // The default works too.
        }
    }
}
