using System.Threading.Channels;
using Vae.Coordinator.Hosting;
using Vae.Shared.Messages;

namespace Vae.Cli.Local;

/// <summary>What an embedded coordinator tells, from now on.</summary>
internal sealed class News : IAsyncDisposable
{
    private readonly Channel<ObserverMessage> _channel = Channel.CreateUnbounded<ObserverMessage>(new() { SingleReader = true });
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _listening;
    private volatile HashSet<SweepEvent> _known = [];

    public News(CoordinatorHost host) => _listening = ListenAsync(host);

    /// <summary>What has been told and not been read.</summary>
    public ChannelReader<ObserverMessage> Reader => _channel.Reader;

    /// <summary>Leaves out facts that the reader has from elsewhere.</summary>
    public void Skip(IReadOnlyList<SweepEvent> facts) => _known = [.. facts];

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _listening;
        _stop.Dispose();
    }

    private async Task ListenAsync(CoordinatorHost host)
    {
        try
        {
            await foreach (var message in host.ObserveAsync(_stop.Token))
            {
                if (message is ObserverMessage.FactRecorded { Fact: var fact } && _known.Contains(fact)) continue;
                _channel.Writer.TryWrite(message);
            }
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            // Nobody listens any more.
        }
    }
}
