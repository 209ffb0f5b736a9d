namespace Vae.Models.Networks;

/// <summary>Where the latent size d shows in the shape of a parameter, without its replica dimension.</summary>
public enum LatentAxis
{
    /// <summary>Nowhere.</summary>
    None,

    /// <summary>[2d, ...]: d means, then d log variances.</summary>
    HalvesOfRows,

    /// <summary>[n, d]: the inputs of the decoder.</summary>
    Columns,
}
