using System.Buffers.Binary;
using System.Text;
using Vae.Data;
using Vae.Models.Networks;
using Vae.Shared.Determinism;

namespace Vae.Models.Compression;

/// <summary>One block of a file: images that were coded on a stack of their own.</summary>
/// <param name="Bytes">Length of state and words.</param>
/// <param name="Checksum">CRC-32C of those bytes.</param>
/// <param name="ImagesChecksum">CRC-32C of the images' bytes as they were before.</param>
public readonly record struct VazeBlock(int Bytes, uint Checksum, uint ImagesChecksum);

/// <summary>
/// The beginning of a <c>.vaez</c> file: what is in it, what it was made with, and where its blocks lie. The layout is told byte by byte in docs/vaez-format.md; all numbers are little-endian. A reader trusts nothing
/// before the checksum of header and index, and allocates nothing that a checked number does not bound.
/// </summary>
public sealed record VazeHeader
{
    /// <summary>Versions of the layout that this program writes and reads, by what they hold: files of bits stay of version 1, which older programs read too.</summary>
    public const int BitsVersion = 1, LevelsVersion = 2;

    /// <summary>Version of the arithmetic and of the order of operations. It changes whenever the same model would give other numbers.</summary>
    public const int ArithmeticVersion = 1;

    /// <summary>Most images of a block.</summary>
    public const int BlockImagesMax = 65_536;

    /// <summary>Most bytes of all images of a block, and of a file: the largest array there is.</summary>
    public const long BlockBytesMax = 1 << 28, ImageBytesMax = 2_147_483_591;

    private const int FixedBytes = 156, IndexEntryBytes = 12, ProgramBytes = 24, LatentMax = 4_096;

    private static ReadOnlySpan<byte> Magic => [0x89, (byte)'V', (byte)'A', (byte)'E', (byte)'Z', 0x0D, 0x0A, 0x1A]; // As PNG's: a transfer as text breaks it.

    /// <summary>The shape of an image.</summary>
    public required ImageShape Image { get; init; }

    /// <summary>Images in the file.</summary>
    public required int Images { get; init; }

    /// <summary>Images of each block but the last.</summary>
    public required int BlockImages { get; init; }

    /// <summary>Dimensions of the IDX file that they came from: 3, or 4 with one for channels.</summary>
    public required int IdxDimensions { get; init; }

    /// <summary>What the values of an image are.</summary>
    public required CodedValues Values { get; init; }

    /// <summary>The two bytes that the bits 0 and 1 stand for; 0 and 255 where the values are levels.</summary>
    public required (byte Low, byte High) Levels { get; init; }

    /// <summary>How finely everything is coded.</summary>
    public required CodingPrecision Precision { get; init; }

    /// <summary>Latent size of the model.</summary>
    public required int Latent { get; init; }

    /// <summary><see cref="CodingModel.Fingerprint"/>.</summary>
    public required ReadOnlyMemory<byte> Model { get; init; }

    /// <summary><see cref="CodingModel.Probe"/>, where the file was made.</summary>
    public required ulong Probe { get; init; }

    /// <summary>Of the bits that the first draws of each block take.</summary>
    public required ulong Seed { get; init; }

    /// <summary>SHA-256 over the bytes of all images.</summary>
    public required ReadOnlyMemory<byte> Content { get; init; }

    /// <summary>Version of the program that wrote it, at most 24 bytes; only ever shown.</summary>
    public required string Program { get; init; }

    /// <summary>The blocks in order.</summary>
    public required IReadOnlyList<VazeBlock> Blocks { get; init; }

    /// <summary>Bytes of header, index and their checksum.</summary>
    public int ByteLength => FixedBytes + (Blocks.Count * IndexEntryBytes) + sizeof(uint);

    /// <summary>Images of one block.</summary>
    public int ImagesOf(int block) => Math.Min(BlockImages, Images - (block * BlockImages));

