using System.Buffers.Binary;
using System.Globalization;
using System.Runtime.InteropServices;

namespace Vae.Data.Safetensors;

/// <summary>
/// An open safetensors file. Opening it reads and checks the whole header, by the full rules: length within the file and 100 MB before anything is allocated, strict
/// JSON, no duplicate names, known types, type x shape = length, no gap, no overlap, no byte left over. Data is read tensor by tensor on demand.
/// The format has no checksum: damage inside the data shows only against a SHA-256 kept elsewhere.
/// </summary>
public sealed class SafetensorsFile : IDisposable
{
    /// <summary>The key of the header that holds strings instead of a tensor.</summary>
    public const string MetadataKey = "__metadata__";

    /// <summary>Largest header that is read, in bytes, as in the reference implementation.</summary>
    public const long HeaderBytesMax = 100_000_000;

    private readonly Stream _stream;
    private readonly string _shownAs;
    private readonly long _dataStart;

    private SafetensorsFile(Stream stream, string shownAs, long dataStart, IReadOnlyDictionary<string, TensorEntry> tensors, IReadOnlyDictionary<string, string> metadata) =>
        (_stream, _shownAs, _dataStart, Tensors, Metadata) = (stream, shownAs, dataStart, tensors, metadata);

    /// <summary>All tensors by name.</summary>
    public IReadOnlyDictionary<string, TensorEntry> Tensors { get; }

    /// <summary>What the writer noted about the file.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>Opens a file.</summary>
    /// <exception cref="SafetensorsException">The file is missing, or breaks a rule.</exception>
    public static SafetensorsFile Open(string path)
    {
        try
        {
            return Read(new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read), path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new SafetensorsException(path, null, e is FileNotFoundException or DirectoryNotFoundException ? "there is no such file" : $"cannot be read ({e.Message.TrimEnd('.')})", e);
        }
    }

    /// <summary>Reads the header of a stream that can seek and takes the stream over, to be disposed with the result, or at once if it is refused.</summary>
    /// <param name="stream">At its start.</param>
    /// <param name="shownAs">How messages call it.</param>
    /// <exception cref="SafetensorsException">A rule is broken.</exception>
    public static SafetensorsFile Read(Stream stream, string shownAs)
    {
        try
        {
            var header = ReadHeader(stream, shownAs);
            var dataStart = sizeof(ulong) + header.Length;
            var (tensors, metadata) = SafetensorsHeader.Read(header, stream.Length - dataStart, shownAs);
            return new(stream, shownAs, dataStart, tensors, metadata);
        }
        catch
        {
            stream.Dispose();
            throw;
        }
    }

    /// <summary>The tensor of this name.</summary>
    /// <exception cref="SafetensorsException">There is none.</exception>
    public TensorEntry Find(string name) =>
        Tensors.GetValueOrDefault(name) ?? throw new SafetensorsException(_shownAs, name, "it is missing from the file");

    /// <summary>Reads the bytes of a tensor into memory the caller owns.</summary>
    /// <param name="name">Which tensor.</param>
    /// <param name="target">Exactly as many bytes as the tensor has.</param>
    /// <exception cref="SafetensorsException">There is no such tensor, or it has another length.</exception>
    public void CopyTo(string name, Span<byte> target)
    {
        var tensor = Find(name);
        if (tensor.ByteLength != target.Length)
            throw new SafetensorsException(_shownAs, name, $"it has {tensor.ByteLength.ToString("N0", CultureInfo.InvariantCulture)} bytes (shape [{string.Join(", ", tensor.Shape)}]) where {target.Length.ToString("N0", CultureInfo.InvariantCulture)} are expected");
        CopyPart(tensor, 0, target);
    }

    /// <summary>A tensor of 32-bit floats, last dimension fastest.</summary>
    public float[] Floats(string name) => Values<float>(name, TensorType.F32);

