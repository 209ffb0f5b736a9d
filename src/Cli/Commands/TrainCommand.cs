using System.CommandLine;
using Vae.Cli.Local;
using Vae.Cli.Terminal;
using Vae.Models.Files;
using Vae.Shared.Sweeps;

namespace Vae.Cli.Commands;

/// <summary><c>vae train</c>: one trial, from a sweep file or from options alone; the same engine and the same files as a sweep.</summary>
internal static class TrainCommand
{
    // The options that people reach for; every other field is --set PATH=VALUE.
    private static readonly (string Name, string Path, string HelpName)[] Shortcuts =
    [
        ("--source", "dataset.source", "idx|sprites"), ("--images", "dataset.images", "FILE"), ("--labels", "dataset.labels", "FILE"), ("--count", "dataset.count", "N"),
        ("--size", "dataset.size", "PIXELS"), ("--holdout", "dataset.holdout", "SHARE"), ("--binarize", "dataset.binarize", "none|fixed|dynamic"),
        ("--architecture", "model.architecture", "mlp|conv"), ("--latent", "model.latent", "N"), ("--encoder", "model.encoder", "[512, 256]"), ("--likelihood", "model.likelihood", "bernoulli|gaussian"),
        ("--epochs", "training.epochs", "N"), ("--batch", "training.batch", "N"), ("--learning-rate", "training.learning_rate", "X"), ("--beta", "training.beta", "X"),
        ("--optimizer", "training.optimizer", "adam|adamw|sgd"), ("--seed", "training.seed", "N"),
    ];

    public static Command Create()
    {
        var file = new Argument<string?>("FILE") { Description = "A sweep file, whose search is left out, or the config.json beside a model, to train that one again. Without one: sprites and the defaults of the format.", Arity = ArgumentArity.ZeroOrOne };
        var set = new Option<string[]>("--set") { Description = "Any field of a sweep file, for example --set training.kl_warmup_epochs=2. May be repeated.", HelpName = "PATH=VALUE", DefaultValueFactory = _ => [] };
        var shortcuts = Shortcuts.Select(shortcut => (Option: new Option<string?>(shortcut.Name) { Description = $"Field {shortcut.Path} of a sweep file.", HelpName = shortcut.HelpName }, shortcut.Path)).ToArray();
        var local = new LocalOptions();
        var command = new Command("train", "Train one model. Takes any field of a sweep file as an option.") { file, set };
        foreach (var (option, _) in shortcuts) command.Options.Add(option);
        local.AddTo(command);
        command.Do(async (parse, output, cancellation) =>
        {
            await using var here = new LocalSweep(local.Read(parse), output);
            var settings = shortcuts.Where(shortcut => parse.GetValue(shortcut.Option) is not null).Select(shortcut => TrainFile.Setting(shortcut.Path, parse.GetValue(shortcut.Option)!))
                .Concat(parse.GetRequiredValue(set).Select(TrainFile.Setting));
            if (Read(parse.GetValue(file), [.. settings], output) is not var (definition, text, folder)) return ExitCode.InvalidInput;
            return await here.RunAsync(definition, text, folder, cancellation);
        });
        return command;
    }

    private static (SweepDefinition Definition, string Text, string Folder)? Read(string? path, IReadOnlyList<(string Path, string Value)> settings, Output output)
    {
        var folder = Environment.CurrentDirectory;
        SweepDefinition? given = null;
        if (path is not null)
        {
            if (Path.GetFileName(path) == ModelConfig.FileName)
            {
                (given, folder) = (TrainFile.Of(ModelConfig.Read(path), path), Path.GetDirectoryName(Path.GetFullPath(path))!);
            }
            else
            {
                if (SweepFile.Read(path, output) is not { } sweep) return null;
                (given, folder) = (sweep.Definition, sweep.BaseDirectory);
            }
        }

        // A path that was typed at the prompt is meant from there, one that was written in a file from the file's folder.
        var text = TrainFile.Compose(given, [.. settings.Select(setting => setting.Path is "dataset.images" or "dataset.labels" ? setting with { Value = Path.GetFullPath(setting.Value) } : setting)]);
        var result = SweepParser.Parse(text);
        if (result.Problems.Count > 0) output.Notes.Write(ProblemText.Render("(options)", result.Text, result.Problems, output.Mode.ColorOn));
        return result.Definition is { } definition ? (definition, text, folder) : null;
    }
}
