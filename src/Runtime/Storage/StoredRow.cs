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
    /// <returns>Null when it is damaged and somebody was told so.</returns>
    /// <exception cref="StoreException">It is damaged, and nobody is to be told.</exception>
    public StoredEvent? Read(Catalog catalog, string place, Action<DamagedEvent>? damaged)
    {
        string text;
        Exception cause;
        try
        {
            return new(Sequence, new(Term), Stream, DateTimeOffset.FromUnixTimeMilliseconds(WrittenAt), EventCodec.Decode((ushort)Kind, Body, catalog));
        }
        catch (ProtocolException exception)
        {
            cause = exception;
            text = exception.Kind == ProtocolErrorKind.UnknownTag
                ? $"{place}: event {Sequence} cannot be read: {exception.Message}. Was it written by a newer version of this program?"
                : $"{place}: event {Sequence} is damaged: {exception.Message}. Restore the store from a backup, or move it away to start anew.";
        }

        if (damaged is null) throw new StoreException(StoreFault.Damaged, text, cause);
        damaged(new(Sequence, Stream, text));
        return null;
    }
}
