using System.Buffers.Binary;
using System.Text;

namespace Vae.Data.Files;

/// <summary>Writes NumPy's .npy format, version 1.0, for tables of bytes: what other programs read factors from.</summary>
public static class NpyWriter
{
    private const int Alignment = 64; // What numpy itself pads the header to.
    private const int Preamble = 10; // Magic, version, length of the header.

    /// <summary>Writes a [rows, columns] table, row by row.</summary>
    /// <exception cref="ArgumentException">The values are not that many.</exception>
    public static void Write(Stream target, int rows, int columns, ReadOnlySpan<byte> values)
    {
        if (values.Length != (long)rows * columns) throw new ArgumentException($"{values.Length} values are no table of {rows} x {columns}.", nameof(values));
        var text = $"{{'descr': '|u1', 'fortran_order': False, 'shape': ({rows}, {columns}), }}";
        var length = (Preamble + text.Length + 1 + Alignment - 1) / Alignment * Alignment - Preamble;
        Span<byte> preamble = [0x93, (byte)'N', (byte)'U', (byte)'M', (byte)'P', (byte)'Y', 1, 0, 0, 0];
        BinaryPrimitives.WriteUInt16LittleEndian(preamble[8..], (ushort)length);
        target.Write(preamble);
        target.Write(Encoding.ASCII.GetBytes(text.PadRight(length - 1) + "\n"));
        target.Write(values);
    }
}
