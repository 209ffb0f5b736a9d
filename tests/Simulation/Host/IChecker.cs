namespace Vae.Tests.Simulation.Host;

/// <summary>A rule that holds after every single event of a run, or the run is stopped there and its seed printed.</summary>
public interface IChecker
{
    /// <summary>Throws when the rule is broken. Called after every event, so it looks at what is new only.</summary>
    void AfterEvent(SimulatedCluster cluster);
}

/// <summary>A broken rule, in words.</summary>
public sealed class RuleBrokenException(string text) : Exception(text);

/// <summary>A run that failed, with all that is needed to see it again.</summary>
public sealed class SimulationFailedException(string text, Exception? cause) : Exception(text, cause);
