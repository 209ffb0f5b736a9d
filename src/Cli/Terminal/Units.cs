using System.Globalization;

namespace Vae.Cli.Terminal;

/// <summary>Numbers as people read them.</summary>
internal static class Units
{
    /// <summary>For example <c>12 MiB</c>.</summary>
    public static string Bytes(long bytes) => bytes switch
    {
        < 1 << 10 => $"{bytes} bytes",
        < 1 << 20 => $"{bytes / 1024.0:F0} KiB",
        < 1 << 30 => $"{bytes / 1048576.0:F0} MiB",
        _ => $"{bytes / 1073741824.0:F1} GiB",
    };

    /// <summary>For example <c>1 trial</c> or <c>1,200 trials</c>.</summary>
    public static string Count(long count, string noun) => $"{count:N0} {noun}{(count == 1 ? "" : "s")}";

    /// <summary>For example <c>-84.25</c>; a dash where there is no figure.</summary>
    public static string Nats(double? value) => value is { } figure ? figure.ToString("F2", CultureInfo.InvariantCulture) : "-";

    /// <summary>A whole number with commas; a dash where there is none.</summary>
    public static string Whole(long? value) => value is { } number ? number.ToString("N0", CultureInfo.InvariantCulture) : "-";

    /// <summary>Seconds with one decimal; a dash where there are none.</summary>
    public static string Seconds(double? value) => value is { } seconds ? seconds.ToString("F1", CultureInfo.InvariantCulture) : "-";
}
