using Vae.Shared.Wire;
using Vae.Torch.Distributed;

namespace Vae.Worker.Collectives.Groups;

/// <summary>How far a rank has come in joining a process group. The numbers are wire format.</summary>
internal enum MeetingState
{
    /// <summary>It waits for words of others.</summary>
    Meeting = 0,

    /// <summary>It has joined, and goes on telling until all have.</summary>
    Joined = 1,

    /// <summary>It cannot join; the reason is said.</summary>
    Failed = 2,
}

/// <summary>What a rank tells all others in one round.</summary>
/// <param name="State">How far it has come.</param>
/// <param name="Reason">Why it cannot join; else empty.</param>
/// <param name="Words">What its group said since the last round.</param>
internal sealed record MeetingRound(MeetingState State, string Reason, IReadOnlyList<MeetingWord> Words)
{
    private const int ReasonMax = 1024, HeaderBytes = 5;

    /// <summary>Upper bound of the encoded length.</summary>
    public int Bytes => (3 * HeaderBytes) + (4 * ReasonMax) + Words.Sum(word => word.Key.Length + word.Value.Length + (2 * HeaderBytes));

    /// <summary>MessagePack array of state, reason, then key and value in turn.</summary>
    public byte[] Encode()
    {
        var buffer = new WireBuffer(512);
        var writer = new MsgPackWriter(buffer);
        writer.WriteArrayHeader(2 + (2 * Words.Count));
        writer.Write((long)State);
        writer.Write(Reason.Length <= ReasonMax ? Reason : Reason[..ReasonMax]);
        foreach (var word in Words)
        {
            writer.Write(word.Key);
            writer.Write(word.Value);
        }

        writer.Flush();
        return buffer.Written.ToArray();
    }

    /// <exception cref="RingRefusedException">The bytes are no such round.</exception>
    public static MeetingRound Decode(int rank, byte[] bytes)
    {
        try
        {
            var reader = new MsgPackReader(bytes);
            var count = reader.BeginArray();
            if (count < 2 || count % 2 != 0) MsgPackReader.Throw(ProtocolErrorKind.MissingField, 0, "a round has a state, a reason and pairs");
            var state = (MeetingState)reader.ReadInt32();
            var reason = reader.ReadString();
            var words = new List<MeetingWord>();
            for (var i = 2; i < count; i += 2) words.Add(new(reader.ReadBytes().ToArray(), reader.ReadBytes().ToArray()));
            reader.EndNested();
            reader.RequireEnd();
            return new(state, reason, words);
        }
        catch (ProtocolException e)
        {
            throw new RingRefusedException(rank, $"Rank {rank} says what is no round of joining a process group ({e.Message}). Run the same version on all workers.");
        }
    }
}
