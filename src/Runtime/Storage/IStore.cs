namespace Vae.Runtime.Storage;

/// <summary>Facts and points of one coordinator, opened for writing under a term of its own.</summary>
public interface IStore : IEventStore, IPointStore, IAsyncDisposable
{
    /// <summary>Where it is, for people; holds no secret.</summary>
    string Place { get; }

    /// <summary>Why nothing can be written at present; null while all is well. What was asked for waits and is written when the store is back, in order, once.</summary>
    StoreException? Trouble { get; }

    /// <summary>Never ends while all is well; fails when another coordinator has taken over, also when this one had nothing to write.</summary>
    Task Failure { get; }

    /// <summary>Told of every transaction: how long it took, how many rows it held, and whether it was committed.</summary>
    Action<TimeSpan, int, bool>? OnCommit { get; set; }

    /// <summary>Told when trouble begins, and with null when it is over.</summary>
    Action<StoreException?>? OnTrouble { get; set; }
}
