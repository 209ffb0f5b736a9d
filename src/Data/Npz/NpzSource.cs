using System.Buffers.Binary;
using Vae.Shared.Determinism;

namespace Vae.Data.Npz;

/// <summary>
/// The `npz` source: images, and labels or factors where the archive has them. dSprites' own file is one. Rows are drawn in random order, because such files are sorted by
/// what generated them, and a split at the end would hold out one kind.
/// </summary>
public static class NpzSource
{
    private const int FactorsMax = 64;

    // dSprites' columns; the first has one value only.
    private static readonly string[] DspritesNames = ["color", "shape", "scale", "orientation", "x", "y"];

    /// <summary>Reads at most <paramref name="count"/> rows.</summary>
    /// <param name="path">The file.</param>
    /// <param name="shownAs">How messages call it.</param>
    /// <param name="count">At least 1.</param>
    /// <param name="seed">Which rows, and in which order.</param>
    /// <exception cref="DatasetException">The file is missing, damaged, or has no images.</exception>
    public static ImageSet Read(string path, string shownAs, int count, ulong seed)
    {
        try
        {
            using var file = File.OpenRead(path);
            using var archive = new NpzArchive(file, shownAs);
            if (archive.Find("imgs", "images", "x_train", "x", "arr_0") is not { } images)
                throw new DatasetException(shownAs, null, "an array named imgs, images, x_train, x or arr_0", archive.Names.Length > 0 ? archive.Names : "no array", "Write it with numpy.savez_compressed(file, images=...).");
            var reader = new ImageRows(count, seed, $"{shownAs}, array {images}");
            archive.Read(images, reader.Open);
            var table = archive.Find("latents_classes", "factors") is { } factors ? ReadNumbers(archive, factors, shownAs, reader) : null;
            var labels = archive.Find("labels", "y_train", "y") is { } name ? LabelsOf(ReadNumbers(archive, name, shownAs, reader), $"{shownAs}, array {name}") : null;
            var known = table is null ? null : FactorsOf(table);
            return new ImageSet(reader.Channels, reader.Height, reader.Width, reader.Pixels, labels ?? ShapesOf(known), known);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new DatasetException(shownAs, null, "a file", $"nothing at {Path.GetFullPath(path)}", "Correct the path; a relative one is meant from the folder of the sweep file.", e);
        }
        catch (Exception e) when (e is InvalidDataException or EndOfStreamException)
        {
            throw new DatasetException(shownAs, null, "a .npz archive", "something else, or a damaged one", "Get the file again and compare its checksum.", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new DatasetException(shownAs, null, "a readable file", e.Message.TrimEnd('.'), "Check the permissions and that the path names a file, not a folder.", e);
        }
    }

    private sealed record Numbers(byte[] Values, int Columns, bool[] Varies);

    private static Numbers ReadNumbers(NpzArchive archive, string name, string shownAs, ImageRows images)
    {
        var shown = $"{shownAs}, array {name}";
        byte[] values = [];
        byte[] first = [];
        bool[] varies = [];
        archive.Read(name, header =>
        {
            var columns = header.Shape.Count == 1 ? 1 : header.Shape[1];
            if (header.Shape.Count > 2 || columns > FactorsMax || header.Shape[0] != images.Total)
                throw new DatasetException(shown, null, $"{images.Total:N0} rows of 1 to {FactorsMax} numbers, as many as there are images", string.Join(" x ", header.Shape), "Give the file of one data set.");
            (values, first, varies) = (new byte[images.Kept * columns], new byte[columns], new bool[columns]);
            return (row, bytes) =>
            {
                var (width, target) = (bytes.Length / columns, images.TargetOf(row));
                for (var column = 0; column < columns; column++)
                {
                    var value = Whole(bytes.Slice(column * width, width));
                    if (value > byte.MaxValue) throw new DatasetException(shown, null, "numbers of 0 to 255", $"{(long)value} in row {row:N0}", "Number the values from 0.");
                    if (row == 0) first[column] = (byte)value;
                    varies[column] |= (byte)value != first[column];
                    if (target >= 0) values[(target * columns) + column] = (byte)value;
                }
            };
        });
        return new Numbers(values, varies.Length, varies);
    }

    // A negative number comes out above 255, as one too large does.
    private static ulong Whole(ReadOnlySpan<byte> bytes) => bytes.Length switch
    {
        1 => bytes[0],
        2 => BinaryPrimitives.ReadUInt16LittleEndian(bytes),
        4 => BinaryPrimitives.ReadUInt32LittleEndian(bytes),
        _ => BinaryPrimitives.ReadUInt64LittleEndian(bytes),
    };

    private static byte[] LabelsOf(Numbers numbers, string shownAs) => numbers.Columns == 1
        ? numbers.Values
        : throw new DatasetException(shownAs, null, "one label for each row", $"{numbers.Columns} numbers", "Give labels as one column of whole numbers.");

    // A factor with one value says nothing.
    private static FactorTable? FactorsOf(Numbers numbers)
    {
        int[] kept = [.. Enumerable.Range(0, numbers.Columns).Where(column => numbers.Varies[column])];
        if (kept.Length == 0) return null;
        var rows = numbers.Values.Length / numbers.Columns;
        var values = new byte[rows * kept.Length];
        for (var row = 0; row < rows; row++)
            for (var i = 0; i < kept.Length; i++) values[(row * kept.Length) + i] = numbers.Values[(row * numbers.Columns) + kept[i]];
        return new FactorTable([.. kept.Select(column => numbers.Columns == DspritesNames.Length ? DspritesNames[column] : $"factor{column}")], values);
    }

    private static byte[]? ShapesOf(FactorTable? factors)
    {
        if (factors is null || factors.Names.ToList().IndexOf("shape") is var column && column < 0) return null;
        var labels = new byte[factors.Values.Length / factors.Names.Count];
        for (var row = 0; row < labels.Length; row++) labels[row] = factors.Row(row)[column];
        return labels;
    }

    /// <summary>Keeps the rows that were drawn.</summary>
    private sealed class ImageRows(int count, ulong seed, string shownAs)
    {
        private int[] _targets = [];
        private byte[] _pixels = [];
        private bool _channelsLast;

        public int Total { get; private set; }

        public int Kept { get; private set; }

        public int Channels { get; private set; } = 1;

        public int Height { get; private set; }

        public int Width { get; private set; }

        /// <summary>0 to 255. An array of nothing but 0 and 1, as dSprites', is black and white.</summary>
        public byte[] Pixels
        {
            get
            {
                if (_pixels.AsSpan().ContainsAnyExcept((byte)0, (byte)1)) return _pixels;
                for (var i = 0; i < _pixels.Length; i++) _pixels[i] = (byte)(255 * _pixels[i]);
                return _pixels;
            }
        }

        /// <summary>Where a row of the file goes; -1 for one that is not kept.</summary>
        public int TargetOf(int row) => _targets[row];

        public NpzArchive.RowReader Open(NpyHeader header)
        {
            var shape = header.Shape;
            if (header.Type is not ("|u1" or "|b1")) throw new DatasetException(shownAs, 10, "bytes (uint8)", $"'{header.Type}'", "Convert the values to 0..255 first.");
            if (shape.Count is not (3 or 4)) throw new DatasetException(shownAs, 10, "rows x height x width, with or without channels", string.Join(" x ", shape), "Reshape the array first.");
            _channelsLast = shape.Count == 4 && shape[3] is 1 or 3;
            if (shape.Count == 4) Channels = _channelsLast ? shape[3] : shape[1];
            (Height, Width) = shape.Count == 3 ? (shape[1], shape[2]) : _channelsLast ? (shape[1], shape[2]) : (shape[2], shape[3]);
            if (Channels is not (1 or 3)) throw new DatasetException(shownAs, 10, "1 or 3 channels", string.Join(" x ", shape), "Store the images as rows x height x width x channels.");
            Total = shape[0];
            Kept = Math.Min(count, Total);
            if ((long)Kept * Channels * Height * Width > Array.MaxLength)
                throw new DatasetException(shownAs, null, $"at most {Array.MaxLength:N0} bytes of pixels", $"{Kept:N0} rows of {(long)Channels * Height * Width:N0}", "Set `count` to fewer rows.");
            Draw();
            _pixels = new byte[Kept * Channels * Height * Width];
            return Take;
        }

        private void Take(int row, ReadOnlySpan<byte> bytes)
        {
            if (_targets[row] is var target && target < 0) return;
            var place = _pixels.AsSpan(target * bytes.Length, bytes.Length);
            if (!_channelsLast || Channels == 1)
            {
                bytes.CopyTo(place);
                return;
            }

            var size = Height * Width;
            for (var pixel = 0; pixel < size; pixel++)
                for (var channel = 0; channel < Channels; channel++) place[(channel * size) + pixel] = bytes[(pixel * Channels) + channel];
        }

        private void Draw()
        {
            var order = new int[Total];
            for (var i = 0; i < order.Length; i++) order[i] = i;
            var random = new Prng(seed);
            _targets = new int[Total];
            Array.Fill(_targets, -1);
            for (var i = 0; i < Kept; i++)
            {
                var other = i + random.NextBelow(Total - i);
                (order[i], order[other]) = (order[other], order[i]);
                _targets[order[i]] = i;
            }
        }
    }
}
