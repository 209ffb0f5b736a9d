using Vae.Shared.Messages;
using static Vae.Shared.Wire.Codecs;
using static Vae.Shared.Wire.IdCodecs;

namespace Vae.Shared.Wire;

/// <summary>Durable facts, as the store keeps them.</summary>
internal static class FactCodecs
{
    public static readonly RecordCodec<SweepEvent.Submitted> Submitted = Record<SweepEvent.Submitted>()
        .Field("Name", Text, x => x.Name)
        .Field("Source", Text, x => x.Source)
        .Field("Definition", Text, x => x.Definition)
        .Field("BaseDirectory", Text, x => x.BaseDirectory)
        .Field("Trials", I32, x => x.Trials)
        .Field("Sweep", Sweep, x => x.Sweep)
        .ReadBy((ref r) => new(Text.Read(ref r), Text.Read(ref r), Text.Read(ref r), Text.Read(ref r), I32.Read(ref r)) { Sweep = Sweep.Read(ref r) });

    public static readonly RecordCodec<SweepEvent.DatasetReady> DatasetReady = Record<SweepEvent.DatasetReady>()
        .Field("Manifest", SpecCodecs.Manifest, x => x.Manifest)
        .Field("Warnings", PartCodecs.Texts, x => x.Warnings)
        .Field("Sweep", Sweep, x => x.Sweep)
        .ReadBy((ref r) => new(SpecCodecs.Manifest.Read(ref r), PartCodecs.Texts.Read(ref r)) { Sweep = Sweep.Read(ref r) });

    public static readonly RecordCodec<SweepEvent.PackStarted> PackStarted = Record<SweepEvent.PackStarted>()
        .Field("Pack", I32, x => x.Pack)
        .Field("Attempt", AttemptNumber, x => x.Attempt)
        .Field("Trials", PartCodecs.Indices, x => x.Trials)
        .Field("Workers", PartCodecs.Nodes, x => x.Workers)
        .Field("Shape", PartCodecs.Shape, x => x.Shape)
        .Field("Closed", Bool, x => x.Closed)
        .Field("From", PartCodecs.Froms, x => x.From)
        .Field("Sweep", Sweep, x => x.Sweep)
        .Field("Incarnations", PartCodecs.Incarnations, x => x.Incarnations)
        .ReadBy((ref r) => new(I32.Read(ref r), AttemptNumber.Read(ref r), PartCodecs.Indices.Read(ref r),
            PartCodecs.Nodes.Read(ref r), PartCodecs.Shape.Read(ref r), Bool.Read(ref r), PartCodecs.Froms.Read(ref r))
        { Sweep = Sweep.Read(ref r), Incarnations = PartCodecs.Incarnations.Read(ref r) });

    public static readonly RecordCodec<SweepEvent.PackRegrouped> PackRegrouped = Record<SweepEvent.PackRegrouped>()
        .Field("Pack", I32, x => x.Pack)
        .Field("Attempt", AttemptNumber, x => x.Attempt)
        .Field("Generation", GenerationNumber, x => x.Generation)
        .Field("Workers", PartCodecs.Nodes, x => x.Workers)
        .Field("Reason", Text, x => x.Reason)
        .Field("Sweep", Sweep, x => x.Sweep)
        .Field("Incarnations", PartCodecs.Incarnations, x => x.Incarnations)
        .ReadBy((ref r) => new(I32.Read(ref r), AttemptNumber.Read(ref r), GenerationNumber.Read(ref r), PartCodecs.Nodes.Read(ref r),
            Text.Read(ref r))
        { Sweep = Sweep.Read(ref r), Incarnations = PartCodecs.Incarnations.Read(ref r) });

    public static readonly RecordCodec<SweepEvent.CheckpointStored> CheckpointStored = Record<SweepEvent.CheckpointStored>()
        .Field("Checkpoint", PartCodecs.Checkpoint, x => x.Checkpoint)
        .Field("Sweep", Sweep, x => x.Sweep)
        .ReadBy((ref r) => new(PartCodecs.Checkpoint.Read(ref r)) { Sweep = Sweep.Read(ref r) });

    public static readonly RecordCodec<SweepEvent.CheckpointRefused> CheckpointRefused = Record<SweepEvent.CheckpointRefused>()
        .Field("Checkpoint", PartCodecs.CheckpointName, x => x.Checkpoint)
        .Field("Reason", Text, x => x.Reason)
        .Field("Sweep", Sweep, x => x.Sweep)
        .ReadBy((ref r) => new(PartCodecs.CheckpointName.Read(ref r), Text.Read(ref r)) { Sweep = Sweep.Read(ref r) });

    public static readonly RecordCodec<SweepEvent.PackInterrupted> PackInterrupted = Record<SweepEvent.PackInterrupted>()
        .Field("Pack", I32, x => x.Pack)
        .Field("Attempt", AttemptNumber, x => x.Attempt)
        .Field("State", PartCodecs.TrialStateName, x => x.State)
        .Field("Reason", Text, x => x.Reason)
        .Field("Sweep", Sweep, x => x.Sweep)
        .ReadBy((ref r) => new(I32.Read(ref r), AttemptNumber.Read(ref r), PartCodecs.TrialStateName.Read(ref r),
            Text.Read(ref r))
        { Sweep = Sweep.Read(ref r) });

    public static readonly RecordCodec<SweepEvent.TrialEnded> TrialEnded = Record<SweepEvent.TrialEnded>()
        .Field("Attempt", AttemptNumber, x => x.Attempt)
        .Field("Result", PartCodecs.Result, x => x.Result)
        .Field("Sweep", Sweep, x => x.Sweep)
        .ReadBy((ref r) => new(AttemptNumber.Read(ref r), PartCodecs.Result.Read(ref r)) { Sweep = Sweep.Read(ref r) });

