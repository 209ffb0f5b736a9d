using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Vae.Data.Safetensors;

/// <summary>Reads and checks the JSON header of a safetensors file by the rules of the format's reference implementation.</summary>
internal sealed class SafetensorsHeader
{
    private const int DepthMax = 4; // object > tensor > shape; one to spare, so that the message below is ours.
    private const int RankMax = 32;

    private static readonly UTF8Encoding StrictUtf8 = new(false, throwOnInvalidBytes: true);

    private readonly string _file;
    private readonly Dictionary<string, TensorEntry> _tensors = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _metadata = new(StringComparer.Ordinal);

    private SafetensorsHeader(string file) => _file = file;

    public static (IReadOnlyDictionary<string, TensorEntry> Tensors, IReadOnlyDictionary<string, string> Metadata) Read(ReadOnlySpan<byte> json, long dataBytes, string file)
    {
        var header = new SafetensorsHeader(file);
        try
        {
            _ = StrictUtf8.GetCharCount(json);
            var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = DepthMax });
            header.ReadRoot(ref reader);
            while (reader.Read()) throw header.Fault(null, "the header holds more than one JSON value");
        }
        catch (Exception e) when (e is JsonException or DecoderFallbackException or InvalidOperationException or FormatException)
        {
            throw new SafetensorsException(file, null, $"the header is not valid JSON ({e.Message.TrimEnd('.')})", e);
        }

        header.CheckLayout(dataBytes);
        return (header._tensors, header._metadata);
    }

    private void ReadRoot(ref Utf8JsonReader reader)
    {
        Expect(ref reader, JsonTokenType.StartObject, null, "the header must be a JSON object");
        var hasMetadata = false;
        while (NextName(ref reader) is { } name)
        {
            if (name == SafetensorsFile.MetadataKey)
            {
                if (hasMetadata) throw Fault(null, $"the key `{name}` comes twice");
                hasMetadata = true;
                ReadMetadata(ref reader);
            }
            else if (!_tensors.TryAdd(name, ReadTensor(ref reader, name))) throw Fault(name, "the name comes twice");
        }
    }

    private void ReadMetadata(ref Utf8JsonReader reader)
    {
        Expect(ref reader, JsonTokenType.StartObject, null, "`__metadata__` must be an object of strings");
        while (NextName(ref reader) is { } key)
        {
            Expect(ref reader, JsonTokenType.String, null, $"`__metadata__` entry `{key}` must be a string");
            if (!_metadata.TryAdd(key, reader.GetString()!)) throw Fault(null, $"`__metadata__` entry `{key}` comes twice");
        }
    }

    private TensorEntry ReadTensor(ref Utf8JsonReader reader, string name)
    {
        Expect(ref reader, JsonTokenType.StartObject, name, "its entry must be an object with dtype, shape and data_offsets");
        TensorType? type = null;
        List<long>? shape = null, offsets = null;
        while (NextName(ref reader) is { } key)
        {
            var isNew = key switch { "dtype" => type is null, "shape" => shape is null, "data_offsets" => offsets is null, _ => throw Fault(name, $"unknown key `{key}`; allowed are dtype, shape, data_offsets") };
            if (!isNew) throw Fault(name, $"the key `{key}` comes twice");
            if (key == "dtype") type = ReadType(ref reader, name);
            else if (key == "shape") shape = ReadNumbers(ref reader, name, key, RankMax);
            else offsets = ReadNumbers(ref reader, name, key, 2);
        }

        if (type is not { } known || shape is null || offsets is not [var begin, var end]) throw Fault(name, "dtype, shape or two data_offsets are missing");
        return new(name, known, shape, begin, end);
    }

    private TensorType ReadType(ref Utf8JsonReader reader, string name)
    {
        Expect(ref reader, JsonTokenType.String, name, "dtype must be a string");
        var text = reader.GetString();
        return text switch
        {
            "U8" => TensorType.U8,
            "I64" => TensorType.I64,
            "F32" => TensorType.F32,
            "F64" => TensorType.F64,
            _ => throw Fault(name, $"dtype `{text}` is not supported; supported are F32, F64, I64, U8"),
        };
    }

    private List<long> ReadNumbers(ref Utf8JsonReader reader, string name, string key, int countMax)
    {
        Expect(ref reader, JsonTokenType.StartArray, name, $"{key} must be an array of whole numbers");
        var numbers = new List<long>();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            if (reader.TokenType != JsonTokenType.Number || !reader.TryGetInt64(out var number) || number < 0) throw Fault(name, $"{key} must hold whole numbers of 0 or more");
            if (numbers.Count == countMax) throw Fault(name, $"{key} has more than {countMax} numbers");
            numbers.Add(number);
        }

        return numbers;
    }

    // In the order of their bytes, each tensor must begin where the one before ended, and the last must end where the file does.
    private void CheckLayout(long dataBytes)
    {
        long next = 0;
        foreach (var tensor in _tensors.Values.OrderBy(tensor => tensor.Begin).ThenBy(tensor => tensor.End))
        {
            if (tensor.End < tensor.Begin) throw Fault(tensor.Name, $"data_offsets run backwards, from {Show(tensor.Begin)} to {Show(tensor.End)}");
            if (tensor.End > dataBytes) throw Fault(tensor.Name, $"its data ends at byte {Show(tensor.End)}, but the file holds {Show(dataBytes)} bytes of data; it is cut off or its header is damaged");
            if (tensor.Begin < next) throw Fault(tensor.Name, $"its data begins at byte {Show(tensor.Begin)}, inside the tensor before it, which ends at {Show(next)}");
            if (tensor.Begin > next) throw Fault(tensor.Name, $"there is a gap before its data, from byte {Show(next)} to {Show(tensor.Begin)}");
            CheckLength(tensor);
            next = tensor.End;
        }

        if (next != dataBytes) throw Fault(null, $"the tensors end at byte {Show(next)} of the data, but the file holds {Show(dataBytes)}");
    }

    private void CheckLength(TensorEntry tensor)
    {
        Int128 bytes = tensor.Type.ByteSize();
        foreach (var dimension in tensor.Shape)
        {
            // A product below 2^63 times a dimension below 2^63 fits 127 bits.
            bytes *= dimension;
            if (bytes > long.MaxValue) throw Fault(tensor.Name, $"the shape [{string.Join(", ", tensor.Shape)}] overflows");
        }

        if (bytes != tensor.ByteLength)
            throw Fault(tensor.Name, $"{tensor.Type} of shape [{string.Join(", ", tensor.Shape)}] needs {Show((long)bytes)} bytes, but data_offsets give {Show(tensor.ByteLength)}");
    }

    private string? NextName(ref Utf8JsonReader reader)
    {
        if (!reader.Read()) throw Fault(null, "the header ends early");
        return reader.TokenType == JsonTokenType.EndObject ? null : reader.GetString();
    }

    private void Expect(ref Utf8JsonReader reader, JsonTokenType type, string? tensor, string rule)
    {
        if (!reader.Read() || reader.TokenType != type) throw Fault(tensor, rule);
    }

    private SafetensorsException Fault(string? tensor, string fault) => new(_file, tensor, fault);

    private static string Show(long number) => number.ToString("N0", CultureInfo.InvariantCulture);
}
