using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Vae.Data.Files;
using Vae.Shared;
using Vae.Shared.Sweeps;

namespace Vae.Worker.Probing;

/// <summary>
/// What probes of this machine have measured, a small file per key, so that the same model is not measured again by the next run. A file that
/// cannot be read or written costs a new probe and nothing else.
/// </summary>
public sealed class ProbeCache(string folder)
{
    private const int FormatVersion = 1;

    private sealed record Content(int Version, string Key, Reading[] Readings);

    private sealed record Reading(int Lanes, int Slots, int Threads, double StepsPerSecond);

    /// <returns>Empty when nothing is known under <paramref name="key"/>.</returns>
    public ValueList<ProbeReading> Find(string key)
    {
        try
        {
            if (JsonSerializer.Deserialize<Content>(File.ReadAllBytes(PathOf(key))) is not { Version: FormatVersion } content || content.Key != key) return [];
            return content.Readings.Select(reading => new ProbeReading(reading.Lanes, reading.Slots, reading.Threads, reading.StepsPerSecond))
                .Where(reading => reading is { Lanes: > 0, Slots: > 0, Threads: > 0 } && double.IsFinite(reading.StepsPerSecond) && reading.StepsPerSecond > 0).ToValueList();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException or NotSupportedException)
        {
            return [];
        }
    }

    /// <summary>Keeps readings; a full or read-only disk is no failure.</summary>
    public void Store(string key, ValueList<ProbeReading> readings)
    {
        var content = new Content(FormatVersion, key, [.. readings.Select(reading => new Reading(reading.Lanes, reading.Slots, reading.Threads, reading.StepsPerSecond))]);
        try
        {
            Directory.CreateDirectory(folder);
            AtomicFile.WriteAllBytes(PathOf(key), JsonSerializer.SerializeToUtf8Bytes(content));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The next run measures again.
        }
    }

    private string PathOf(string key) => Path.Combine(folder, $"{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(key)))[..24]}.json");
}
