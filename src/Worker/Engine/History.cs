namespace Vae.Worker.Engine;

/// <summary>
/// The last readings of something, of which the newest ones may not be published yet. Every rank keeps them although rank 0 alone publishes: what a lost rank 0 had not handed on, another rank has. Allocates nothing once it is made.
/// </summary>
/// <param name="capacity">Readings kept; older ones make room.</param>
internal sealed class History<T>(int capacity)
{
    private readonly T[] _readings = new T[capacity];
    private long _written;
    private long _published;

    /// <summary>Readings that are kept and not published from here.</summary>
    public int Unpublished => (int)Math.Min(_written - _published, capacity);

    /// <summary>Room for one more reading, to be filled in place.</summary>
    public ref T Next() => ref _readings[_written++ % capacity];

    /// <summary>What is not published yet, oldest first; it counts as published from now on.</summary>
    public T[] Take()
    {
        var taken = new T[Unpublished];
        for (var i = 0; i < taken.Length; i++) taken[i] = _readings[(_written - taken.Length + i) % capacity];
        _published = _written;
        return taken;
    }
}
