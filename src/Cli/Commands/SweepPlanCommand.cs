using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Vae.Cli.Local;
using Vae.Cli.Planning;
using Vae.Cli.Terminal;
using Vae.Data;
using Vae.Shared.Sweeps;

namespace Vae.Cli.Commands;

/// <summary><c>vae sweep plan FILE</c>: what a sweep will take, and in what shape its trials are packed and why; trains nothing but a probe of a few seconds where the work is long.</summary>
internal static class SweepPlanCommand
{
    private const int FirstTrials = 3;
    private const int FirstPacks = 10;

    public static Command Create()
    {
        var file = SweepCommands.FileArgument();
        var noProbe = new Option<bool>("--no-probe") { Description = "Measure nothing: use what was measured before, else rules of thumb. Without it, long sweeps are measured for up to 5 s per kind of trial." };
        var local = new LocalOptions();
        var command = new Command("plan", "Show the trials, sizes, steps, packs, memory and time of a sweep without running it.") { file, local.Workers, local.Threads, local.Device, noProbe };
        command.Do((parse, output, _) => Task.FromResult(Run(parse.GetRequiredValue(file), local.Read(parse), parse.GetValue(noProbe), output)));
        return command;
    }

    private static ExitCode Run(string path, LocalSweepOptions options, bool noProbe, Output output)
    {
        if (SweepFile.Read(path, output) is not { } sweep) return ExitCode.InvalidInput;
        var data = DatasetLoader.Load(sweep.Definition.Dataset, sweep.BaseDirectory);
        foreach (var warning in data.Warnings) output.Warning(warning);
        var images = data.Images;
        var shape = new DataShape(data.TrainRows, images.Channels, images.Height, images.Width, data.HeldOut + (data.Excluded?.Count ?? 0));
        SweepPlan plan;
        try
        {
            plan = SweepPlan.Of(sweep.Definition, shape, FirstTrials, images.HasLabels ? images.Classes : 0);
        }
        catch (ArgumentException misfit)
        {
            throw new CliException(ExitCode.InvalidInput, $"{path}: {misfit.Message}");
        }

        var machine = LocalPlan.For(sweep.Definition, options.Workers, options.Threads, options.Device, LocalMachine.Find());
        var packs = new PackPlans(machine, options.Home, mayProbe: !noProbe, output).Of(sweep.Definition, shape);
        if (output.Mode.Json) WriteJson(sweep, data, plan, packs, output);
        else WriteText(sweep, data, plan, packs, output);
        return ExitCode.Ok;
    }

    private static void WriteText(SweepFile sweep, Dataset data, SweepPlan plan, IReadOnlyList<SignaturePlan> packs, Output output)
    {
        var definition = sweep.Definition;
        var images = data.Images;
        output.Line($"sweep      {definition.Name}");
        output.Line($"data       {data.TrainRows:N0} rows to train on, {data.HeldOut:N0} held out, {images.Channels} x {images.Height} x {images.Width}, fingerprint {data.Fingerprint[..12]}");
        output.Line($"trials     {plan.Trials:N0} ({definition.Search.Method.ToString().ToLowerInvariant()} search over {Parameters(definition)})");
        output.Line($"model      {Range(plan.SmallestParameters, plan.LargestParameters)} parameters");
        output.Line($"steps      {plan.Steps:N0} in all{(plan.Trials > SweepPlan.CountedMax ? $" of the first {SweepPlan.CountedMax:N0} trials" : "")}");
        output.Line($"workers    {Range(definition.Resources.WorkersPerPackMin, definition.Resources.WorkersPerPackMax)} for each trial");
        output.Line($"memory     about {Units.Bytes(packs.Max(pack => pack.Choice.MemoryBytes))} on a worker at its peak, data included");
        output.Line($"time       about {Duration(packs.Sum(pack => pack.Seconds))}{(packs.All(pack => pack.Choice.IsMeasured) ? "" : ", a rough guess")}");
        output.Line();
        var table = new TextTable(new("trial", TextTable.Align.Right), new("hyperparameters"), new("parameters", TextTable.Align.Right), new("steps", TextTable.Align.Right));
        foreach (var trial in plan.First)
        {
            table.Add(trial.Trial.Index.ToString(CultureInfo.InvariantCulture), trial.Trial.Label, $"{trial.Parameters:N0}", $"{trial.Steps:N0}");
        }

        table.WriteTo(output.Results);
        if (plan.Trials > plan.First.Count) output.Line($"... and {plan.Trials - plan.First.Count:N0} more");
        foreach (var pack in packs.Take(FirstPacks)) WriteText(pack, output);
        if (packs.Count > FirstPacks) output.Line($"... and {packs.Count - FirstPacks:N0} more kinds of trials");
    }

