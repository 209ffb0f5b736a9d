using Vae.Shared.Wire;

namespace Vae.Runtime.Storage;

/// <summary>A fact as it was read from the disk, not yet believed.</summary>
/// <param name="Sequence">Its place.</param>
/// <param name="Term">Who wrote it.</param>
/// <param name="Stream">Whose it is.</param>
/// <param name="WrittenAt">Milliseconds since 1970.</param>
/// <param name="Kind">Tag in the catalog.</param>
/// <param name="Body">MessagePack.</param>
internal readonly record struct StoredRow(long Sequence, long Term, string Stream, long WrittenAt, int Kind, byte[] Body)
{
    /// <param name="catalog">The facts that this program knows.</param>
    /// <param name="place">The store.</param>
    /// <param name="damaged">Told when it cannot be read.</param>
    /// <param name="writerOf">Which program wrote an event; asked only when it matters.</param>
    /// <returns>Null when it cannot be read and somebody was told so.</returns>
    /// <exception cref="StoreException">It cannot be read, and nobody is to be told.</exception>
    public StoredEvent? Read(Catalog catalog, string place, Action<DamagedEvent>? damaged, Func<long, string?> writerOf)
    {
        string text;
        ProtocolException cause;
        try
        {
            return new(Sequence, new(Term), Stream, DateTimeOffset.FromUnixTimeMilliseconds(WrittenAt), EventCodec.Decode((ushort)Kind, Body, catalog));
        }
        catch (ProtocolException exception)
        {
            cause = exception;
            text = IsForeign(exception)
                ? StoreVersions.Foreign(place, Sequence, writerOf(Sequence), exception.Detail)
                : $"{place}: event {Sequence} is damaged: {exception.Message}. Restore the store from a backup, or move it away to start anew.";
        }

        if (damaged is null) throw new StoreException(IsForeign(cause) ? StoreFault.OtherVersion : StoreFault.Damaged, text, cause);
        damaged(new(Sequence, Stream, text, IsForeign(cause)));
        return null;
    }

    private static bool IsForeign(ProtocolException exception) => exception.Kind is ProtocolErrorKind.UnknownTag or ProtocolErrorKind.WrongVersion;
}
