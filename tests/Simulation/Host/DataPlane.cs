using Vae.Shared;

namespace Vae.Tests.Simulation.Host;

/// <summary>
/// What workers say to each other without the coordinator. Only whether they can: the trainer stands in for the bytes. A way that is blocked is silent, as TCP is; a process that is gone, or a
/// connection that is cut, is noticed at once.
/// </summary>
public sealed class DataPlane
{
    private readonly Dictionary<(SimulatedNode From, SimulatedNode To), int> _blocked = [];

    /// <summary>Told of each connection that is cut while both ends live.</summary>
    public Action<SimulatedNode, SimulatedNode>? OnCut { get; set; }

    /// <summary>Whether bytes pass both ways now, as far as the network is concerned.</summary>
    public bool IsOpen(SimulatedNode one, SimulatedNode other) => one == other || (!_blocked.ContainsKey((one, other)) && !_blocked.ContainsKey((other, one)));

    internal void Block(SimulatedNode from, SimulatedNode to) => _blocked[(from, to)] = _blocked.GetValueOrDefault((from, to)) + 1;

    internal void Open(SimulatedNode from, SimulatedNode to)
    {
        if (!_blocked.TryGetValue((from, to), out var count)) return;
        if (count > 1) _blocked[(from, to)] = count - 1;
        else _blocked.Remove((from, to));
    }

    internal void OpenAll() => _blocked.Clear();

    internal void Cut(SimulatedNode one, SimulatedNode other) => OnCut?.Invoke(one, other);
}