    private static void WriteText(SignaturePlan pack, Output output)
    {
        var (shape, choice) = (pack.Choice.Shape, pack.Choice);
        output.Line();
        output.Line($"{Units.Count(pack.Question.Trials, "trial")} of {pack.Question.Signature}");
        output.Line($"  shape    {Units.Count(shape.Lanes, "lane")}{(shape.Lanes > 1 ? " side by side" : "")} on a worker, {(shape.Slots == 1 ? "trials not fused" : $"{shape.Slots} trials fused on each")}, {Units.Count(shape.Threads, "thread")}{(shape.Lanes > 1 ? " each" : "")}");
        output.Line($"  memory   about {Units.Bytes(choice.MemoryBytes)} on a worker");
        output.Line($"  speed    {(choice.IsMeasured ? "" : "perhaps ")}{choice.StepsPerSecond:N0} trial steps/s on a worker, {(choice.IsMeasured ? "measured" : "not measured")}");
        output.Line($"  time     {(choice.IsMeasured ? "about" : "perhaps")} {Duration(pack.Seconds)}");
        output.Line($"  why      {choice.Reason}");
    }

    private static void WriteJson(SweepFile sweep, Dataset data, SweepPlan plan, IReadOnlyList<SignaturePlan> packs, Output output) => output.Json("sweep_plan", json =>
    {
        json.WriteString("name", sweep.Definition.Name);
        json.WriteNumber("trials", plan.Trials);
        json.WriteNumber("steps", plan.Steps);
        json.WriteNumber("memory_bytes", packs.Max(pack => pack.Choice.MemoryBytes));
        json.WriteNumber("seconds", packs.Sum(pack => pack.Seconds));
        json.WriteNumber("parameters_min", plan.SmallestParameters);
        json.WriteNumber("parameters_max", plan.LargestParameters);
        json.WriteStartObject("dataset");
        json.WriteString("fingerprint", data.Fingerprint);
        json.WriteNumber("train_rows", data.TrainRows);
        json.WriteNumber("held_out_rows", data.HeldOut);
        json.WriteNumber("channels", data.Images.Channels);
        json.WriteNumber("height", data.Images.Height);
        json.WriteNumber("width", data.Images.Width);
        json.WriteEndObject();
        json.WriteStartArray("first");
        foreach (var trial in plan.First)
        {
            json.WriteStartObject();
            json.WriteNumber("trial", trial.Trial.Index);
            json.WriteString("label", trial.Trial.Label);
            json.WriteNumber("parameters", trial.Parameters);
            json.WriteNumber("steps", trial.Steps);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteStartArray("packs");
        foreach (var pack in packs) WriteJson(json, pack);
        json.WriteEndArray();
    });

    private static void WriteJson(Utf8JsonWriter json, SignaturePlan pack)
    {
        var (shape, choice) = (pack.Choice.Shape, pack.Choice);
        json.WriteStartObject();
        json.WriteString("signature", pack.Question.Signature.Key);
        json.WriteNumber("trials", pack.Question.Trials);
        json.WriteNumber("steps", pack.Question.Steps);
        json.WriteNumber("lanes", shape.Lanes);
        json.WriteNumber("slots", shape.Slots);
        json.WriteNumber("threads", shape.Threads);
        json.WriteNumber("latent", shape.Latent);
        json.WriteNumber("memory_bytes", choice.MemoryBytes);
        json.WriteNumber("steps_per_second", Math.Round(choice.StepsPerSecond, 1));
        json.WriteBoolean("measured", choice.IsMeasured);
        json.WriteNumber("seconds", Math.Round(pack.Seconds, 1));
        json.WriteString("basis", choice.Basis switch
        {
            PlanBasis.Forced => "forced",
            PlanBasis.Measured => "measured",
            PlanBasis.RuleOfThumb => "rule_of_thumb",
            _ => "memory",
        });
        json.WriteString("reason", choice.Reason);
        json.WriteEndObject();
    }

    private static string Duration(double seconds) => seconds switch
    {
        < 1 => "1 s",
        < 120 => $"{seconds:F0} s",
        < 7_200 => $"{seconds / 60:F0} min",
        _ => $"{seconds / 3_600:F1} h",
    };

    private static string Parameters(SweepDefinition definition) =>
        definition.Search.Parameters.Count == 0 ? "nothing" : string.Join(", ", definition.Search.Parameters.Select(parameter => parameter.Path));

    private static string Range(long low, long high) => low == high ? $"{low:N0}" : $"{low:N0} to {high:N0}";
}