    /// <summary>The bytes.</summary>
    public byte[] Write()
    {
        var bytes = new byte[ByteLength];
        var writer = new Cursor(bytes);
        Magic.CopyTo(writer.Take(Magic.Length));
        writer.U16((ushort)(Values == CodedValues.Bits ? BitsVersion : LevelsVersion));
        writer.U16(ArithmeticVersion);
        foreach (var value in (int[])[(int)Values, IdxDimensions, Levels.Low, Levels.High, Precision.Bin, Precision.Posterior, Precision.Likelihood, 0]) writer.Take(1)[0] = (byte)value;
        foreach (var value in (int[])[Image.Channels, Image.Height, Image.Width, Latent, Images, BlockImages, Blocks.Count, 0]) writer.U32((uint)value);
        writer.U64(Probe);
        writer.U64(Seed);
        Model.Span.CopyTo(writer.Take(32));
        Content.Span.CopyTo(writer.Take(32));
        var program = Encoding.UTF8.GetBytes(Program).AsSpan();
        program[..Math.Min(program.Length, ProgramBytes)].CopyTo(writer.Take(ProgramBytes));
        foreach (var block in Blocks)
        {
            writer.U32((uint)block.Bytes);
            writer.U32(block.Checksum);
            writer.U32(block.ImagesChecksum);
        }

        writer.U32(Crc32C.Of(bytes.AsSpan(0, writer.At)));
        return bytes;
    }

    /// <summary>Reads and checks the beginning of a file.</summary>
    /// <param name="file">The whole file.</param>
    /// <param name="shownAs">How messages call it.</param>
    /// <exception cref="DatasetException">It is no such file, of another version, damaged, or out of bounds.</exception>
    public static VazeHeader Read(ReadOnlySpan<byte> file, string shownAs)
    {
        if (file.Length < Magic.Length || !file.StartsWith(Magic)) throw new DatasetException(shownAs, 0, "a .vaez file", "another beginning", "Give a file that `vae model compress` wrote; a transfer as text damages it.");
        if (file.Length < FixedBytes) throw Damaged(shownAs, file.Length, $"{FixedBytes} bytes of header", "the end of the file");
        var reader = new Cursor(file[..FixedBytes].ToArray());
        reader.Take(Magic.Length);
        var (format, arithmetic) = (reader.U16(), reader.U16());
        var small = reader.Take(8).ToArray();
        Span<long> sizes = stackalloc long[8];
        foreach (ref var size in sizes) size = reader.U32();
        var count = (sizes[4] + Math.Max(1, sizes[5]) - 1) / Math.Max(1, sizes[5]);
        var indexEnd = FixedBytes + (sizes[6] * IndexEntryBytes);
        // The checksum first: after it every refusal below is about another program or a lie, not about damage. Its place is bounded by the file's length.
        if (indexEnd + sizeof(uint) > file.Length) throw Damaged(shownAs, 44, $"an index of {sizes[6]:N0} blocks", $"a file of {file.Length:N0} bytes");
        if (BinaryPrimitives.ReadUInt32LittleEndian(file[(int)indexEnd..]) != Crc32C.Of(file[..(int)indexEnd])) throw Damaged(shownAs, null, "a header and index that match their checksum", "others");
        if (format is not (BitsVersion or LevelsVersion)) throw new DatasetException(shownAs, 8, $"format version {BitsVersion} or {LevelsVersion}", $"version {format}", "Use the version of this program that wrote it.");
        if (arithmetic != ArithmeticVersion) throw new DatasetException(shownAs, 10, $"arithmetic version {ArithmeticVersion}", $"version {arithmetic}", "Use the version of this program that wrote it.");

        var values = format == BitsVersion ? CodedValues.Bits : CodedValues.Levels;
        Require(small[0] == (int)values, 12, values == CodedValues.Bits ? "likelihood 1 (Bernoulli)" : "likelihood 2 (discretised logistic)", small[0]);
        Require(small[1] is 3 or 4, 13, "3 or 4 dimensions", small[1]);
        Require(small[2] < small[3] && (values == CodedValues.Bits || small[3] - small[2] == byte.MaxValue), 14, values == CodedValues.Bits ? "two levels in ascending order" : "levels 0 and 255", small[2]);
        var precision = new CodingPrecision(small[4], small[5], small[6]);
        Require(precision.IsValidFor(values), 16, "bits of bin, posterior and likelihood within their ranges", small[4]);
        Require(sizes[0] is >= 1 and <= 4 && (sizes[0] == 1 || small[1] == 4), 20, "1 to 4 channels", sizes[0]);
        Require(sizes[1] is >= 1 and <= 4_096 && sizes[2] is >= 1 and <= 4_096, 24, "sides of 1 to 4,096", sizes[1]);
        Require(sizes[3] is >= 1 and <= LatentMax, 32, $"1 to {LatentMax:N0} latent dimensions", sizes[3]);
        var bytes = sizes[0] * sizes[1] * sizes[2];
        Require(sizes[4] >= 1 && sizes[4] * bytes <= ImageBytesMax, 36, $"1 image or more, of {ImageBytesMax:N0} bytes at most together", sizes[4]);
        Require(sizes[5] is >= 1 and <= BlockImagesMax && sizes[5] * bytes <= Math.Max(BlockBytesMax, bytes), 40, $"1 to {BlockImagesMax:N0} images for each block", sizes[5]);
        Require(sizes[6] == count, 44, $"{count:N0} blocks", sizes[6]);

        var header = new VazeHeader
        {
            Image = new ImageShape((int)sizes[0], (int)sizes[1], (int)sizes[2]),
            IdxDimensions = small[1],
            Values = values,
            Levels = (small[2], small[3]),
            Precision = precision,
            Latent = (int)sizes[3],
            Images = (int)sizes[4],
            BlockImages = (int)sizes[5],
            Probe = reader.U64(),
            Seed = reader.U64(),
            Model = reader.Take(32).ToArray(),
            Content = reader.Take(32).ToArray(),
            Program = Encoding.UTF8.GetString(reader.Take(ProgramBytes)).TrimEnd('\0'),
            Blocks = ReadIndex(file[FixedBytes..(int)indexEnd]),
        };
        var length = header.ByteLength + header.Blocks.Sum(block => (long)block.Bytes);
        return length == file.Length ? header : throw Damaged(shownAs, Math.Min(length, file.Length), $"{length:N0} bytes in all", $"{file.Length:N0}");

        void Require(bool holds, long offset, string rule, long found)
        {
            if (!holds) throw new DatasetException(shownAs, offset, rule, $"{found:N0}", "The file was not written by this program, or by a defective one.");
        }
    }

