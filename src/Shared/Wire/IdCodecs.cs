using Vae.Shared.Actors;
using static Vae.Shared.Wire.Codecs;

namespace Vae.Shared.Wire;

/// <summary>Names and numbers of Ids.cs on the wire: the bare text or number where there is only one.</summary>
internal static class IdCodecs
{
    private const int ActorNameMax = 127;

    public static readonly Codec<NodeId> Node = Scalar<NodeId>("node", (ref w, v) => w.Write(v.Value), ReadNode);
    public static readonly Codec<SweepId> Sweep = Scalar<SweepId>("sweep", (ref w, v) => w.Write(v.Value), (ref r) => new(r.ReadString()));
    public static readonly Codec<Attempt> AttemptNumber = Scalar<Attempt>("attempt", (ref w, v) => w.Write((long)v.Value), (ref r) => new(r.ReadInt32()));
    public static readonly Codec<Generation> GenerationNumber = Scalar<Generation>("generation", (ref w, v) => w.Write((long)v.Value), (ref r) => new(r.ReadInt32()));
    public static readonly Codec<Term> TermNumber = Scalar<Term>("term", (ref w, v) => w.Write(v.Value), (ref r) => new(r.ReadInt64()));
    public static readonly Codec<Rank> RankNumber = Scalar<Rank>("rank", (ref w, v) => w.Write((long)v.Value), (ref r) => new(r.ReadInt32()));
    public static readonly Codec<Step> StepNumber = Scalar<Step>("step", (ref w, v) => w.Write(v.Value), (ref r) => new(r.ReadInt64()));
    public static readonly Codec<string> ActorName = Scalar<string>("actor-name", (ref w, v) => w.Write(v), ReadActorName);

    public static readonly Codec<TrialId> Trial = Record<TrialId>()
        .Field("Sweep", Sweep, x => x.Sweep)
        .Field("Index", I32, x => x.Index)
        .ReadBy((ref r) => new(Sweep.Read(ref r), I32.Read(ref r)));

    public static readonly Codec<PackId> Pack = Record<PackId>()
        .Field("Sweep", Sweep, x => x.Sweep)
        .Field("Number", I32, x => x.Number)
        .ReadBy((ref r) => new(Sweep.Read(ref r), I32.Read(ref r)));

    public static readonly Codec<ActorId> Actor = Record<ActorId>()
        .Field("Node", Node, x => x.Node)
        .Field("Name", ActorName, x => x.Name)
        .ReadBy((ref r) => new(Node.Read(ref r), ActorName.Read(ref r)));

    private static NodeId ReadNode(ref MsgPackReader reader)
    {
        var start = reader.Offset;
        var text = reader.ReadString();
        if (!NodeId.IsValid(text)) MsgPackReader.Throw(ProtocolErrorKind.OutOfRange, start, "not the name of a node");
        return new(text);
    }

    private static string ReadActorName(ref MsgPackReader reader)
    {
        var start = reader.Offset;
        var text = reader.ReadString();
        var valid = text.Length is > 0 and <= ActorNameMax;
        foreach (var c in text) valid &= c is (>= 'a' and <= 'z') or (>= '0' and <= '9') or '.' or '-';
        if (!valid) MsgPackReader.Throw(ProtocolErrorKind.OutOfRange, start, "not the name of an actor");
        return text;
    }
}
