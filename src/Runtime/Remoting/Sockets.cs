using System.Net;
using System.Net.Sockets;
using Vae.Runtime.Actors;

namespace Vae.Runtime.Remoting;

/// <summary>Opening and listening, with errors that a user can act on.</summary>
internal static class Sockets
{
    private const int Backlog = 128;

    /// <exception cref="ListenException">The port is in use, not allowed, or the address is not of this machine.</exception>
    public static Socket Listen(string host, int port)
    {
        var address = Resolve(host);
        var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            if (address.Equals(IPAddress.IPv6Any)) socket.DualMode = true;
            socket.Bind(new IPEndPoint(address, port));
            socket.Listen(Backlog);
            return socket;
        }
        catch (SocketException exception)
        {
            socket.Dispose();
            throw new ListenException(Describe(exception, host, port), exception);
        }
    }

    /// <exception cref="SocketException">Nobody answers there.</exception>
    public static async Task<Socket> ConnectAsync(string host, int port, CancellationToken cancellation)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(host, port, cancellation);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private static IPAddress Resolve(string host)
    {
        if (IPAddress.TryParse(host, out var address)) return address;
        if (host == "localhost") return IPAddress.Loopback;
        try
        {
            return Dns.GetHostAddresses(host).FirstOrDefault() ?? throw new SocketException((int)SocketError.HostNotFound);
        }
        catch (SocketException exception)
        {
            throw new ListenException($"'{host}' names no address of this machine. Listen on 127.0.0.1 (this machine only) or 0.0.0.0 (all).", exception);
        }
    }

    private static string Describe(SocketException exception, string host, int port) => exception.SocketErrorCode switch
    {
        SocketError.AddressAlreadyInUse => $"port {port} is already in use: another program listens on {host}:{port}. Stop it, or choose another with --port (0 takes any free one).",
        SocketError.AccessDenied => $"port {port} may not be used by this user: ports below 1024 belong to root. Choose another with --port.",
        SocketError.AddressNotAvailable => $"{host} is no address of this machine. Listen on 127.0.0.1 (this machine only) or 0.0.0.0 (all).",
        _ => $"cannot listen on {host}:{port}: {exception.Message}",
    };
}
