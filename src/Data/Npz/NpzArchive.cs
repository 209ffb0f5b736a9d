using System.IO.Compression;
using Vae.Data.Files;

namespace Vae.Data.Npz;

/// <summary>
/// A .npz file, which is a zip archive of .npy arrays, read row by row: dSprites' images are 3 GB unpacked, of which a sweep keeps a part. Nothing is allocated by what a
/// header says before that is known to fit the file, and every byte goes through the archive's checksum.
/// </summary>
internal sealed class NpzArchive : IDisposable
{
    /// <summary>Rows of an array: dSprites has 737,280.</summary>
    public const int RowsMax = 1 << 24;

    private const int EntriesMax = 64;

    // Deflate cannot do better than 258 bytes for 2 bits, so an entry that promises more than this is a lie.
    private const long DeflateRatioMax = 1_032;

    private readonly ZipArchive _zip;
    private readonly string _shownAs;

    /// <exception cref="DatasetException">The file is no archive of arrays.</exception>
    public NpzArchive(Stream file, string shownAs)
    {
        _shownAs = shownAs;
        _zip = new ZipArchive(file, ZipArchiveMode.Read);
        if (_zip.Entries.Count > EntriesMax) throw new DatasetException(shownAs, null, $"at most {EntriesMax} arrays", $"{_zip.Entries.Count:N0}", "Give the .npz file of a data set.");
    }

    /// <summary>The name of the first array of <paramref name="names"/> that is there; null for none.</summary>
    public string? Find(params ReadOnlySpan<string> names)
    {
        foreach (var name in names) if (_zip.GetEntry(name + ".npy") is not null) return name;
        return null;
    }

    /// <summary>The names of all arrays, for messages.</summary>
    public string Names => string.Join(", ", _zip.Entries.Select(entry => Path.GetFileNameWithoutExtension(entry.Name)));

    /// <summary>Reads an array.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="open">Gets the header and returns what takes each row in order: the number of the row and its bytes.</param>
    /// <exception cref="DatasetException">The array is damaged, or not what its header says.</exception>
    public void Read(string name, Func<NpyHeader, RowReader> open)
    {
        var entry = _zip.GetEntry(name + ".npy")!;
        var shownAs = $"{_shownAs}, array {name}";
        using var unpacked = new Checked(entry.Open());
        var header = NpyHeader.Read(unpacked, shownAs);
        var width = WidthOf(header, shownAs);
        long rowBytes = width;
        foreach (var size in header.Shape.Skip(1)) rowBytes = Math.Min(rowBytes * size, int.MaxValue + 1L);
        if (header.Shape.Count == 0 || header.Shape[0] > RowsMax || rowBytes > Array.MaxLength)
            throw new DatasetException(shownAs, null, $"1 to {RowsMax:N0} rows of at most {Array.MaxLength:N0} bytes", string.Join(" x ", header.Shape), "Split the file.");
        var bytes = header.Shape[0] * rowBytes;
        if (entry.Length != header.Bytes + bytes || entry.Length > Math.Max(1, entry.CompressedLength) * DeflateRatioMax)
            throw new DatasetException(shownAs, null, $"{bytes:N0} bytes of values ({string.Join(" x ", header.Shape)})", $"{entry.Length - header.Bytes:N0} in {entry.CompressedLength:N0} packed bytes", "The file is damaged: get it again.");

        var take = open(header);
        var row = new byte[rowBytes];
        for (var i = 0; i < header.Shape[0]; i++)
        {
            unpacked.ReadExactly(row);
            take(i, row);
        }

        if (unpacked.ReadByte() >= 0 || unpacked.Checksum != entry.Crc32) throw new DatasetException(shownAs, null, $"values with the checksum {entry.Crc32:x8}", $"{unpacked.Checksum:x8}", "The file is damaged: get it again.");
    }

    public void Dispose() => _zip.Dispose();

    private static int WidthOf(NpyHeader header, string shownAs) => header.Type switch
    {
        "|u1" or "|b1" or "|i1" => 1,
        "<i2" or "<u2" => 2,
        "<i4" or "<u4" => 4,
        "<i8" or "<u8" => 8,
        var other => throw new DatasetException(shownAs, 10, "whole numbers (uint8, int32, int64)", $"'{other}'", "Convert the array first."),
    };

    /// <summary>Takes one row: its number and its bytes, which are only there until the next one.</summary>
    public delegate void RowReader(int row, ReadOnlySpan<byte> bytes);

    // The framework's archive does not compare checksums, so we do.
    private sealed class Checked(Stream inner) : Stream
    {
        public uint Checksum { get; private set; }

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public override int Read(Span<byte> buffer)
        {
            var got = inner.Read(buffer);
            Checksum = Crc32.Append(Checksum, buffer[..got]);
            return got;
        }

        public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

        public override void Flush() { }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        protected override void Dispose(bool disposing)
        {
            if (disposing) inner.Dispose();
            base.Dispose(disposing);
        }
    }
}
