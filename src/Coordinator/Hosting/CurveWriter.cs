using System.Globalization;
using Vae.Data.Files;
using Vae.Runtime.Storage;
using Vae.Shared;
using Vae.Shared.Messages;

namespace Vae.Coordinator.Hosting;

/// <summary>Writes <c>curves.csv</c> of a trial from the stored points.</summary>
internal static class CurveWriter
{
    private const int TrainPointsMax = 20_000; // 1.5 MB of text; longer curves are thinned by the store, spikes kept.

    private const string Header = "kind,step,epoch,loss,distortion,rate,beta,elbo,active_units,seconds";

    public static void Write(string path, IPointReader points, TrialId trial, Attempt attempt)
    {
        AtomicFile.Write(path, stream =>
        {
            using var writer = new StreamWriter(stream, leaveOpen: true) { NewLine = "\n" };
            writer.WriteLine(Header);
            foreach (var p in TrialCurve.TrainSteps(points, trial, attempt, TrainPointsMax))
            {
                writer.WriteLine(string.Create(CultureInfo.InvariantCulture,
                    $"train,{p.Step.Value},{p.EpochIndex},{p.Loss:R},{p.Distortion:R},{p.Rate:R},{p.Beta:R},,,{p.Seconds:R}"));
            }

            foreach (var p in TrialCurve.Epochs(points, trial, attempt))
            {
                writer.WriteLine(string.Create(CultureInfo.InvariantCulture,
                    $"held_out,{p.Step.Value},{p.EpochsDone},{p.TrainLoss:R},{p.Distortion:R},{p.Rate:R},,{p.Elbo:R},{p.ActiveUnits},{p.Seconds:R}"));
            }
        });
    }
}
