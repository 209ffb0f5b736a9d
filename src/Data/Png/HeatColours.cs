namespace Vae.Data.Png;

/// <summary>Numbers as colours from black over violet and orange to pale yellow: lightness rises all the way, so that the order is seen in grey print and by colour-blind eyes too.</summary>
public static class HeatColours
{
    private static readonly (double R, double G, double B)[] Stops = [(0, 0, 4), (40, 11, 84), (101, 21, 110), (159, 42, 99), (212, 72, 66), (245, 125, 21), (250, 193, 39), (252, 255, 164)];

    /// <summary>Paints images.</summary>
    /// <param name="values">[n, H, W].</param>
    /// <param name="plane">H x W.</param>
    /// <param name="most">The value that gets the lightest colour, as do all above it; above 0.</param>
    /// <returns>[n, 3, H, W], 0 to 1.</returns>
    public static float[] Paint(ReadOnlySpan<float> values, int plane, float most)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(most);
        var colours = new float[values.Length * 3];
        for (var i = 0; i < values.Length; i++)
        {
            var place = Math.Clamp(double.IsNaN(values[i]) ? 1 : values[i] / most, 0, 1) * (Stops.Length - 1);
            var below = Math.Min((int)place, Stops.Length - 2);
            var (from, to, share) = (Stops[below], Stops[below + 1], place - below);
            var target = (i / plane * 3 * plane) + (i % plane);
            colours[target] = (float)((from.R + ((to.R - from.R) * share)) / 255);
            colours[target + plane] = (float)((from.G + ((to.G - from.G) * share)) / 255);
            colours[target + (2 * plane)] = (float)((from.B + ((to.B - from.B) * share)) / 255);
        }

        return colours;
    }
}
