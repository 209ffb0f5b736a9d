namespace Vae.Tests.Simulation.Host;

/// <summary>How a checker says that its rule is broken.</summary>
internal static class Rule
{
    /// <summary>Stops the run when a rule does not hold.</summary>
    /// <param name="holds">The rule.</param>
    /// <param name="text">Number of the invariant and what broke it; made only then.</param>
    public static void Require(bool holds, [System.Runtime.CompilerServices.InterpolatedStringHandlerArgument(nameof(holds))] ref BrokenText text)
    {
        if (!holds) throw new RuleBrokenException(text.ToString());
    }

    /// <summary>Stops the run.</summary>
    public static RuleBrokenException Broken(string text) => new(text);
}

/// <summary>Builds its text only where a rule is broken: rules are looked at after every event.</summary>
[System.Runtime.CompilerServices.InterpolatedStringHandler]
internal ref struct BrokenText
{
    private System.Runtime.CompilerServices.DefaultInterpolatedStringHandler _text;

    public BrokenText(int literals, int holes, bool holds, out bool isNeeded)
    {
        isNeeded = !holds;
        _text = isNeeded ? new(literals, holes, System.Globalization.CultureInfo.InvariantCulture) : default;
    }

    public void AppendLiteral(string text) => _text.AppendLiteral(text);

    public void AppendFormatted<T>(T value) => _text.AppendFormatted(value);

    public override string ToString() => _text.ToString();
}
