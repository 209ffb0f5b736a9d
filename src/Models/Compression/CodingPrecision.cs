namespace Vae.Models.Compression;

/// <summary>How finely everything is coded. What a bin gets beyond its share so that none is 0 costs log2(1 / (1 - 2^(Bin - Posterior))) bits for each latent dimension, so the two must lie far apart; measured in docs/compression.md.</summary>
/// <param name="Bin">Bits of a latent's bin, <see cref="LatentBins.BitsMin"/> to <see cref="LatentBins.BitsMax"/>. Default 10.</param>
/// <param name="Posterior">Bits of a posterior's frequencies, from Bin + 4 to <see cref="LatentBins.PrecisionMax"/>. Default 24.</param>
/// <param name="Likelihood">Bits of a value's probability: <see cref="BernoulliCoder.PrecisionMin"/> to <see cref="BernoulliCoder.PrecisionMax"/> of a bit, <see cref="LogisticLevelsCoder.PrecisionMin"/> to
/// <see cref="LogisticLevelsCoder.PrecisionMax"/> of a level. Default 16 and 24.</param>
public readonly record struct CodingPrecision(int Bin, int Posterior, int Likelihood)
{
    /// <summary>What files are written with.</summary>
    public static CodingPrecision Default(CodedValues values) => new(10, 24, values == CodedValues.Bits ? 16 : 24);

    /// <summary>Whether all three lie within their ranges.</summary>
    public bool IsValidFor(CodedValues values) =>
        Bin is >= LatentBins.BitsMin and <= LatentBins.BitsMax
        && Posterior >= Bin + LatentBins.BitsMin && Posterior <= LatentBins.PrecisionMax
        && (values == CodedValues.Bits ? Likelihood is >= BernoulliCoder.PrecisionMin and <= BernoulliCoder.PrecisionMax : Likelihood is >= LogisticLevelsCoder.PrecisionMin and <= LogisticLevelsCoder.PrecisionMax);

    /// <summary>A coder of images for one thread.</summary>
    public IImageCoder CreateCoder(CodingModel model)
    {
        ArgumentNullException.ThrowIfNull(model);
        return new BitsBackCoder(model.CreateNetwork(), new LatentBins(Bin, Posterior), model.CreateObservations(Likelihood));
    }
}
