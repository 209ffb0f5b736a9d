using System.Globalization;
using System.Text;
using Vae.Data.Files;

namespace Vae.Models.Applications;

/// <summary>Codes of a vq model as files that other programs read.</summary>
public static class CodeFiles
{
    /// <summary>Writes a .npy array of int32, [n, P].</summary>
    /// <param name="target">Where to.</param>
    /// <param name="positions">P.</param>
    /// <param name="codes">[n, P].</param>
    public static void WriteNpy(Stream target, int positions, ReadOnlySpan<int> codes) => NpyWriter.Write(target, [codes.Length / positions, positions], codes);

    /// <summary>Writes a table with a header: <c>row</c>, <c>label</c> where there are labels, and <c>code_0</c> ... in raster order.</summary>
    /// <param name="target">Where to.</param>
    /// <param name="positions">P.</param>
    /// <param name="codes">[n, P].</param>
    /// <param name="labels">One for each row, or none.</param>
    /// <exception cref="ArgumentException">The labels are neither.</exception>
    public static void WriteCsv(Stream target, int positions, ReadOnlySpan<int> codes, IReadOnlyList<int> labels)
    {
        var rows = codes.Length / positions;
        if (labels.Count != 0 && labels.Count != rows) throw new ArgumentException($"{labels.Count} labels for {rows} rows.", nameof(labels));
        using var text = new StreamWriter(target, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false), leaveOpen: true) { NewLine = "\n" };
        text.Write(labels.Count == 0 ? "row" : "row,label");
        for (var position = 0; position < positions; position++) text.Write(string.Create(CultureInfo.InvariantCulture, $",code_{position}"));
        text.WriteLine();
        for (var row = 0; row < rows; row++)
        {
            text.Write(row.ToString(CultureInfo.InvariantCulture));
            if (labels.Count != 0) text.Write(string.Create(CultureInfo.InvariantCulture, $",{labels[row]}"));
            foreach (var code in codes.Slice(row * positions, positions)) text.Write(string.Create(CultureInfo.InvariantCulture, $",{code}"));
            text.WriteLine();
        }
    }
}
