using System.CommandLine;
using Vae.Cli.Models;

namespace Vae.Cli.Commands.Model;

/// <summary><c>vae model generate</c>: new images.</summary>
internal static class GenerateCommand
{
    public static Command Create()
    {
        var model = ModelOptions.Model();
        var device = ModelOptions.Device();
        var count = ModelOptions.Count(64, "Images.");
        var seed = ModelOptions.Seed();
        var target = ModelOptions.Out("samples.png");
        var command = new Command("generate", "Draw new images from the prior.") { model, count, seed, target, device };
        command.Do(async (parse, output, cancellation) =>
        {
            using var open = await ModelOptions.OpenAsync(parse, model, device, cancellation);
            var path = parse.GetRequiredValue(target);
            OpenModel.Save(open.Pictures.Samples(parse.GetValue(count), parse.GetValue(seed)), path);
            ModelOptions.Tell(output, "model_generate", path, parse.GetValue(count));
            return ExitCode.Ok;
        });
        return command;
    }
}