    /// <summary>A tensor of 64-bit floats, last dimension fastest.</summary>
    public double[] Doubles(string name) => Values<double>(name, TensorType.F64);

    /// <summary>A tensor of 64-bit integers, last dimension fastest.</summary>
    public long[] Integers(string name) => Values<long>(name, TensorType.I64);

    /// <summary>A tensor of bytes, last dimension fastest.</summary>
    public byte[] Bytes(string name) => Values<byte>(name, TensorType.U8);

    /// <inheritdoc/>
    public void Dispose() => _stream.Dispose();

    private T[] Values<T>(string name, TensorType type) where T : unmanaged
    {
        var tensor = Find(name);
        if (tensor.Type != type) throw new SafetensorsException(_shownAs, name, $"it holds {tensor.Type} where {type} is expected");
        var length = tensor.ByteLength / type.ByteSize();
        if (length > Array.MaxLength) throw new SafetensorsException(_shownAs, name, $"it is too large for one array; read it in parts");
        var values = new T[length];
        // An array of 8-byte elements can exceed what a span of bytes can count.
        for (var done = 0; done < values.Length; done += PartElements)
            CopyPart(tensor, (long)done * type.ByteSize(), MemoryMarshal.AsBytes(values.AsSpan(done, Math.Min(PartElements, values.Length - done))));
        return values;
    }

    private const int PartElements = 64 * 1024 * 1024;

    private void CopyPart(TensorEntry tensor, long from, Span<byte> target)
    {
        _stream.Position = _dataStart + tensor.Begin + from;
        try
        {
            _stream.ReadExactly(target);
        }
        catch (EndOfStreamException e)
        {
            throw new SafetensorsException(_shownAs, tensor.Name, "the file became shorter while it was read", e);
        }
    }

    private static byte[] ReadHeader(Stream stream, string shownAs)
    {
        Span<byte> start = stackalloc byte[8];
        var got = stream.ReadAtLeast(start, start.Length, throwOnEndOfStream: false);
        if (DescribeOther(start[..got]) is { } other) throw new SafetensorsException(shownAs, null, other);
        if (got < start.Length) throw new SafetensorsException(shownAs, null, got == 0 ? "the file is empty; a crash may have left it behind" : $"{got} bytes are too few: a file starts with 8 bytes of header length");

        var length = BinaryPrimitives.ReadUInt64LittleEndian(start);
        var left = (ulong)(stream.Length - start.Length);
        if (length > HeaderBytesMax) throw new SafetensorsException(shownAs, null, $"the header length {length:N0} exceeds the limit of {HeaderBytesMax:N0} bytes; this is no safetensors file, or it is damaged");
        if (length > left) throw new SafetensorsException(shownAs, null, $"the header length is {length:N0}, but only {left:N0} bytes follow; the file is cut off or damaged");
        if (length < 2) throw new SafetensorsException(shownAs, null, $"the header length {length} is too small for a JSON object");
        var header = new byte[length];
        stream.ReadExactly(header);
        if (header[0] != (byte)'{') throw new SafetensorsException(shownAs, null, "the header does not start with `{`");
        return header;
    }

    // The two formats that people rename. Their first bytes, read as a length, would give a message nobody understands.
    private static string? DescribeOther(ReadOnlySpan<byte> start) =>
        start.StartsWith("PK\u0003\u0004"u8) ? "this is a zip archive, as torch.save writes it, not safetensors. Pickled weights can run code when opened and are never read; convert the file with the safetensors package"
        : start is [0x80, >= 2 and <= 5, ..] && !IsPlausibleLength(start) ? "this is a Python pickle, not safetensors. Pickles can run code when opened and are never read; convert the file with the safetensors package"
        : null;

    // A header of 0x..0280 bytes starts like a pickle of protocol 2, but its upper bytes are zero.
    private static bool IsPlausibleLength(ReadOnlySpan<byte> start) => start.Length == 8 && BinaryPrimitives.ReadUInt64LittleEndian(start) <= HeaderBytesMax;
}
