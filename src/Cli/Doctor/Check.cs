namespace Vae.Cli.Doctor;

/// <summary>How a look at the machine came out.</summary>
internal enum Verdict
{
    /// <summary>As it should be.</summary>
    Ok,

    /// <summary>It works, but slowly or not everywhere.</summary>
    Warn,

    /// <summary>Training cannot work.</summary>
    Fail,
}

/// <summary>One line of the report.</summary>
/// <param name="Name">What was looked at.</param>
/// <param name="Verdict">How it came out.</param>
/// <param name="Text">What was found.</param>
/// <param name="Remedy">What to do; empty when all is well.</param>
internal sealed record Check(string Name, Verdict Verdict, string Text, string Remedy = "");