    public static readonly RecordCodec<SweepEvent.Ended> Ended = Record<SweepEvent.Ended>()
        .Field("State", PartCodecs.SweepStateName, x => x.State)
        .Field("Reason", Text, x => x.Reason)
        .Field("Sweep", Sweep, x => x.Sweep)
        .ReadBy((ref r) => new(PartCodecs.SweepStateName.Read(ref r), Text.Read(ref r)) { Sweep = Sweep.Read(ref r) });

    public static readonly RecordCodec<SweepEvent.TimeSpent> TimeSpent = Record<SweepEvent.TimeSpent>()
        .Field("Elapsed", Ticks, x => x.Elapsed)
        .Field("Sweep", Sweep, x => x.Sweep)
        .ReadBy((ref r) => new(Ticks.Read(ref r)) { Sweep = Sweep.Read(ref r) });

    public static readonly RecordCodec<SweepEvent.SlotFilled> SlotFilled = Record<SweepEvent.SlotFilled>()
        .Field("Pack", I32, x => x.Pack)
        .Field("Attempt", AttemptNumber, x => x.Attempt)
        .Field("Slot", I32, x => x.Slot)
        .Field("Trial", I32, x => x.Trial)
        .Field("Order", I64, x => x.Order)
        .Field("From", PartCodecs.OptionalFrom, x => x.From)
        .Field("Sweep", Sweep, x => x.Sweep)
        .ReadBy((ref r) => new(I32.Read(ref r), AttemptNumber.Read(ref r), I32.Read(ref r), I32.Read(ref r), I64.Read(ref r), PartCodecs.OptionalFrom.Read(ref r))
        { Sweep = Sweep.Read(ref r) });

    public static readonly RecordCodec<SweepEvent.SlotStopOrdered> SlotStopOrdered = Record<SweepEvent.SlotStopOrdered>()
        .Field("Pack", I32, x => x.Pack)
        .Field("Attempt", AttemptNumber, x => x.Attempt)
        .Field("Slot", I32, x => x.Slot)
        .Field("Trial", I32, x => x.Trial)
        .Field("Order", I64, x => x.Order)
        .Field("State", PartCodecs.TrialStateName, x => x.State)
        .Field("Reason", Text, x => x.Reason)
        .Field("Sweep", Sweep, x => x.Sweep)
        .ReadBy((ref r) => new(I32.Read(ref r), AttemptNumber.Read(ref r), I32.Read(ref r), I32.Read(ref r), I64.Read(ref r),
            PartCodecs.TrialStateName.Read(ref r), Text.Read(ref r))
        { Sweep = Sweep.Read(ref r) });

    public static readonly RecordCodec<SweepEvent.PackClosed> PackClosed = Record<SweepEvent.PackClosed>()
        .Field("Pack", I32, x => x.Pack)
        .Field("Attempt", AttemptNumber, x => x.Attempt)
        .Field("Order", I64, x => x.Order)
        .Field("Sweep", Sweep, x => x.Sweep)
        .ReadBy((ref r) => new(I32.Read(ref r), AttemptNumber.Read(ref r), I64.Read(ref r)) { Sweep = Sweep.Read(ref r) });

    public static readonly RecordCodec<SweepEvent.PackEnded> PackEnded = Record<SweepEvent.PackEnded>()
        .Field("Pack", I32, x => x.Pack)
        .Field("Attempt", AttemptNumber, x => x.Attempt)
        .Field("Sweep", Sweep, x => x.Sweep)
        .ReadBy((ref r) => new(I32.Read(ref r), AttemptNumber.Read(ref r)) { Sweep = Sweep.Read(ref r) });

    public static readonly RecordCodec<SweepEvent.PackPlanned> PackPlanned = Record<SweepEvent.PackPlanned>()
        .Field("Signature", Text, x => x.Signature)
        .Field("Shape", PartCodecs.Shape, x => x.Shape)
        .Field("Reason", Text, x => x.Reason)
        .Field("Sweep", Sweep, x => x.Sweep)
        .ReadBy((ref r) => new(Text.Read(ref r), PartCodecs.Shape.Read(ref r), Text.Read(ref r)) { Sweep = Sweep.Read(ref r) });

    public static readonly RecordCodec<SweepEvent.PackSuspected> PackSuspected = Record<SweepEvent.PackSuspected>()
        .Field("Pack", I32, x => x.Pack)
        .Field("Attempt", AttemptNumber, x => x.Attempt)
        .Field("Trials", PartCodecs.Indices, x => x.Trials)
        .Field("Sweep", Sweep, x => x.Sweep)
        .ReadBy((ref r) => new(I32.Read(ref r), AttemptNumber.Read(ref r), PartCodecs.Indices.Read(ref r)) { Sweep = Sweep.Read(ref r) });

    /// <summary>A fact inside a message to an observer; in the store a fact has its own row of the catalog.</summary>
    public static readonly FamilyCodec<SweepEvent> Fact = new FamilyCodec<SweepEvent>()
        .Case(Submitted).Case(DatasetReady).Case(PackStarted).Case(PackInterrupted).Case(TrialEnded).Case(Ended).Case(TimeSpent)
        .Case(SlotFilled).Case(PackEnded).Case(PackPlanned).Case(PackRegrouped).Case(CheckpointStored).Case(SlotStopOrdered).Case(PackClosed).Case(CheckpointRefused).Case(PackSuspected);
}
