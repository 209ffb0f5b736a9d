using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Vae.Runtime.Logging;

namespace Vae.Cli.Terminal;

/// <summary>Where the log of this process goes: always standard error, because standard output belongs to results.</summary>
internal static class Logs
{
    public static readonly string[] Formats = ["auto", "text", "json"];

    /// <summary>For a node that runs for itself.</summary>
    /// <param name="format">One of <see cref="Formats"/>.</param>
    /// <param name="mode">How loud.</param>
    /// <param name="node">The node's name.</param>
    /// <param name="last">Keeps the last lines for the next process; null: nobody does.</param>
    public static ILoggerFactory ForNode(string format, OutputMode mode, string node, LastLines? last = null) =>
        NodeLogging.Create(Enum.Parse<LogFormat>(format, ignoreCase: true), mode.Quiet ? -1 : mode.Verbosity, node, last);

    /// <summary>For the coordinator inside <c>sweep run</c>: silent, unless the user asked to see it.</summary>
    public static ILoggerFactory ForEmbedded(OutputMode mode) => mode.Verbosity == 0 ? NullLoggerFactory.Instance : ForNode("text", mode, "coordinator");
}
