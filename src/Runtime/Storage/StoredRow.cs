using Vae.Shared.Wire;

namespace Vae.Runtime.Storage;

/// <summary>A fact as it was read from the disk, not yet believed.</summary>
/// <param name="Sequence">Its place.</param>
/// <param name="Term">Who wrote it.</param>
/// <param name="Stream">Whose it is.</param>
/// <param name="WrittenAt">Milliseconds since 1970.</param>
/// <param name="Kind">Tag in the catalog.</param>
/// <param name="Body">MessagePack.</param>
/// <param name="Checksum">See <see cref="EncodedFact"/>; null for facts of versions that kept none.</param>
internal readonly record struct StoredRow(long Sequence, long Term, string Stream, long WrittenAt, int Kind, byte[] Body, long? Checksum)
{
    /// <returns>Null when it is damaged and somebody was told so.</returns>
    /// <exception cref="StoreException">It is damaged, and nobody is to be told.</exception>
    public StoredEvent? Read(Catalog catalog, string place, Action<DamagedEvent>? damaged)
    {
        string problem;
        Exception? cause = null;
        if (Checksum is { } kept && kept != EncodedFact.ChecksumOf(Stream, (ushort)Kind, Body))
        {
            problem = "its checksum does not fit: the disk has changed it. Restore the store from a backup to get it back.";
        }
        else
        {
            try
            {
                return new(Sequence, new(Term), Stream, DateTimeOffset.FromUnixTimeMilliseconds(WrittenAt), EventCodec.Decode((ushort)Kind, Body, catalog));
            }
            catch (ProtocolException exception)
            {
                (problem, cause) = ($"{exception.Message}. Was it written by a newer version of this program?", exception);
            }
        }

        var text = $"{place}: event {Sequence} of {Stream} cannot be read: {problem}";
        if (damaged is null) throw new StoreException(StoreFault.Damaged, text, cause);
        damaged(new(Sequence, Stream, text));
        return null;
    }
}
