using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Vae.Shared.Datasets;

namespace Vae.Data;

/// <summary>
/// The name of a data set: SHA-256 over one line of ASCII text,
/// <c>vae-dataset-v1 count=10000 channels=1 height=28 width=28 pixels=grey labels=1 factors=0</c> and a newline, then all pixels, then the
/// labels, then the factors (names joined by commas, a newline, values). <c>pixels</c> is <c>grey</c> or <c>fixed</c> (binarized when read). Dynamic
/// binarization and the split change no stored byte, so runs that differ in them share shards. A change of this definition needs a new version in the text.
/// </summary>
public static class DatasetFingerprint
{
    /// <summary>The fingerprint, 64 characters of lower-case hexadecimal.</summary>
    public static string Of(ImageSet images, Binarize binarize)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture,
            $"vae-dataset-v1 count={images.Count} channels={images.Channels} height={images.Height} width={images.Width} pixels={(binarize == Binarize.Fixed ? "fixed" : "grey")} labels={(images.HasLabels ? 1 : 0)} factors={images.Factors?.Names.Count ?? 0}\n")));
        hash.AppendData(images.Pixels.Span);
        hash.AppendData(images.Labels.Span);
        if (images.Factors is { } factors)
        {
            hash.AppendData(Encoding.UTF8.GetBytes(string.Join(',', factors.Names) + "\n"));
            hash.AppendData(factors.Values.Span);
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
