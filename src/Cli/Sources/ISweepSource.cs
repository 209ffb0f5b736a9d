using System.CommandLine;
using Vae.Coordinator.Projections;
using Vae.Runtime.Remoting;

namespace Vae.Cli.Sources;

/// <summary>Where sweeps are read from: the store under --home, or a coordinator somewhere.</summary>
internal interface ISweepSource : IDisposable
{
    /// <summary>All sweeps, oldest first.</summary>
    Task<IReadOnlyList<SweepSummary>> ListAsync(CancellationToken cancellation);

    /// <summary>One sweep.</summary>
    /// <param name="id">Its id as <see cref="ListAsync"/> gave it.</param>
    /// <param name="cancellation">Ctrl-C.</param>
    Task<SweepDocument> ReadAsync(string id, CancellationToken cancellation);

    /// <summary>The sweep file, to the letter.</summary>
    Task<string> SourceOfAsync(string id, CancellationToken cancellation);

    /// <summary>One of the files that <see cref="TrialDocument.Files"/> names; null when it is not there.</summary>
    Task<Stream?> OpenFileAsync(string sweep, int trial, string name, CancellationToken cancellation);

    /// <summary>Where the files of a trial lie; null when they are on another machine.</summary>
    string? FolderOf(string sweep, int trial);
}

/// <summary>The options that name a source, and the source they name.</summary>
internal sealed class SourceOptions
{
    /// <summary>Of a coordinator on this machine that was told nothing else.</summary>
    public const string DefaultAddress = "http://127.0.0.1:7432";

    public Option<string?> Cluster { get; } = new("--cluster")
    {
        Description = "HTTP address of a coordinator, for example http://127.0.0.1:7432. Without it: this machine, the store under --home.",
        HelpName = "URL",
    };

    public Option<string?> TokenFile { get; } = new("--token-file") { Description = "File with the cluster's token. Default: VAE_TOKEN_FILE, or the file `token` under --home.", HelpName = "FILE" };

    /// <summary>For commands that ask a running coordinator, always.</summary>
    public static SourceOptions OfCluster(string address)
    {
        var options = new SourceOptions();
        options.Cluster.Description = $"HTTP address of the coordinator. Default: {address}.";
        return options;
    }

    public void AddTo(Command command)
    {
        command.Options.Add(Cluster);
        command.Options.Add(TokenFile);
    }

    public ISweepSource Open(ParseResult parse) => OpenCluster(parse) is { } cluster ? cluster : new LocalSource(parse.GetRequiredValue(GlobalOptions.Home));

    /// <returns>Null when the user named no cluster.</returns>
    public ClusterClient? OpenCluster(ParseResult parse) => parse.GetValue(Cluster) is { } address ? OpenCluster(parse, address) : null;

    /// <summary>The coordinator that the user named, or the one at <paramref name="otherwise"/>.</summary>
    public ClusterClient OpenCluster(ParseResult parse, string otherwise) =>
        ClusterClient.Open(parse.GetValue(Cluster) ?? otherwise, parse.GetValue(TokenFile) ?? ClusterToken.FileFor(parse.GetRequiredValue(GlobalOptions.Home)));
}
