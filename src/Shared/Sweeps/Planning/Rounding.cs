namespace Vae.Shared.Sweeps;

/// <summary>
/// Drawn numbers are cut to about four digits: a learning rate of 0.0003875 can be read, said and typed again, and the 13 digits behind
/// it never decide anything.
/// </summary>
internal static class Rounding
{
    private const int Digits = 4;

    /// <param name="low">The lowest result.</param>
    /// <param name="high">The highest result.</param>
    /// <param name="value">What was drawn.</param>
    /// <param name="scale">What the digits are counted from; above 0.</param>
    /// <returns>Canonical text of a number from <paramref name="low"/> to <paramref name="high"/>.</returns>
    public static string Within(double low, double high, double value, double scale)
    {
        var decimals = Digits - 1 - (int)Math.Floor(Math.Log10(scale));
        var rounded = decimals is >= 0 and <= 15 ? Math.Round(value, decimals) : value;
        return NumberText.Display(Math.Clamp(rounded, low, high));
    }
}
