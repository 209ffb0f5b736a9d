using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using Vae.Data.Files;

namespace Vae.Data.Safetensors;

/// <summary>
/// Writes a safetensors file: u64 length of the header (little-endian), the header as JSON padded with spaces to a multiple of 8, then the tensors without
/// gaps. Tensors are laid out by falling size of element, then by name, as the reference implementation does, so that every tensor is aligned to its elements;
/// names are sorted by their UTF-8 bytes and the same content gives the same bytes. Tensor data is kept by reference until it is written: it must not change in between.
/// </summary>
public sealed class SafetensorsWriter
{
    private readonly SortedDictionary<string, string> _metadata = new(Utf8Order.Instance);
    private readonly SortedDictionary<string, Tensor> _tensors = new(Utf8Order.Instance);

    /// <summary>Adds a line of metadata, such as the name of the model family.</summary>
    /// <exception cref="ArgumentException">The key was given before.</exception>
    public SafetensorsWriter Metadata(string key, string value)
    {
        _metadata.Add(key, value);
        return this;
    }

    /// <summary>Adds 32-bit floats, last dimension fastest.</summary>
    public SafetensorsWriter Add(string name, ReadOnlySpan<long> shape, ReadOnlyMemory<float> values) => Add(name, TensorType.F32, shape, values, sizeof(float));

    /// <summary>Adds 64-bit floats, last dimension fastest.</summary>
    public SafetensorsWriter Add(string name, ReadOnlySpan<long> shape, ReadOnlyMemory<double> values) => Add(name, TensorType.F64, shape, values, sizeof(double));

    /// <summary>Adds 64-bit integers, last dimension fastest.</summary>
    public SafetensorsWriter Add(string name, ReadOnlySpan<long> shape, ReadOnlyMemory<long> values) => Add(name, TensorType.I64, shape, values, sizeof(long));

    /// <summary>Adds bytes, last dimension fastest.</summary>
    public SafetensorsWriter Add(string name, ReadOnlySpan<long> shape, ReadOnlyMemory<byte> values) => Add(name, TensorType.U8, shape, values, sizeof(byte));

    /// <summary>Writes the file to a stream, front to back, without a second copy of the data.</summary>
    public void Write(Stream target)
    {
        var order = Order();
        Write(target, order, MakeHeader(order));
    }

    /// <summary>The file in memory, in an array of its own length.</summary>
    public byte[] ToArray()
    {
        var order = Order();
        var header = MakeHeader(order);
        var file = GC.AllocateUninitializedArray<byte>(checked((int)(sizeof(ulong) + header.Length + order.Sum(pair => pair.Value.Bytes))));
        using var target = new MemoryStream(file);
        Write(target, order, header);
        return file;
    }

    // Stable: names stay sorted within a size.
    private KeyValuePair<string, Tensor>[] Order() => [.. _tensors.OrderByDescending(pair => pair.Value.Type.ByteSize())];

    private static void Write(Stream target, KeyValuePair<string, Tensor>[] order, byte[] header)
    {
        if (!BitConverter.IsLittleEndian) throw new PlatformNotSupportedException("The format is little-endian, and so must this machine be.");
        Span<byte> length = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(length, (ulong)header.Length);
        target.Write(length);
        target.Write(header);
        foreach (var (_, tensor) in order) tensor.WriteTo(target);
    }

    /// <summary>Writes the file so that a crash leaves the old one or the new one, never a part (see <see cref="AtomicFile"/>).</summary>
    public void WriteFile(string path) => AtomicFile.Write(path, Write);

    private SafetensorsWriter Add<T>(string name, TensorType type, ReadOnlySpan<long> shape, ReadOnlyMemory<T> values, int elementSize) where T : unmanaged
    {
        if (name == SafetensorsFile.MetadataKey) throw new ArgumentException($"{name} is not a tensor's name; the format keeps it for metadata.", nameof(name));
        long elements = 1;
        foreach (var dimension in shape) elements = checked(elements * (dimension >= 0 ? dimension : throw new ArgumentOutOfRangeException(nameof(shape), dimension, "0 or more.")));
        if (elements != values.Length) throw new ArgumentException($"{name}: the shape [{string.Join(", ", shape.ToArray())}] needs {elements} values, not {values.Length}.", nameof(values));
        _tensors.Add(name, new(type, shape.ToArray(), checked(elements * elementSize), target => target.Write(MemoryMarshal.AsBytes(values.Span))));
        return this;
    }

    private byte[] MakeHeader(KeyValuePair<string, Tensor>[] order)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            if (_metadata.Count > 0)
            {
                json.WriteStartObject(SafetensorsFile.MetadataKey);
                foreach (var (key, value) in _metadata) json.WriteString(key, value);
                json.WriteEndObject();
            }

            long offset = 0;
            foreach (var (name, tensor) in order) WriteEntry(json, name, tensor, ref offset);
            json.WriteEndObject();
        }

        while (buffer.Length % 8 != 0) buffer.WriteByte((byte)' ');
        return buffer.ToArray();
    }

    private static void WriteEntry(Utf8JsonWriter json, string name, Tensor tensor, ref long offset)
    {
        json.WriteStartObject(name);
        json.WriteString("dtype", tensor.Type.ToString());
        json.WriteStartArray("shape");
        foreach (var dimension in tensor.Shape) json.WriteNumberValue(dimension);
        json.WriteEndArray();
        json.WriteStartArray("data_offsets");
        json.WriteNumberValue(offset);
        offset += tensor.Bytes;
        json.WriteNumberValue(offset);
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private sealed record Tensor(TensorType Type, long[] Shape, long Bytes, Action<Stream> WriteTo);

    /// <summary>The order of UTF-8 bytes, which is that of the reference implementation; .NET's own orders differ from it outside the basic plane.</summary>
    private sealed class Utf8Order : IComparer<string>
    {
        public static readonly Utf8Order Instance = new();

        public int Compare(string? x, string? y) => Encoding.UTF8.GetBytes(x ?? "").AsSpan().SequenceCompareTo(Encoding.UTF8.GetBytes(y ?? ""));
    }
}
