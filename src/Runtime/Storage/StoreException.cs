using Vae.Shared;

namespace Vae.Runtime.Storage;

/// <summary>Why a store refused.</summary>
public enum StoreFault
{
    /// <summary>No space is left for the write.</summary>
    DiskFull,

    /// <summary>Another process holds the lock for longer than the store waits.</summary>
    Locked,

    /// <summary>The file is not a store of ours, or is damaged.</summary>
    Damaged,

    /// <summary>The file was written by a newer version of this program.</summary>
    TooNew,

    /// <summary>A fact is whole, and another version of this program wrote it in a form that this one does not read.</summary>
    OtherVersion,

    /// <summary>The file or its folder may not be read or written by this user.</summary>
    Denied,

    /// <summary>Reading or writing failed below the store.</summary>
    InputOutput,

    /// <summary>The store was closed while the request was waiting.</summary>
    Closed,

    /// <summary>The database server cannot be reached, is starting or stopping, or has no such database.</summary>
    Unreachable,

    /// <summary>The database server does not know this user or password.</summary>
    Refused,
}

/// <summary>The store cannot do what was asked. The message names what, where and the remedy, and is fit for a user.</summary>
public sealed class StoreException(StoreFault fault, string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>Which rule was broken.</summary>
    public StoreFault Fault { get; } = fault;

    /// <summary>True when the same write may succeed later without anybody changing the program: an open store waits for that.</summary>
    public bool IsTransient => Fault is StoreFault.DiskFull or StoreFault.Locked or StoreFault.InputOutput or StoreFault.Unreachable or StoreFault.Refused;
}

/// <summary>An older coordinator tried to write after a newer one had taken over. It must stop.</summary>
public sealed class StaleTermException(Term have, Term got)
    : Exception($"This coordinator's term {got.Value} is over: term {have.Value} has taken over the store. Nothing was written; stop this process.")
{
    /// <summary>The term that the store holds.</summary>
    public Term Have { get; } = have;

    /// <summary>The term of the refused writer.</summary>
    public Term Got { get; } = got;
}
