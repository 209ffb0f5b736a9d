namespace Vae.Models.Applications;

/// <summary>Attributes as directions between latents (Mikolov et al. 2013 for words; Radford et al. 2016, section 6.3, for images).</summary>
public static class LatentArithmetic
{
    /// <summary>a - b + c.</summary>
    /// <param name="a">[d].</param>
    /// <param name="b">[d].</param>
    /// <param name="c">[d].</param>
    /// <returns>[d].</returns>
    /// <exception cref="ArgumentException">The three differ in length.</exception>
    public static float[] Combine(ReadOnlySpan<float> a, ReadOnlySpan<float> b, ReadOnlySpan<float> c)
    {
        if (a.Length != b.Length || a.Length != c.Length) throw new ArgumentException($"{a.Length}, {b.Length} and {c.Length} numbers are no latents of one model.", nameof(a));
        var result = new float[a.Length];
        for (var j = 0; j < result.Length; j++) result[j] = a[j] - b[j] + c[j];
        return result;
    }
}
