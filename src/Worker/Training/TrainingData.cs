using System.Buffers;
using Vae.Data;
using Vae.Models;
using Vae.Models.Networks;
using Vae.Shared.Datasets;
using Vae.Torch;

namespace Vae.Worker.Training;

/// <summary>
/// A data set on the training device, one byte per value: a gather turns the wanted rows into floats there, so a step moves a few row
/// numbers instead of a batch of floats. One that would take more than half of an accelerator's memory stays on the host, and each batch's bytes go over.
/// </summary>
public sealed class TrainingData : IDisposable
{
    private readonly Tensor _pixels;
    private readonly Lazy<float[]> _mean;
    private MemoryHandle _pinned;

    /// <param name="images">All rows, held-out ones at the end.</param>
    /// <param name="heldOut">Rows at the end that are never trained on.</param>
    /// <param name="binarize">How grey values become bits.</param>
    /// <param name="device">Where the bytes are kept.</param>
    public TrainingData(ImageSet images, int heldOut, Binarize binarize, torch.Device device)
    {
        Shape = new ImageShape(images.Channels, images.Height, images.Width);
        Count = images.Count;
        HeldOut = heldOut;
        Classes = images.Classes;
        Factors = images.Factors;
        if (images.HasLabels) Labels = Array.ConvertAll(images.Labels.ToArray(), label => (int)label);
        Mode = binarize switch
        {
            Binarize.None => ByteConversion.Scale,
            Binarize.Fixed => ByteConversion.FixedBits,
            Binarize.Dynamic => ByteConversion.RandomBits,
            _ => throw new ArgumentOutOfRangeException(nameof(binarize), binarize, "Unknown mode."),
        };
        _pixels = StaysOnHost(device, images.Pixels.Length) ? Borrow(images) : torch.tensor(images.Pixels.Span, [images.Count, Shape.Values], device).DetachFromDisposeScope();
        _mean = new(() => Training.MeanImage.Of(_pixels, TrainRows, Mode));
    }

    private static bool StaysOnHost(torch.Device device, long bytes) =>
        device.type == DeviceType.CPU || (torch.cuda.is_built() && bytes > torch.cuda.memory(device.index).Total / 2);

    /// <summary>One row.</summary>
    public ImageShape Shape { get; }

    /// <summary>All rows.</summary>
    public int Count { get; }

    /// <summary>Rows never trained on, at the end.</summary>
    public int HeldOut { get; }

    /// <summary>Rows trained on.</summary>
    public int TrainRows => Count - HeldOut;

    /// <summary>The rows that trials are judged by: the held-out ones; all rows where the sweep file holds out none.</summary>
    public RowRange EvaluationRows => HeldOut > 0 ? new(TrainRows, HeldOut) : new(0, Count);

    /// <summary>The label of each row, 0 to <see cref="Classes"/> - 1; null without labels.</summary>
    public ReadOnlyMemory<int>? Labels { get; }

    /// <summary>One more than the largest label; 0 without labels.</summary>
    public int Classes { get; }

    /// <summary>What generated each row: [rows, factors], small numbers; null where nobody knows.</summary>
    public FactorTable? Factors { get; }

    /// <summary>The mean of each value over training rows, as models see it: [D], 0 to 1. Computed when first asked for.</summary>
    public ReadOnlySpan<float> MeanImage => _mean.Value;

    private ByteConversion Mode { get; }

    /// <summary>Gathers rows as floats into the first rows of one slot. Any thread may.</summary>
    /// <param name="rows">Row numbers.</param>
    /// <param name="buffer">[K, n, D]; the slot's first rows are overwritten.</param>
    /// <param name="slot">0 to K - 1.</param>
    /// <param name="seed">Key of dynamic binarisation.</param>
    /// <param name="stream">Stream of dynamic binarisation.</param>
    /// <param name="firstRow">Row of the stream that the first row uses: its place in the global batch.</param>
    public void Gather(ReadOnlySpan<int> rows, Tensor buffer, int slot, ulong seed, ulong stream, long firstRow) =>
        Fused.gather_rows(_pixels, rows, buffer, slot, Mode, seed, stream, firstRow);

    /// <summary>Gathers labels of rows into the first places of one slot; the other places stay as they are.</summary>
    /// <param name="rows">At most n row numbers.</param>
    /// <param name="buffer">Int64 [K, n].</param>
    /// <param name="slot">0 to K - 1.</param>
    /// <param name="seen">By row: whether its label is seen, else it is -1; empty: all are.</param>
    /// <exception cref="InvalidOperationException">The data set has no labels.</exception>
    public void GatherLabels(ReadOnlySpan<int> rows, Tensor buffer, int slot, ReadOnlySpan<bool> seen = default)
    {
        var labels = (Labels ?? throw new InvalidOperationException("The data set has no labels.")).Span;
        using var scope = torch.NewDisposeScope();
        using var mode = torch.no_grad();
        var place = buffer.select(0, slot).narrow(0, 0, rows.Length);
        if (buffer.device.type == DeviceType.CPU)
        {
            Fill(place.data<long>(), rows, labels, seen);
            return;
        }

        var host = torch.empty([rows.Length], ScalarType.Int64);
        Fill(host.data<long>(), rows, labels, seen);
        place.copy_(host);
    }

    private static void Fill(Span<long> target, ReadOnlySpan<int> rows, ReadOnlySpan<int> labels, ReadOnlySpan<bool> seen)
    {
        for (var i = 0; i < rows.Length; i++) target[i] = seen.IsEmpty || seen[rows[i]] ? labels[rows[i]] : -1;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _pixels.Dispose();
        _pinned.Dispose();
    }

    // On the host the bytes are there already; they are only kept from being moved.
    private unsafe Tensor Borrow(ImageSet images)
    {
        _pinned = images.Pixels.Pin();
        return torch.from_blob(_pinned.Pointer, [images.Count, Shape.Values], ScalarType.UInt8).DetachFromDisposeScope();
    }
}
