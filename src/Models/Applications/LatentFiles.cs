using System.Globalization;
using System.Text;
using Vae.Data.Files;
using Vae.Models.Evaluation;

namespace Vae.Models.Applications;

/// <summary>Latents as files that other programs read.</summary>
public static class LatentFiles
{
    /// <summary>Writes a .npy array of float32: [n, d] means, or [n, 2, d] means and log variances.</summary>
    /// <param name="target">Where to.</param>
    /// <param name="latents">What to write.</param>
    /// <param name="logVariances">Whether the log variances are written too.</param>
    public static void WriteNpy(Stream target, LatentRows latents, bool logVariances)
    {
        if (!logVariances)
        {
            NpyWriter.Write(target, [latents.Count, latents.Latent], latents.Means);
            return;
        }

        var both = new float[2 * latents.Means.Length];
        for (var row = 0; row < latents.Count; row++)
        {
            latents.Mean(row).CopyTo(both.AsSpan(2 * row * latents.Latent));
            latents.LogVariances.AsSpan(row * latents.Latent, latents.Latent).CopyTo(both.AsSpan(((2 * row) + 1) * latents.Latent));
        }

        NpyWriter.Write(target, [latents.Count, 2, latents.Latent], both);
    }

    /// <summary>Writes a table with a header: <c>row</c>, <c>label</c> where there are labels, <c>mean_0</c> ..., and <c>log_variance_0</c> ... where asked for. Numbers have as many digits as they need to be read back exactly.</summary>
    /// <param name="target">Where to.</param>
    /// <param name="latents">What to write.</param>
    /// <param name="logVariances">Whether the log variances are written too.</param>
    /// <param name="labels">One for each row, or none.</param>
    /// <exception cref="ArgumentException">The labels are neither.</exception>
    public static void WriteCsv(Stream target, LatentRows latents, bool logVariances, IReadOnlyList<int> labels)
    {
        if (labels.Count != 0 && labels.Count != latents.Count) throw new ArgumentException($"{labels.Count} labels for {latents.Count} rows.", nameof(labels));
        using var text = new StreamWriter(target, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false), leaveOpen: true) { NewLine = "\n" };
        text.Write(labels.Count == 0 ? "row" : "row,label");
        for (var j = 0; j < latents.Latent; j++) text.Write(string.Create(CultureInfo.InvariantCulture, $",mean_{j}"));
        for (var j = 0; logVariances && j < latents.Latent; j++) text.Write(string.Create(CultureInfo.InvariantCulture, $",log_variance_{j}"));
        text.WriteLine();
        for (var row = 0; row < latents.Count; row++)
        {
            text.Write(row.ToString(CultureInfo.InvariantCulture));
            if (labels.Count != 0) text.Write(string.Create(CultureInfo.InvariantCulture, $",{labels[row]}"));
            foreach (var value in latents.Mean(row)) text.Write(string.Create(CultureInfo.InvariantCulture, $",{value:R}"));
            if (logVariances) foreach (var value in latents.LogVariances.AsSpan(row * latents.Latent, latents.Latent)) text.Write(string.Create(CultureInfo.InvariantCulture, $",{value:R}"));
            text.WriteLine();
        }
    }
}
