using System.CommandLine;
using Vae.Cli.Terminal;
using Vae.Data;
using Vae.Data.Idx;
using Vae.Data.Sprites;
using Vae.Shared.Datasets;

namespace Vae.Cli.Commands;

/// <summary><c>vae data info|make</c>: look at images, or make some.</summary>
internal static class DataCommands
{
    public static Command Create() => new("data", "Look at data sets and make them.") { CreateInfo(), CreateMake() };

    private static Command CreateInfo()
    {
        var what = new Argument<string>("FILE") { Description = "An IDX file of images, gzip or not, or the word `sprites`." };
        var labels = new Option<string?>("--labels") { Description = "The label file that belongs to it.", HelpName = "FILE" };
        var holdout = new Option<double>("--holdout") { Description = "Share of the rows that a sweep would hold out.", HelpName = "SHARE", DefaultValueFactory = _ => 0.2 };
        var command = new Command("info", "Check a data set and show its sizes, figures and fingerprint.") { what, labels, holdout };
        command.Do((parse, output, _) =>
        {
            var name = parse.GetRequiredValue(what);
            var source = name == DatasetSource.Sprites && !File.Exists(name)
                ? new DatasetSource { Source = DatasetSource.Sprites, HoldOut = parse.GetValue(holdout) }
                : new DatasetSource { Source = DatasetSource.Idx, Images = name, Labels = parse.GetValue(labels), HoldOut = parse.GetValue(holdout) };
            DataFiles.RequirePresent(source, Environment.CurrentDirectory);
            var report = DatasetReport.Of(DatasetLoader.Load(source, Environment.CurrentDirectory));
            if (output.Mode.Json) WriteJson(report, output);
            else WriteText(name, report, output);
            return Task.FromResult(ExitCode.Ok);
        });
        return command;
    }

    private static Command CreateMake()
    {
        var what = new Argument<string>("WHAT") { Description = "sprites: white shapes on black with dSprites' factors." };
        what.AcceptOnlyFromAmong(DatasetSource.Sprites);
        var target = new Option<string>("--out") { Description = "Folder to write; made when it is missing.", HelpName = "FOLDER", Required = true };
        var count = new Option<int>("--count") { Description = "Images.", HelpName = "N", DefaultValueFactory = _ => SpriteSource.DefaultCount };
        var size = new Option<int>("--size") { Description = "Side of the square images in pixels.", HelpName = "PIXELS", DefaultValueFactory = _ => 64 };
        var seed = new Option<ulong>("--seed") { Description = "The same seed gives the same bytes.", HelpName = "N", DefaultValueFactory = _ => 1 };
        var gzip = new Option<bool>("--gzip") { Description = "Compress the IDX files." };
        var command = new Command("make", "Write a made data set as IDX files, which every MNIST loader reads.") { what, target, count, size, seed, gzip };
        command.Do((parse, output, _) =>
        {
            var images = SpriteSource.Make(parse.GetValue(count), parse.GetValue(size), parse.GetValue(seed));
            var files = IdxWriter.WriteFolder(images, parse.GetRequiredValue(target), parse.GetValue(gzip));
            if (output.Mode.Json) output.Json("data_make", json => Write(json, images.Count, files));
            else foreach (var file in files) output.Line(file);
            return Task.FromResult(ExitCode.Ok);
        });
        return command;
    }

    private static void Write(System.Text.Json.Utf8JsonWriter json, int count, IReadOnlyList<string> files)
    {
        json.WriteNumber("images", count);
        json.WriteStartArray("files");
        foreach (var file in files) json.WriteStringValue(file);
        json.WriteEndArray();
    }

    private static void WriteText(string name, DatasetReport report, Output output)
    {
        foreach (var warning in report.Warnings) output.Warning(warning);
        output.Line($"data         {name} ({report.Source})");
        output.Line($"images       {report.Count:N0} of {report.Channels} x {report.Height} x {report.Width} ({Units.Bytes(report.PixelBytes)})");
        output.Line($"split        {report.TrainRows:N0} to train on, the last {report.HeldOut:N0} held out");
        output.Line($"pixels       {report.PixelRange.Least} to {report.PixelRange.Largest}, mean {report.PixelMean:F4}, deviation {report.PixelDeviation:F4} (of 1)");
        output.Line($"             {report.BlackFraction:P1} are 0, {report.WhiteFraction:P1} are 255");
        if (report.LabelCounts.Count > 0) output.Line($"labels       {string.Join(", ", report.LabelCounts.Select((count, label) => $"{label}: {count:N0}"))}");
        if (report.FactorNames.Count > 0) output.Line($"factors      {string.Join(", ", report.FactorNames)}");
        output.Line($"fingerprint  {report.Fingerprint}");
    }

    private static void WriteJson(DatasetReport report, Output output) => output.Json("data_info", json =>
    {
        json.WriteString("source", report.Source);
        json.WriteString("fingerprint", report.Fingerprint);
        json.WriteNumber("images", report.Count);
        json.WriteNumber("train_rows", report.TrainRows);
        json.WriteNumber("held_out_rows", report.HeldOut);
        json.WriteNumber("channels", report.Channels);
        json.WriteNumber("height", report.Height);
        json.WriteNumber("width", report.Width);
        json.WriteNumber("pixel_min", report.PixelRange.Least);
        json.WriteNumber("pixel_max", report.PixelRange.Largest);
        json.WriteNumber("pixel_mean", report.PixelMean);
        json.WriteNumber("pixel_deviation", report.PixelDeviation);
        json.WriteNumber("black_fraction", report.BlackFraction);
        json.WriteNumber("white_fraction", report.WhiteFraction);
        json.WriteStartArray("label_counts");
        foreach (var count in report.LabelCounts) json.WriteNumberValue(count);
        json.WriteEndArray();
        json.WriteStartArray("factors");
        foreach (var factor in report.FactorNames) json.WriteStringValue(factor);
        json.WriteEndArray();
        json.WriteStartArray("warnings");
        foreach (var warning in report.Warnings) json.WriteStringValue(warning);
        json.WriteEndArray();
    });
}
