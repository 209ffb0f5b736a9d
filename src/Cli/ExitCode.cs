namespace Vae.Cli;

/// <summary>What the process returns. A contract: scripts rely on it, tests pin it.</summary>
internal enum ExitCode
{
    Ok = 0,
    Failed = 1,
    Usage = 2,
    InvalidInput = 3,
    Authentication = 4,
    NotReachable = 5,
    SomeTrialsFailed = 6,
    Interrupted = 130,
}
