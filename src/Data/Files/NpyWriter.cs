using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;

namespace Vae.Data.Files;

/// <summary>Writes NumPy's .npy format, version 1.0, in C order and little-endian: what other programs read factors and latents from.</summary>
public static class NpyWriter
{
    private const int Alignment = 64; // What numpy itself pads the header to.
    private const int DimensionsMax = 32; // What numpy allows.
    private const int Preamble = 10; // Magic, version, length of the header.

    /// <summary>Writes a [rows, columns] table of bytes, row by row.</summary>
    /// <exception cref="ArgumentException">The values are not that many.</exception>
    public static void Write(Stream target, int rows, int columns, ReadOnlySpan<byte> values) => Write(target, "|u1", [rows, columns], values, 1);

    /// <summary>Writes an array of float32.</summary>
    /// <param name="target">Where to.</param>
    /// <param name="shape">1 to 32 dimensions.</param>
    /// <param name="values">As many as the product of the dimensions, last dimension fastest.</param>
    /// <exception cref="ArgumentException">The values are not that many.</exception>
    public static void Write(Stream target, ReadOnlySpan<int> shape, ReadOnlySpan<float> values)
    {
        if (BitConverter.IsLittleEndian)
        {
            Write(target, "<f4", shape, MemoryMarshal.AsBytes(values), sizeof(float));
            return;
        }

        var bytes = new byte[values.Length * sizeof(float)];
        for (var i = 0; i < values.Length; i++) BinaryPrimitives.WriteSingleLittleEndian(bytes.AsSpan(i * sizeof(float)), values[i]);
        Write(target, "<f4", shape, bytes, sizeof(float));
    }

    /// <summary>Writes an array of int32.</summary>
    /// <inheritdoc cref="Write(Stream, ReadOnlySpan{int}, ReadOnlySpan{float})"/>
    public static void Write(Stream target, ReadOnlySpan<int> shape, ReadOnlySpan<int> values)
    {
        var bytes = new byte[values.Length * sizeof(int)];
        for (var i = 0; i < values.Length; i++) BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(i * sizeof(int)), values[i]);
        Write(target, "<i4", shape, bytes, sizeof(int));
    }

    private static void Write(Stream target, string type, ReadOnlySpan<int> shape, ReadOnlySpan<byte> bytes, int width)
    {
        long product = width;
        foreach (var dimension in shape) product = checked(product * dimension);
        var sizes = string.Join(", ", shape.ToArray());
        if (shape.Length is < 1 or > DimensionsMax || product != bytes.Length) throw new ArgumentException($"{bytes.Length / width} values are no table of {sizes.Replace(", ", " x ", StringComparison.Ordinal)}.", nameof(bytes));
        var text = $"{{'descr': '{type}', 'fortran_order': False, 'shape': ({sizes}{(shape.Length == 1 ? "," : "")}), }}";
        var length = (Preamble + text.Length + 1 + Alignment - 1) / Alignment * Alignment - Preamble;
        Span<byte> preamble = [0x93, (byte)'N', (byte)'U', (byte)'M', (byte)'P', (byte)'Y', 1, 0, 0, 0];
        BinaryPrimitives.WriteUInt16LittleEndian(preamble[8..], (ushort)length);
        target.Write(preamble);
        target.Write(Encoding.ASCII.GetBytes(text.PadRight(length - 1) + "\n"));
        target.Write(bytes);
    }
}
