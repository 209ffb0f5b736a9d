using System.Security.Cryptography;

namespace Vae.Tests.Simulation.Host;

/// <summary>Files that outlive a process: whole or not there, for they are written beside, synced and renamed. What went wrong with one shows only when it is read.</summary>
public sealed class NodeDisk
{
    private readonly SortedDictionary<string, byte[]> _files = new(StringComparer.Ordinal);
    private string? _newest;

    /// <summary>True while there is no space.</summary>
    public bool IsFull { get; internal set; }

    internal int ErrorsDue { get; set; }

    /// <summary>Names of all files, sorted.</summary>
    public IEnumerable<string> Names => _files.Keys;

    /// <summary>Names of the files that a fault has damaged.</summary>
    public HashSet<string> Damaged { get; } = [];

    /// <summary>Lower-case hex digest, as the product writes it.</summary>
    public static string Digest(ReadOnlySpan<byte> content) => Convert.ToHexStringLower(SHA256.HashData(content));

    /// <summary>Writes a file as a whole. Null when it is there for good, else why it is not.</summary>
    public string? TryWrite(string name, byte[] content)
    {
        if (IsFull) return "no space is left on the device";
        if (ErrorsDue > 0)
        {
            ErrorsDue--;
            return "an input/output error";
        }

        _files[name] = content;
        _newest = name;
        Damaged.Remove(name);
        return null;
    }

    /// <summary>A file's content; null when there is none.</summary>
    public byte[]? Read(string name) => _files.GetValueOrDefault(name);

    /// <summary>Deletes a file, if it is there.</summary>
    public void Delete(string name)
    {
        _files.Remove(name);
        Damaged.Remove(name);
    }

    /// <summary>Turns one bit of the newest file. False when there is none.</summary>
    internal bool FlipBit(ulong draw)
    {
        if (_newest is null || !_files.TryGetValue(_newest, out var content) || content.Length == 0) return false;
        var turned = (byte[])content.Clone();
        turned[draw % (ulong)turned.Length] ^= (byte)(1 << (int)(draw >> 61));
        _files[_newest] = turned;
        return Damaged.Add(_newest) || true;
    }
}
