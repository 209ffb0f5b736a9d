using System.Globalization;
using System.Text;
using Vae.Data.Safetensors;
using Vae.Shared.Sweeps;

namespace Vae.Worker.Training;

/// <summary>
/// A pack's snapshot as a safetensors file. Tensors are those of each trial alone, named <c>12.encoder.0.weight</c> and <c>12.exp_avg.encoder.0.weight</c> for trial 12, so that
/// any reader of the format can look inside and each trial can be taken out alone; numbers of a trial are small tensors too, because JSON keeps neither all bits nor NaN.
/// </summary>
internal static class SnapshotFile
{
    /// <summary>Grows when a reader of the old form would misread the new one.</summary>
    public const int Version = 1;

    public const string Kind = "vae_checkpoint", Signature = "vae_signature", Slots = "vae_slots", Position = "vae_position", Orders = "vae_orders_applied", Closed = "vae_closed", Due = "vae_evaluation_due";
    public const string TrialPrefix = "vae_trial.", WaitingPrefix = "vae_waiting.", FiguresPrefix = "vae_figures.";
    public const string Counters = "counters", Figures = "figures", Report = "report";
    public const int CounterCount = 8, FigureCount = 2;

    /// <summary>How a trial's tensor is called in the file.</summary>
    public static string NameOf(int trial, string tensor) => string.Create(CultureInfo.InvariantCulture, $"{trial}.{tensor}");

    public static void Write(PackSnapshot snapshot, Stream target)
    {
        var writer = new SafetensorsWriter()
            .Metadata("format", "pt")
            .Metadata(Kind, Text(Version))
            .Metadata(Signature, snapshot.Signature.Key)
            .Metadata(Slots, Text(snapshot.Slots))
            .Metadata(Position, Text(snapshot.Progress.Position))
            .Metadata(Orders, Text(snapshot.Progress.OrdersApplied))
            .Metadata(Closed, snapshot.Progress.Closed ? "1" : "0")
            .Metadata(Due, snapshot.Progress.EvaluationDue ? "1" : "0");
        foreach (var (slot, trial) in snapshot.Waiting) writer.Metadata(WaitingPrefix + Text(slot), Encoding.UTF8.GetString(TrialSpecJson.WriteUtf8(trial)));
        foreach (var trial in snapshot.Trials) Add(writer, trial);
        writer.Write(target);
    }

    private static void Add(SafetensorsWriter writer, TrialSnapshot trial)
    {
        var index = trial.Trial.Index;
        writer.Metadata(TrialPrefix + Text(index), Encoding.UTF8.GetString(TrialSpecJson.WriteUtf8(trial.Trial)));
        long[] counters =
        [
            trial.Slot, trial.Step.Value, trial.EpochsDone, trial.StepOfEpoch, trial.OptimizerSteps, trial.LossSteps, trial.EvaluationDue ? 1 : 0, trial.Report?.ActiveUnits ?? -1,
        ];
        writer.Add(NameOf(index, Counters), [CounterCount], counters);
        writer.Add(NameOf(index, Figures), [FigureCount], new[] { trial.Seconds, trial.LossSum });
        if (trial.Report is { } report)
        {
            double[] values = [report.Distortion, report.Rate, .. report.RatePerDimension];
            writer.Add(NameOf(index, Report), [values.Length], values);
            if (report.Figures.Count > 0) writer.Metadata(FiguresPrefix + Text(index), FiguresText.Write(report.Figures));
        }

        foreach (var tensor in trial.Tensors) writer.Add(NameOf(index, tensor.Name), tensor.Shape, (ReadOnlyMemory<float>)trial.Values.Slice(tensor.Start, tensor.Length));
    }

    public static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);
}
