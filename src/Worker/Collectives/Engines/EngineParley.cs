using Vae.Shared.Sweeps;
using Vae.Shared.Wire;

namespace Vae.Worker.Collectives.Engines;

/// <summary>What a rank says when the ranks begin to agree on an engine: what it was asked for, and its offer for each engine that it knows.</summary>
/// <param name="Request">The engine asked for.</param>
/// <param name="OnCuda">Its gradients lie on a CUDA device.</param>
/// <param name="Offers">By engine.</param>
internal sealed record EngineParley(AllReduceEngine Request, bool OnCuda, IReadOnlyDictionary<AllReduceEngine, EngineOffer> Offers)
{
    // One offer per value of the enumeration, with room for those of a newer version.
    private const int OffersMax = 32;

    /// <summary>MessagePack array of request, on CUDA, then engine, facts (or nil) and reason in turn.</summary>
    public byte[] Encode()
    {
        var buffer = new WireBuffer(512);
        var writer = new MsgPackWriter(buffer);
        writer.WriteArrayHeader(2 + (3 * Offers.Count));
        writer.Write((long)Request);
        writer.Write(OnCuda);
        foreach (var (engine, offer) in Offers.OrderBy(pair => pair.Key))
        {
            writer.Write((long)engine);
            if (offer.Facts is { } facts) writer.Write(facts);
            else writer.WriteNil();
            writer.Write(offer.Reason);
        }

        writer.Flush();
        return buffer.Written.ToArray();
    }

    /// <exception cref="ProtocolException">The bytes are no such message.</exception>
    public static EngineParley Decode(ReadOnlySpan<byte> bytes)
    {
        var reader = new MsgPackReader(bytes);
        var count = reader.BeginArray();
        if (count < 2 || (count - 2) % 3 != 0 || count > 2 + (3 * OffersMax)) MsgPackReader.Throw(ProtocolErrorKind.MissingField, 0, "these are no offers of all-reduce engines");
        var request = (AllReduceEngine)reader.ReadInt32();
        var onCuda = reader.ReadBoolean();
        var offers = new Dictionary<AllReduceEngine, EngineOffer>();
        for (var i = 2; i < count; i += 3)
        {
            var engine = (AllReduceEngine)reader.ReadInt32();
            var facts = reader.TryReadNil() ? null : reader.ReadBytes().ToArray();
            var reason = reader.ReadString();
            offers[engine] = facts is null ? EngineOffer.Not(reason) : EngineOffer.Of(facts);
        }

        reader.EndNested();
        reader.RequireEnd();
        return new(request, onCuda, offers);
    }
}