    /// <summary>What to say when bytes are not those that were written.</summary>
    internal static DatasetException Damaged(string shownAs, long? offset, string expected, string found) =>
        new(shownAs, offset, expected, found, "The file is damaged or incomplete: get it again. Nothing was written.");

    private static VazeBlock[] ReadIndex(ReadOnlySpan<byte> bytes)
    {
        var blocks = new VazeBlock[bytes.Length / IndexEntryBytes];
        for (var i = 0; i < blocks.Length; i++)
        {
            var entry = bytes.Slice(i * IndexEntryBytes, IndexEntryBytes);
            blocks[i] = new VazeBlock(
                (int)Math.Min(int.MaxValue, BinaryPrimitives.ReadUInt32LittleEndian(entry)), BinaryPrimitives.ReadUInt32LittleEndian(entry[4..]), BinaryPrimitives.ReadUInt32LittleEndian(entry[8..]));
        }

        return blocks;
    }

    private ref struct Cursor(Span<byte> bytes)
    {
        private readonly Span<byte> _bytes = bytes;

        public int At { get; private set; }

        public Span<byte> Take(int count)
        {
            var taken = _bytes.Slice(At, count);
            At += count;
            return taken;
        }

        public void U16(ushort value) => BinaryPrimitives.WriteUInt16LittleEndian(Take(sizeof(ushort)), value);

        public void U32(uint value) => BinaryPrimitives.WriteUInt32LittleEndian(Take(sizeof(uint)), value);

        public void U64(ulong value) => BinaryPrimitives.WriteUInt64LittleEndian(Take(sizeof(ulong)), value);

        public ushort U16() => BinaryPrimitives.ReadUInt16LittleEndian(Take(sizeof(ushort)));

        public uint U32() => BinaryPrimitives.ReadUInt32LittleEndian(Take(sizeof(uint)));

        public ulong U64() => BinaryPrimitives.ReadUInt64LittleEndian(Take(sizeof(ulong)));
    }
}
