using Vae.Models.Evaluation;

namespace Vae.Models.Applications;

/// <summary>How one latent becomes another.</summary>
public enum InterpolationPath
{
    /// <summary>A straight line.</summary>
    Linear,

    /// <summary>Along the arc between the two directions (Shoemake 1985; for latents White 2016): it keeps away from the origin, where few latents of many dimensions lie.</summary>
    Spherical,
}

/// <summary>What lies between two latents.</summary>
public static class Interpolation
{
    private const double LeastSine = 1e-6; // Directions that are (nearly) the same or opposite have no arc of their own; the straight line is taken.

    /// <summary>Latents from <paramref name="from"/> to <paramref name="to"/>, both included and exact.</summary>
    /// <param name="from">[d].</param>
    /// <param name="to">[d].</param>
    /// <param name="steps">Latents, 2 or more.</param>
    /// <param name="path">Straight or along the arc.</param>
    /// <returns>[steps, d].</returns>
    /// <exception cref="ArgumentException">The two differ in length.</exception>
    public static float[] Latents(ReadOnlySpan<float> from, ReadOnlySpan<float> to, int steps, InterpolationPath path)
    {
        if (from.Length != to.Length) throw new ArgumentException($"{from.Length} and {to.Length} numbers are no latents of one model.", nameof(to));
        ArgumentOutOfRangeException.ThrowIfLessThan(steps, 2);
        var angle = path == InterpolationPath.Spherical ? Angle(from, to) : 0;
        var sine = Math.Sin(angle);
        var latents = new float[steps * from.Length];
        for (var step = 0; step < steps; step++)
        {
            var t = (double)step / (steps - 1);
            var (near, far) = sine > LeastSine ? (Math.Sin((1 - t) * angle) / sine, Math.Sin(t * angle) / sine) : (1 - t, t);
            for (var j = 0; j < from.Length; j++) latents[(step * from.Length) + j] = (float)((near * from[j]) + (far * to[j]));
        }

        from.CopyTo(latents);
        to.CopyTo(latents.AsSpan((steps - 1) * from.Length));
        return latents;
    }

    /// <summary>The images on the way.</summary>
    /// <param name="model">The model.</param>
    /// <param name="from">[d].</param>
    /// <param name="to">[d].</param>
    /// <param name="steps">Images, 2 or more.</param>
    /// <param name="path">Straight or along the arc.</param>
    /// <param name="fromLabel">The label of the first image, for a model that takes labels.</param>
    /// <param name="toLabel">That of the last one. There is nothing between two labels, so each image has that of the nearer end.</param>
    /// <returns>[steps, C, H, W], 0 to 1.</returns>
    public static float[] Images(LatentModel model, ReadOnlySpan<float> from, ReadOnlySpan<float> to, int steps, InterpolationPath path, int? fromLabel = null, int? toLabel = null)
    {
        int[] labels = fromLabel is { } first && toLabel is { } last ? [.. Enumerable.Range(0, steps).Select(step => 2 * step < steps ? first : last)] : [];
        return LatentRows.Decode(model, Latents(from, to, steps, path), labels);
    }

    private static double Angle(ReadOnlySpan<float> from, ReadOnlySpan<float> to)
    {
        double product = 0, squareFrom = 0, squareTo = 0;
        for (var j = 0; j < from.Length; j++)
        {
            product += (double)from[j] * to[j];
            squareFrom += (double)from[j] * from[j];
            squareTo += (double)to[j] * to[j];
        }

        return squareFrom > 0 && squareTo > 0 ? Math.Acos(Math.Clamp(product / Math.Sqrt(squareFrom * squareTo), -1, 1)) : 0;
    }
}
