namespace Vae.Data.Safetensors;

/// <summary>Element types that we write and read. The format knows more; a file that uses them is refused by name.</summary>
public enum TensorType
{
    /// <summary>One unsigned byte.</summary>
    U8,

    /// <summary>64-bit signed integer.</summary>
    I64,

    /// <summary>32-bit float.</summary>
    F32,

    /// <summary>64-bit float.</summary>
    F64,
}

/// <summary>Sizes of element types.</summary>
public static class TensorTypes
{
    /// <summary>Bytes of one element.</summary>
    public static int ByteSize(this TensorType type) => type switch
    {
        TensorType.U8 => 1,
        TensorType.F32 => 4,
        TensorType.I64 or TensorType.F64 => 8,
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, null),
    };
}
