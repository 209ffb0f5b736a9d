namespace Vae.Shared.Sweeps;

/// <summary>
/// What usually is best, for work that is over before a probe has paid for itself. On a processor fusing pays for tiny models alone: the state of several larger
/// ones falls out of cache and a batched product is no faster than single ones; one-thread lanes side by side pay always, because they
/// wait for nothing. A CUDA device is all but idle with one small model, so there as much is fused as the memory holds.
/// </summary>
internal static class PlanRules
{
    // 784-64-8 has 102,000 parameters and gains a tenth to four tenths from fusing; ten times that loses.
    private const long FuseBelowParameters = 150_000;
    private const long TinyParameters = 20_000;
    private const int TinySlots = 16;
    private const int SmallSlots = 4;

    // So many times the slots of the best rate lose less by their size than refills would cost: 784-64-8 gains 1.2 times in packs of 4, and still 1.03 times in packs of 16.
    private const int AtOnceFactor = 4;

    // A second thread repays being woken for each product from about here: MLP 784-400-20 at batch 128 has 500 million and gains a third.
    private const double FlopsPerThread = 200e6;

    public static PackShape Shape(PackQuestion question, WorkerRoom room, PlanLimits limits)
    {
        var latent = question.Trial.Model.Latent;
        if (room.Cuda)
        {
            var cudaLanes = question.Resources.Lanes ?? 1;
            return new(Spread(limits, cudaLanes, limits.SlotsMax), latent, cudaLanes, question.Resources.Threads ?? 1);
        }

        var lanes = limits.LanesMax;
        var threads = question.Resources.Threads ?? (lanes > 1 ? 1 : ThreadsFor(question, room));
        return new(Spread(limits, lanes, SlotsFor(question, limits, lanes)), latent, lanes, threads);
    }

    public static string Reason(PackQuestion question, WorkerRoom room, PackShape shape)
    {
        if (room.Cuda) return $"{PlanWords.Of(shape)}; a CUDA device gains from every trial that is fused";
        var fused = shape.Slots > 1 ? "a model this small gains from fusing" : SlotsFor(question) > 1 ? "there is nothing to fuse" : "a model of this size gains nothing from fusing on a processor";
        return $"{PlanWords.Of(shape)}; {fused}{(shape is { Lanes: > 1, Threads: 1 } ? ", and one-thread lanes wait for nothing" : "")}";
    }

    // A slot that is filled again stands still meanwhile, and the pack's last trials train beside empty slots. Where all trials fit at once, there is nothing to fill.
    private static int SlotsFor(PackQuestion question, PlanLimits limits, int lanes)
    {
        var slots = SlotsFor(question);
        var atOnce = (limits.Share + lanes - 1) / lanes;
        return slots > 1 && atOnce <= AtOnceFactor * slots ? (int)atOnce : slots;
    }

    private static int SlotsFor(PackQuestion question)
    {
        if (question.Trial.Model.Architecture != Architecture.Mlp) return 1;
        var parameters = ModelSize.Parameters(question.Trial.Model, question.Data);
        return parameters <= TinyParameters ? TinySlots : parameters <= FuseBelowParameters ? SmallSlots : 1;
    }

    private static int ThreadsFor(PackQuestion question, WorkerRoom room) =>
        (int)Math.Clamp(StepCost.Flops(question.Trial, question.Data, question.RowsPerWorker) / FlopsPerThread, 1, room.Cores);

    // No more slots than the trials fill evenly: 5 trials on 2 lanes are 3 slots each.
    private static int Spread(PlanLimits limits, int lanes, int slots) => (int)Math.Clamp((limits.Share + lanes - 1) / lanes, 1, Math.Min(slots, limits.SlotsMax));
}
