using System.Net;
using System.Net.Sockets;

namespace Vae.Tests.Processes.Support;

/// <summary>Ports that nobody listens on.</summary>
internal static class FreePort
{
    /// <summary>A port that was free a moment ago. The system deals them out in turn, so that it is not given to the next one who asks.</summary>
    public static int Next()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
