using System.Text.Json;
using Vae.Coordinator.Projections;
using Vae.Shared;
using Vae.Shared.Messages;

namespace Vae.Cli.Terminal;

/// <summary>For programs: every fact and every evaluation as one JSON object per line, in the order in which they became durable. Training steps are too many; <c>curves.csv</c> has them.</summary>
internal sealed class JsonSweepDisplay(Output output) : ISweepDisplay
{
    public void Show(ObserverMessage message, IReadOnlyList<ProgressLine> lines)
    {
        switch (message)
        {
            case ObserverMessage.FactRecorded { Fact: var fact }: Write(fact); break;
            case ObserverMessage.PointsRecorded points:
                foreach (var point in points.Points.OfType<MetricPoint.Evaluation>()) Write(point);
                break;
            case ObserverMessage.CurveLacks lacks: Write(lacks); break;
            case ObserverMessage.WorkersChanged workers:
                output.Json("workers_changed", json =>
                {
                    json.WriteNumber("alive", workers.Alive);
                    json.WriteString("text", workers.Text);
                });
                break;
        }
    }

    public void Tick()
    {
    }

    public ValueTask DisposeAsync() => default;

    private void Write(MetricPoint.Evaluation point) => output.Json("evaluation", json =>
    {
        json.WriteString("sweep", point.Trial.Sweep.Value);
        json.WriteNumber("trial", point.Trial.Index);
        json.WriteNumber("step", point.Step.Value);
        json.WriteNumber("epochs", point.EpochsDone);
        json.WriteFinite("elbo", point.Elbo);
        json.WriteFinite("distortion", point.Distortion);
        json.WriteFinite("rate", point.Rate);
        json.WriteNumber("active_units", point.ActiveUnits);
        json.WriteFinite("train_loss", point.TrainLoss);
        json.WriteFinite("seconds", point.Seconds);
        WriteFigures(json, point.Figures);
    });

