namespace Vae.Torch;

/// <summary>Element types. The numbers are libtorch's.</summary>
public enum ScalarType
{
    /// <summary>Unsigned byte.</summary>
    UInt8 = 0,
    /// <summary>Signed 32-bit integer.</summary>
    Int32 = 3,
    /// <summary>Signed 64-bit integer; indices are of this type.</summary>
    Int64 = 4,
    /// <summary>IEEE half precision.</summary>
    Float16 = 5,
    /// <summary>IEEE single precision; the default.</summary>
    Float32 = 6,
    /// <summary>IEEE double precision; the reference type of tests.</summary>
    Float64 = 7,
    /// <summary>One byte, 0 or 1.</summary>
    Bool = 11,
    /// <summary>Single precision's range with 8 bits of significand.</summary>
    BFloat16 = 15,
}

/// <summary>A number given to an operation; remembers whether it was an integer, which decides the result's type.</summary>
public readonly record struct Scalar
{
    internal double Value { get; }

    internal int IsInteger { get; }

    private Scalar(double value, int isInteger) => (Value, IsInteger) = (value, isInteger);

    /// <summary>An integer.</summary>
    public static implicit operator Scalar(int value) => new(value, 1);

    /// <summary>An integer; exact up to 2^53.</summary>
    public static implicit operator Scalar(long value) => new(value, 1);

    /// <summary>A real number.</summary>
    public static implicit operator Scalar(float value) => new(value, 0);

    /// <summary>A real number.</summary>
    public static implicit operator Scalar(double value) => new(value, 0);

    /// <summary>0 or 1.</summary>
    public static implicit operator Scalar(bool value) => new(value ? 1 : 0, 1);
}
