using Vae.Benchmarks.Planning;
using Vae.Worker.Probing;

// planning memory MODEL BATCH SLOTS LANES [DEVICE]   peak memory of packs beside its prediction, one JSON object
// planning probe MODEL BATCH THREADS [DEVICE]        the probe's choice beside the best of all shapes, one JSON object
// planning rate MODEL BATCH LANES SLOTS THREADS SECONDS [DEVICE]   trial steps per second of one shape, one JSON object
return args switch
{
    ["memory", var model, var batch, var slots, var lanes, .. var rest] => MemoryCase.Run(new Case(model, Case.Number(batch), rest), Case.Number(slots), Case.Number(lanes)),
    ["probe", var model, var batch, var threads, .. var rest] => ProbeCase.Run(new Case(model, Case.Number(batch), rest), Case.Number(threads)),
    ["rate", var model, var batch, var lanes, var slots, var threads, var seconds, .. var rest] =>
        RateCase.Run(new Case(model, Case.Number(batch), rest), new ProbeShape(Case.Number(lanes), Case.Number(slots), Case.Number(threads)), Case.Number(seconds)),
    _ => Case.Usage(),
};