    private void Write(ObserverMessage.CurveLacks lacks) => output.Json("curve_lacks", json =>
    {
        json.WriteString("sweep", lacks.Trial.Sweep.Value);
        json.WriteNumber("trial", lacks.Trial.Index);
        json.WriteNumber("lacking_steps", lacks.Gaps.Sum(gap => gap.Steps));
        json.WriteStartArray("gaps");
        foreach (var gap in lacks.Gaps)
        {
            json.WriteStartObject();
            json.WriteNumber("first", gap.First.Value);
            json.WriteNumber("last", gap.Last.Value);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    });

    private void Write(SweepEvent fact)
    {
        switch (fact)
        {
            case SweepEvent.Submitted submitted:
                Write("submitted", fact, json =>
                {
                    json.WriteString("name", submitted.Name);
                    json.WriteNumber("trials", submitted.Trials);
                });
                break;
            case SweepEvent.DatasetReady ready:
                Write("dataset_ready", fact, json =>
                {
                    json.WriteString("fingerprint", ready.Manifest.Fingerprint);
                    json.WriteNumber("train_rows", ready.Manifest.TrainRows);
                    json.WriteNumber("held_out_rows", ready.Manifest.HeldOut);
                    WriteStrings(json, "warnings", ready.Warnings);
                });
                break;
            case SweepEvent.PackStarted started:
                Write("pack_started", fact, json =>
                {
                    json.WriteNumber("pack", started.Pack);
                    json.WriteNumber("attempt", started.Attempt.Value);
                    json.WriteStartArray("trials");
                    foreach (var trial in started.Trials) json.WriteNumberValue(trial);
                    json.WriteEndArray();
                    WriteStrings(json, "workers", started.Workers.Select(worker => worker.Value));
                });
                break;
            case SweepEvent.PackPlanned planned:
                Write("pack_planned", fact, json =>
                {
                    json.WriteString("signature", planned.Signature);
                    json.WriteNumber("slots", planned.Shape.Slots);
                    json.WriteNumber("lanes", planned.Shape.Lanes);
                    json.WriteNumber("threads", planned.Shape.Threads);
                    json.WriteString("reason", planned.Reason);
                });
                break;
            case SweepEvent.SlotFilled filled:
                Write("slot_filled", fact, json =>
                {
                    json.WriteNumber("pack", filled.Pack);
                    json.WriteNumber("attempt", filled.Attempt.Value);
                    json.WriteNumber("slot", filled.Slot);
                    json.WriteNumber("trial", filled.Trial);
                });
                break;
            case SweepEvent.PackRegrouped regrouped:
                Write("pack_regrouped", fact, json =>
                {
                    json.WriteNumber("pack", regrouped.Pack);
                    json.WriteNumber("attempt", regrouped.Attempt.Value);
                    json.WriteNumber("generation", regrouped.Generation.Value);
                    WriteStrings(json, "workers", regrouped.Workers.Select(worker => worker.Value));
                    json.WriteString("reason", regrouped.Reason);
                });
                break;
            case SweepEvent.CheckpointStored { Checkpoint: var checkpoint }:
                Write("checkpoint_stored", fact, json =>
                {
                    json.WriteNumber("pack", checkpoint.Pack.Number);
                    json.WriteNumber("attempt", checkpoint.Attempt.Value);
                    json.WriteNumber("position", checkpoint.Position);
                    json.WriteNumber("bytes", checkpoint.Bytes);
                });
                break;
            case SweepEvent.CheckpointRefused { Checkpoint: var refused } fall:
                Write("checkpoint_refused", fact, json =>
                {
                    json.WriteNumber("pack", refused.Pack.Number);
                    json.WriteNumber("attempt", refused.Attempt.Value);
                    json.WriteNumber("position", refused.Position);
                    json.WriteString("reason", fall.Reason);
                });
                break;
            case SweepEvent.PackEnded ended:
                Write("pack_ended", fact, json =>
                {
                    json.WriteNumber("pack", ended.Pack);
                    json.WriteNumber("attempt", ended.Attempt.Value);
                });
                break;
            case SweepEvent.PackInterrupted interrupted:
                Write("pack_interrupted", fact, json =>
                {
                    json.WriteNumber("pack", interrupted.Pack);
                    json.WriteNumber("attempt", interrupted.Attempt.Value);
                    json.WriteString("state", SweepDocument.Word(interrupted.State.ToString()));
                    json.WriteString("reason", interrupted.Reason);
                });
                break;
            case SweepEvent.TrialEnded { Result: var result }:
                Write("trial_ended", fact, json =>
                {
                    json.WriteNumber("trial", result.TrialIndex);
                    json.WriteString("state", SweepDocument.Word(result.State.ToString()));
                    json.WriteFinite("elbo", result.Elbo);
                    json.WriteFinite("distortion", result.Distortion);
                    json.WriteFinite("rate", result.Rate);
                    json.WriteNumber("active_units", result.ActiveUnits);
                    json.WriteNumber("steps", result.Steps);
                    json.WriteFinite("seconds", result.TrainSeconds);
                    json.WriteString("failure", result.FailureText);
                    WriteFigures(json, result.Figures);
                });
                break;
            case SweepEvent.Ended sweepEnded:
                Write("sweep_ended", fact, json =>
                {
                    json.WriteString("state", SweepDocument.Word(sweepEnded.State.ToString()));
                    json.WriteString("reason", sweepEnded.Reason);
                });
                break;
        }
    }

    private void Write(string type, SweepEvent fact, Action<Utf8JsonWriter> write) => output.Json(type, json =>
    {
        json.WriteString("sweep", fact.Sweep.Value);
        write(json);
    });

    private static void WriteFigures(Utf8JsonWriter json, ValueList<NamedFigure> figures)
    {
        if (figures.Count == 0) return;
        json.WriteStartObject("figures");
        foreach (var (name, value) in figures) json.WriteFinite(name, value);
        json.WriteEndObject();
    }

    private static void WriteStrings(Utf8JsonWriter json, string name, IEnumerable<string> values)
    {
        json.WriteStartArray(name);
        foreach (var value in values) json.WriteStringValue(value);
        json.WriteEndArray();
    }
}
