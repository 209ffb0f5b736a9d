using System.Globalization;

namespace Vae.Torch;

/// <summary>Kinds of devices. The numbers are libtorch's.</summary>
public enum DeviceType
{
    /// <summary>The host.</summary>
    CPU = 0,
    /// <summary>An NVIDIA (or, in ROCm builds, AMD) accelerator.</summary>
    CUDA = 1,
}

public static partial class torch
{
    /// <summary>The host.</summary>
    public static Device CPU => new(DeviceType.CPU, 0);

    /// <summary>The first accelerator.</summary>
    public static Device CUDA => new(DeviceType.CUDA, 0);

    /// <summary>Where a tensor's memory lies: <c>cpu</c>, <c>cuda</c> (the first) or <c>cuda:N</c>.</summary>
    public readonly record struct Device(DeviceType type, int index)
    {
        /// <param name="text">cpu, cuda or cuda:N.</param>
        /// <exception cref="ArgumentException">The text is none of these.</exception>
        public Device(string text) : this(Parse(text).type, Parse(text).index)
        {
        }

        /// <summary>Null-returning twin of the constructor, for user input.</summary>
        public static bool TryParse(string? text, out Device device)
        {
            device = default;
            if (text == "cpu") return true;
            if (text == "cuda")
            {
                device = CUDA;
                return true;
            }

            if (text is null || !text.StartsWith("cuda:", StringComparison.Ordinal)) return false;
            if (!int.TryParse(text.AsSpan(5), NumberStyles.None, CultureInfo.InvariantCulture, out var number) || number > 127) return false;
            device = new(DeviceType.CUDA, number);
            return true;
        }

        /// <inheritdoc/>
        public override string ToString() => type == DeviceType.CPU ? "cpu" : string.Create(CultureInfo.InvariantCulture, $"cuda:{index}");

        private static Device Parse(string text) =>
            TryParse(text, out var device) ? device : throw new ArgumentException($"'{text}' is no device: cpu, cuda or cuda:N is.", nameof(text));
    }
}
