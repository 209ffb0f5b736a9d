using Microsoft.Extensions.Logging;
using Serilog;
using Serilog.Events;
using Serilog.Extensions.Logging;

namespace Vae.Runtime.Logging;

/// <summary>How a process logs.</summary>
public enum LogFormat
{
    /// <summary>JSON in a container, text elsewhere.</summary>
    Auto,

    /// <summary>One readable line per event.</summary>
    Text,

    /// <summary>One JSON object per line.</summary>
    Json,
}

/// <summary>Sets up the process's log, in one place. Logs go to standard error: standard output belongs to results.</summary>
public static class NodeLogging
{
    private const string TextTemplate = "{Timestamp:HH:mm:ss.fff} {Level:u3} {Message:lj}{NewLine}{Exception}";

    /// <summary>Makes the logger factory of a process. Dispose it at the end, so that the last lines are written.</summary>
    /// <param name="format">Text or JSON lines.</param>
    /// <param name="verbosity">0 shows information and above, each <c>-v</c> adds 1 (debug, trace), each <c>-q</c> takes 1 (warnings, errors).</param>
    /// <param name="node">Named in every JSON line.</param>
    /// <param name="last">Keeps the last lines for the next process; null: nobody does.</param>
    public static ILoggerFactory Create(LogFormat format, int verbosity, string node, LastLines? last = null)
    {
        var configuration = new LoggerConfiguration().MinimumLevel.Is(Level(verbosity)).MinimumLevel.Override("Microsoft", LogEventLevel.Warning);
        configuration = IsJson(format)
            ? configuration.WriteTo.Console(new JsonLineFormatter(node), standardErrorFromLevel: LogEventLevel.Verbose)
            : configuration.WriteTo.Console(outputTemplate: TextTemplate, standardErrorFromLevel: LogEventLevel.Verbose, theme: Theme());
        if (last is not null) configuration = configuration.WriteTo.Sink(last);
        return new SerilogLoggerFactory(configuration.CreateLogger(), dispose: true);
    }

    internal static LogEventLevel Level(int verbosity) => verbosity switch
    {
        <= -2 => LogEventLevel.Error,
        -1 => LogEventLevel.Warning,
        0 => LogEventLevel.Information,
        1 => LogEventLevel.Debug,
        _ => LogEventLevel.Verbose,
    };

    private static bool IsJson(LogFormat format) => format switch
    {
        LogFormat.Json => true,
        LogFormat.Text => false,
        _ => Environment.GetEnvironmentVariable("DOTNET_RUNNING_IN_CONTAINER") is "true" or "1" || Environment.GetEnvironmentVariable("KUBERNETES_SERVICE_HOST") is { Length: > 0 },
    };

    private static Serilog.Sinks.SystemConsole.Themes.ConsoleTheme Theme() =>
        Console.IsErrorRedirected || Environment.GetEnvironmentVariable("NO_COLOR") is { Length: > 0 }
            ? Serilog.Sinks.SystemConsole.Themes.ConsoleTheme.None
            : Serilog.Sinks.SystemConsole.Themes.AnsiConsoleTheme.Literate;
}
