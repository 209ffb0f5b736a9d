using System.Diagnostics;
using System.Net.Sockets;
using Vae.Runtime.Remoting;

namespace Vae.Cli;

/// <summary>Whether anybody listens at an address, for those who would rather fail than wait.</summary>
internal static class Reach
{
    private static readonly TimeSpan TryAgainAfter = TimeSpan.FromMilliseconds(200);

    /// <exception cref="CliException">Nobody listens there within the time.</exception>
    public static async Task RequireAsync(PeerAddresses coordinator, TimeSpan within, CancellationToken cancellation)
    {
        var startedAt = Stopwatch.GetTimestamp();
        while (true)
        {
            try
            {
                using var socket = new TcpClient();
                await socket.ConnectAsync(coordinator.Current.Host, coordinator.Current.Port, cancellation);
                return;
            }
            catch (SocketException unreachable)
            {
                if (Stopwatch.GetElapsedTime(startedAt) + TryAgainAfter > within)
                {
                    throw new CliException(ExitCode.NotReachable, $"The coordinator {coordinator} cannot be reached: {unreachable.Message}", "Is it running, and do --listen and --port of `vae coordinator` fit this address?");
                }
            }

            if (!coordinator.MoveOn()) continue;
            await Task.Delay(TryAgainAfter, cancellation);
        }
    }
}
