using System.Text.Json;
using Vae.Cli.Terminal;
using Vae.Models.Compression;

namespace Vae.Cli.Reports;

/// <summary>What compressing came to. Every byte of the file counts, header and checksums too.</summary>
/// <param name="path">Of the file.</param>
/// <param name="packed">The file.</param>
/// <param name="pixels">Values of all images.</param>
/// <param name="bound">The model's negative evidence lower bound in nats for each image; null when not asked for.</param>
/// <param name="seconds">To compress.</param>
/// <param name="checkSeconds">To decompress and compare; null when not asked for.</param>
internal sealed class CompressionReport(string path, CompressedImages packed, long pixels, double? bound, double seconds, double? checkSeconds)
{
    private const int BitsPerByte = 8;

    private int Images => packed.Header.Images;

    private double BitsPerPixel => (double)packed.ByteLength * BitsPerByte / pixels;

    private double? BoundBitsPerPixel => bound * Images / Math.Log(2) / pixels;

    private string Model => Convert.ToHexStringLower(packed.Header.Model.Span);

    public void WriteTo(Utf8JsonWriter json)
    {
        json.WriteString("file", Path.GetFullPath(path));
        json.WriteNumber("images", Images);
        json.WriteNumber("pixels", pixels);
        json.WriteString("values", packed.Header.Values == CodedValues.Bits ? "bits" : "levels");
        json.WriteNumber("bytes", packed.ByteLength);
        json.WriteNumber("header_bytes", packed.Header.ByteLength);
        json.WriteNumber("blocks", packed.Blocks.Count);
        json.WriteNumber("start_bits", packed.BorrowedBits);
        json.WriteNumber("bits_per_pixel", BitsPerPixel);
        if (BoundBitsPerPixel is { } least)
        {
            json.WriteFinite("elbo_bits_per_pixel", least);
            json.WriteFinite("overhead", (BitsPerPixel / least) - 1);
        }

        json.WriteNumber("ratio", (double)pixels / packed.ByteLength);
        if (packed.Header.Values == CodedValues.Bits) json.WriteNumber("ratio_to_packed_bits", pixels / (double)BitsPerByte / packed.ByteLength);
        json.WriteNumber("seconds", seconds);
        json.WriteNumber("images_per_second", Images / seconds);
        if (checkSeconds is { } check) json.WriteNumber("check_seconds", check);
        json.WriteBoolean("checked", checkSeconds is not null);
        json.WriteString("model", Model);
    }

    public IEnumerable<string> Lines()
    {
        yield return $"file     {path}: {Units.Count(Images, "image")}, {Units.Count(packed.ByteLength, "byte")}";
        yield return BoundBitsPerPixel is { } least
            ? $"rate     {BitsPerPixel:F4} bits per pixel, {Math.Abs((BitsPerPixel / least) - 1):P2} {(BitsPerPixel < least ? "under" : "over")} the model's bound of {least:F4} (its negative ELBO)"
            : $"rate     {BitsPerPixel:F4} bits per pixel";
        yield return packed.Header.Values == CodedValues.Bits
            ? $"against  one bit per pixel: {1 / BitsPerPixel:F2} times smaller; one byte per pixel: {BitsPerByte / BitsPerPixel:F1} times"
            : $"against  one byte per pixel: {BitsPerByte / BitsPerPixel:F2} times smaller";
        yield return checkSeconds is { } check
            ? $"time     {seconds:F2} s ({Images / seconds:N0} images/s); decompressed and compared in {check:F2} s"
            : $"time     {seconds:F2} s ({Images / seconds:N0} images/s); not compared";
        yield return $"model    {Model}";
    }
}
