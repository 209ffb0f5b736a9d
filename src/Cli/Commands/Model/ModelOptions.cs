using System.CommandLine;
using Vae.Cli.Models;
using Vae.Cli.Terminal;

namespace Vae.Cli.Commands.Model;

/// <summary>Arguments and options that commands on models share, and what they tell when they are done.</summary>
internal static class ModelOptions
{
    /// <summary>A grid of more is a picture that no program opens.</summary>
    public const int ImagesMax = 10_000;

    public static Argument<string> Model() => new("MODEL") { Description = ModelPath.Help };

    public static Option<string> Device() => new("--device") { Description = "auto, cpu, cuda or cuda:N.", HelpName = "DEVICE", DefaultValueFactory = _ => "cpu" };

    public static Option<ulong> Seed() => new("--seed") { Description = "The same seed gives the same images.", HelpName = "N", DefaultValueFactory = _ => 1 };

    public static Option<string> Out(string name) => new("--out") { Description = "PNG file to write.", HelpName = "FILE", DefaultValueFactory = _ => name };

    public static Option<int> Count(int count, string description) => Number("--count", "N", count, 1, ImagesMax, description);

    public static Option<int> Number(string name, string helpName, int value, int least, int most, string description)
    {
        var option = new Option<int>(name) { Description = description, HelpName = helpName, DefaultValueFactory = _ => value };
        option.InRange(least, most);
        return option;
    }

    public static Task<OpenModel> OpenAsync(ParseResult parse, Argument<string> model, Option<string> device, CancellationToken cancellation) =>
        OpenModel.OpenAsync(parse.GetRequiredValue(model), parse.GetRequiredValue(GlobalOptions.Home), parse.GetRequiredValue(device), cancellation);

    /// <summary>One line, or one JSON object, about a picture.</summary>
    public static void Tell(Output output, string type, string path, int images)
    {
        if (!output.Mode.Json)
        {
            output.Line($"{path}: {images:N0} images");
            return;
        }

        output.Json(type, json =>
        {
            json.WriteString("file", Path.GetFullPath(path));
            json.WriteNumber("images", images);
        });
    }
}
