using System.CommandLine;
using Vae.Cli.Terminal;

namespace Vae.Cli;

/// <summary>Options that every command takes.</summary>
internal static class GlobalOptions
{
    public static readonly Option<bool> Json = new("--json") { Description = "Results as JSON: one object, or one per line, each with schema_version.", Recursive = true };

    public static readonly Option<bool> Quiet = new("--quiet", "-q") { Description = "No notes and no progress; results and errors only.", Recursive = true };

    public static readonly Option<bool> Verbose = new("--verbose", "-v") { Description = "Show the logs of this process too.", Recursive = true };

    public static readonly Option<string> Color = new("--color")
    {
        Description = "auto, always or never. NO_COLOR is honoured.",
        Recursive = true,
        DefaultValueFactory = _ => "auto",
    };

    /// <summary>Where state lives when the user says nothing.</summary>
    public const string HomeDefault = ".vae";

    public static readonly Option<string> Home = new("--home")
    {
        Description = "Folder of sweeps, models, token and store. Default: VAE_HOME, or .vae in the current folder.",
        HelpName = "FOLDER",
        Recursive = true,
        DefaultValueFactory = _ => Environment.GetEnvironmentVariable("VAE_HOME") is { Length: > 0 } home ? home : HomeDefault,
    };

    public static void AddTo(RootCommand root)
    {
        Color.AcceptOnlyFromAmong("auto", "always", "never");
        foreach (var option in (Option[])[Json, Quiet, Verbose, Color, Home]) root.Options.Add(option);
    }

    /// <summary>How to speak, as the options, the environment and the kind of stderr say.</summary>
    public static Output OutputOf(ParseResult parse)
    {
        var interactive = !Console.IsErrorRedirected && Environment.GetEnvironmentVariable("TERM") is not (null or "" or "dumb");
        var color = parse.GetValue(Color) switch
        {
            "always" => true,
            "never" => false,
            _ => interactive && string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR")),
        };
        return new Output(Console.Out, Console.Error, new OutputMode(parse.GetValue(Json), parse.GetValue(Quiet), parse.GetValue(Verbose) ? 1 : 0, color, interactive));
    }
}
