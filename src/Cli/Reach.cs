using System.Diagnostics;
using System.Net.Sockets;

namespace Vae.Cli;

/// <summary>Whether anybody listens at an address, for those who would rather fail than wait.</summary>
internal static class Reach
{
    private static readonly TimeSpan TryAgainAfter = TimeSpan.FromMilliseconds(200);

    /// <exception cref="CliException">Nobody listens there within the time.</exception>
    public static async Task RequireAsync(string host, int port, TimeSpan within, CancellationToken cancellation)
    {
        var startedAt = Stopwatch.GetTimestamp();
        while (true)
        {
            try
            {
                using var socket = new TcpClient();
                await socket.ConnectAsync(host, port, cancellation);
                return;
            }
            catch (SocketException unreachable)
            {
                if (Stopwatch.GetElapsedTime(startedAt) + TryAgainAfter > within)
                {
                    throw new CliException(ExitCode.NotReachable, $"The coordinator {host}:{port} cannot be reached: {unreachable.Message}", "Is it running, and do --listen and --port of `vae coordinator` fit this address?");
                }
            }

            await Task.Delay(TryAgainAfter, cancellation);
        }
    }
}
