using Vae.Shared.Messages;
using Vae.Shared.Sweeps;
using static Vae.Shared.Wire.Codecs;
using static Vae.Shared.Wire.IdCodecs;

namespace Vae.Shared.Wire;

/// <summary>What planner and workers tell each other about probes.</summary>
internal static class PlannerCodecs
{
    private static readonly Codec<NumericPrecision> Precision = Enum<NumericPrecision>();

    private static readonly Codec<int?> OptionalI32 = OptionalValue(I32);

    public static readonly RecordCodec<DataShape> Data = Record<DataShape>()
        .Field("TrainRows", I32, x => x.TrainRows)
        .Field("Channels", I32, x => x.Channels)
        .Field("Height", I32, x => x.Height)
        .Field("Width", I32, x => x.Width)
        .Field("HeldOut", I32, x => x.HeldOut)
        .ReadBy((ref r) => new(I32.Read(ref r), I32.Read(ref r), I32.Read(ref r), I32.Read(ref r), I32.Read(ref r)));

    public static readonly RecordCodec<ProbeOrder> Order = Record<ProbeOrder>()
        .Field("Trial", SpecCodecs.Trial, x => x.Trial)
        .Field("Data", Data, x => x.Data)
        .Field("Rows", I32, x => x.Rows)
        .Field("MemoryBytes", I64, x => x.MemoryBytes)
        .Field("Precision", Precision, x => x.Precision)
        .Field("SlotsMax", I32, x => x.SlotsMax)
        .Field("Lanes", OptionalI32, x => x.Lanes)
        .Field("Threads", OptionalI32, x => x.Threads)
        .Field("Binarize", SpecCodecs.BinarizeMode, x => x.Binarize)
        .ReadBy((ref r) => new(SpecCodecs.Trial.Read(ref r), Data.Read(ref r), I32.Read(ref r), I64.Read(ref r), Precision.Read(ref r),
            I32.Read(ref r), OptionalI32.Read(ref r), OptionalI32.Read(ref r), SpecCodecs.BinarizeMode.Read(ref r)));

    public static readonly RecordCodec<ProbeReading> Reading = Record<ProbeReading>()
        .Field("Lanes", I32, x => x.Lanes)
        .Field("Slots", I32, x => x.Slots)
        .Field("Threads", I32, x => x.Threads)
        .Field("StepsPerSecond", F64, x => x.StepsPerSecond)
        .ReadBy((ref r) => new(I32.Read(ref r), I32.Read(ref r), I32.Read(ref r), F64.Read(ref r)));

    private static readonly Codec<ValueList<ProbeReading>> Readings = List(Reading);

    public static readonly RecordCodec<AgentMessage.ProbePack> ProbePack = Record<AgentMessage.ProbePack>()
        .Field("Term", TermNumber, x => x.Term)
        .Field("Number", I64, x => x.Number)
        .Field("Order", Order, x => x.Order)
        .Field("OnlyKnown", Bool, x => x.OnlyKnown)
        .ReadBy((ref r) => new(TermNumber.Read(ref r), I64.Read(ref r), Order.Read(ref r), Bool.Read(ref r)));

    public static readonly RecordCodec<PlannerMessage.ProbeEnded> ProbeEnded = Record<PlannerMessage.ProbeEnded>()
        .Field("Worker", Node, x => x.Worker)
        .Field("Number", I64, x => x.Number)
        .Field("Readings", Readings, x => x.Readings)
        .Field("Text", Text, x => x.Text)
        .ReadBy((ref r) => new(Node.Read(ref r), I64.Read(ref r), Readings.Read(ref r), Text.Read(ref r)));
}
