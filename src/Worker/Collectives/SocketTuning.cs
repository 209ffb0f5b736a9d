using System.Net;
using System.Net.Sockets;

namespace Vae.Worker.Collectives;

/// <summary>Socket settings of the data plane; each was kept because it was measured to pay (benchmarks/allreduce).</summary>
internal static class SocketTuning
{
    private const int TcpLevel = 6, TcpCongestion = 13;

    public static void Apply(Socket socket, RingOptions options)
    {
        if (socket.ProtocolType != ProtocolType.Tcp) return;
        socket.NoDelay = true;
        if (options.SocketBufferBytes > 0)
        {
            socket.SendBufferSize = options.SocketBufferBytes;
            socket.ReceiveBufferSize = options.SocketBufferBytes;
        }

        if (socket.RemoteEndPoint is IPEndPoint { Address: var address } && IPAddress.IsLoopback(address)) PreferUnpaced(socket);
    }

    // A host whose default is BBR paces packets by timer even on loopback, where there is nothing to be gentle with.
    // Reno does not pace and every process may choose it; a kernel without it keeps its default.
    private static void PreferUnpaced(Socket socket)
    {
        try
        {
            socket.SetRawSocketOption(TcpLevel, TcpCongestion, "reno"u8);
        }
        catch (SocketException)
        {
            // The default works too.
        }
    }
}
