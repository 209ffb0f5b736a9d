using System.CommandLine;
using System.Globalization;
using Vae.Cli.Terminal;
using Vae.Data;
using Vae.Shared.Sweeps;

namespace Vae.Cli.Commands;

/// <summary><c>vae sweep plan FILE</c>: what a sweep will take; writes nothing.</summary>
internal static class SweepPlanCommand
{
    private const int FirstTrials = 3;

    public static Command Create()
    {
        var file = SweepCommands.FileArgument();
        var command = new Command("plan", "Show the trials, sizes, steps and memory of a sweep without running it.") { file };
        command.Do((parse, output, _) => Task.FromResult(Run(parse.GetRequiredValue(file), output)));
        return command;
    }

    private static ExitCode Run(string path, Output output)
    {
        if (SweepFile.Read(path, output) is not { } sweep) return ExitCode.InvalidInput;
        var data = DatasetLoader.Load(sweep.Definition.Dataset, sweep.BaseDirectory);
        foreach (var warning in data.Warnings) output.Warning(warning);
        var images = data.Images;
        SweepPlan plan;
        try
        {
            plan = SweepPlan.Of(sweep.Definition, new DataShape(data.TrainRows, images.Channels, images.Height, images.Width, data.HeldOut), FirstTrials);
        }
        catch (ArgumentException misfit)
        {
            throw new CliException(ExitCode.InvalidInput, $"{path}: {misfit.Message}");
        }

        if (output.Mode.Json) WriteJson(sweep, data, plan, output);
        else WriteText(sweep, data, plan, output);
        return ExitCode.Ok;
    }

    private static void WriteText(SweepFile sweep, Dataset data, SweepPlan plan, Output output)
    {
        var definition = sweep.Definition;
        var images = data.Images;
        output.Line($"sweep      {definition.Name}");
        output.Line($"data       {data.TrainRows:N0} rows to train on, {data.HeldOut:N0} held out, {images.Channels} x {images.Height} x {images.Width}, fingerprint {data.Fingerprint[..12]}");
        output.Line($"trials     {plan.Trials:N0} ({definition.Search.Method.ToString().ToLowerInvariant()} search over {Parameters(definition)})");
        output.Line($"model      {Range(plan.SmallestParameters, plan.LargestParameters)} parameters");
        output.Line($"steps      {plan.Steps:N0} in all{(plan.Trials > SweepPlan.CountedMax ? $" of the first {SweepPlan.CountedMax:N0} trials" : "")}");
        output.Line($"memory     about {Units.Bytes(plan.LargestMemoryBytes)} on each worker, beside {Units.Bytes(images.Pixels.Length)} of data");
        output.Line($"workers    {Range(definition.Resources.WorkersPerPackMin, definition.Resources.WorkersPerPackMax)} for each trial");
        output.Line();
        var table = new TextTable(new("trial", TextTable.Align.Right), new("hyperparameters"), new("parameters", TextTable.Align.Right), new("steps", TextTable.Align.Right));
        foreach (var trial in plan.First)
        {
            table.Add(trial.Trial.Index.ToString(CultureInfo.InvariantCulture), trial.Trial.Label, $"{trial.Parameters:N0}", $"{trial.Steps:N0}");
        }

        table.WriteTo(output.Results);
        if (plan.Trials > plan.First.Count) output.Line($"... and {plan.Trials - plan.First.Count:N0} more");
    }

    private static void WriteJson(SweepFile sweep, Dataset data, SweepPlan plan, Output output) => output.Json("sweep_plan", json =>
    {
        json.WriteString("name", sweep.Definition.Name);
        json.WriteNumber("trials", plan.Trials);
        json.WriteNumber("steps", plan.Steps);
        json.WriteNumber("memory_bytes", plan.LargestMemoryBytes);
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
            json.WriteNumber("memory_bytes", trial.MemoryBytes);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    });

    private static string Parameters(SweepDefinition definition) =>
        definition.Search.Parameters.Count == 0 ? "nothing" : string.Join(", ", definition.Search.Parameters.Select(parameter => parameter.Path));

    private static string Range(long low, long high) => low == high ? $"{low:N0}" : $"{low:N0} to {high:N0}";
}
