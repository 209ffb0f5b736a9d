using System.CommandLine;
using Vae.Runtime.Actors;
using Vae.Runtime.Storage.Postgres;

namespace Vae.Cli.Commands;

/// <summary>Where a coordinator keeps facts and points. A password belongs into a file: arguments are seen by every user of the machine, and the environment ends up in logs.</summary>
internal sealed class StoreOptions
{
    private const string Variable = "VAE_STORE", FileVariable = "VAE_STORE_FILE";

    public Option<string?> Url { get; } = new("--store")
    {
        Description = "Database of facts and points: postgres://USER@HOST:5432/DATABASE. A second coordinator on it stands by. Default: VAE_STORE, or the file coordinator.db under --home.",
        HelpName = "URL",
    };

    public Option<string?> File { get; } = new("--store-file") { Description = "File that holds the URL, password and all. Default: VAE_STORE_FILE.", HelpName = "FILE" };

    /// <returns>Null for the file under --home.</returns>
    /// <exception cref="CliException">What was given is no URL of a database, or cannot be read.</exception>
    public string? Read(ParseResult parse)
    {
        if (parse.GetValue(Url) is not null && parse.GetValue(File) is not null) throw new CliException(ExitCode.Usage, "--store and --store-file cannot both be given.");
        var url = parse.GetValue(Url) is { } given ? Checked("--store", given)
            : (parse.GetValue(File) ?? Set(FileVariable)) is { } file ? Checked(file, ReadFile(file))
            : Set(Variable) is { } set ? Checked(Variable, set)
            : null;
        return url;
    }

    private static string? Set(string variable) => Environment.GetEnvironmentVariable(variable) is { Length: > 0 } value ? value : null;

    private static string ReadFile(string file)
    {
        try
        {
            return System.IO.File.ReadAllText(file).Trim();
        }
        catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException)
        {
            throw new CliException(ExitCode.Usage, $"the store's address cannot be read: {unreadable.Message}");
        }
    }

    private static string Checked(string from, string url)
    {
        try
        {
            _ = PostgresAddress.Parse(url);
            return url;
        }
        catch (UserFitException wrong)
        {
            throw new CliException(ExitCode.Usage, $"{from}: {wrong.Message}");
        }
    }
}
