using Vae.Shared.Datasets;

namespace Vae.Data;

/// <summary>A data set that was read, checked and named by its content.</summary>
/// <param name="Images">The rows.</param>
/// <param name="Source">Name of the source, such as <see cref="DatasetSource.Idx"/>.</param>
/// <param name="Binarize">What was done to the pixels when they were read; <see cref="Binarize.Dynamic"/> is left to the training engine.</param>
/// <param name="Fingerprint">SHA-256 over content and geometry, 64 characters of lower-case hexadecimal. See <see cref="DatasetFingerprint"/>.</param>
/// <param name="HeldOut">Rows at the end that are never trained on.</param>
/// <param name="Warnings">What is odd about the data but does not forbid training, as sentences for the user.</param>
public sealed record Dataset(ImageSet Images, string Source, Binarize Binarize, string Fingerprint, int HeldOut, IReadOnlyList<string> Warnings)
{
    /// <summary>Held-out rows whose labels <see cref="DatasetSource.ExcludeLabels"/> names: neither trained on nor part of <see cref="Images"/>; null where there are none.</summary>
    public ImageSet? Excluded { get; init; }

    /// <summary>All rows as they are served to workers: <see cref="Images"/>, then <see cref="Excluded"/>.</summary>
    public ImageSet Served { get; init; } = Images;

    /// <summary>Rows that are trained on: 0 .. TrainRows - 1.</summary>
    public int TrainRows => Images.Count - HeldOut;
}
