using System.Globalization;

namespace Vae.Worker.Engine;

/// <summary>The lanes of a worker. One is made when a replica needs it and none is free, and kept for the next replica. How many replicas run at a time is the agent's affair.</summary>
public sealed class LanePool : IDisposable
{
    private readonly Lock _gate = new();
    private readonly Stack<Lane> _free = [];
    private readonly List<Lane> _all = [];

    /// <summary>A lane that nobody else has.</summary>
    public Lane Take()
    {
        lock (_gate)
        {
            if (_free.TryPop(out var free)) return free;
            var lane = new Lane(string.Create(CultureInfo.InvariantCulture, $"lane-{_all.Count + 1}"));
            _all.Add(lane);
            return lane;
        }
    }

    /// <summary>Gives back a lane that has nothing left to do.</summary>
    public void Return(Lane lane)
    {
        lock (_gate) _free.Push(lane);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_gate)
        {
            foreach (var lane in _all) lane.Dispose();
        }
    }
}
