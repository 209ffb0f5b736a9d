namespace Vae.Cli;

/// <summary>Something the user can act on: what happened, and what to do. Never shown with a stack trace.</summary>
internal sealed class CliException(ExitCode code, string message, string? help = null) : Exception(message)
{
    public ExitCode Code { get; } = code;

    public string? Help { get; } = help;
}
