using Vae.Models.Networks;
using Vae.Torch;

namespace Vae.Worker.Training;

/// <summary>One tensor of a trial's own: as in the trial's model alone, without the pack's padding.</summary>
/// <param name="Name">For example <c>encoder.0.weight</c>, or <c>exp_avg.encoder.0.weight</c> for the optimizer's state of it.</param>
/// <param name="Shape">Without the replica dimension.</param>
/// <param name="Start">First element in the trial's values.</param>
/// <param name="Length">Elements.</param>
internal sealed record TrialTensor(string Name, long[] Shape, int Start, int Length);

/// <summary>
/// Where the parameters of a trial of one latent size lie in the flat buffers of a pack, slot by slot: each a run of floats, or equally long runs at equal distances
/// where the pack is padded. Weights and optimizer state are laid out alike, but that the weights are followed by what has no gradient, so one table serves all of them, and copying
/// is nothing but copying.
/// </summary>
internal sealed class TrialCut
{
    private readonly Piece[] _pieces;

    public TrialCut(PackNetwork network, FlatParameters flat, int latent)
    {
        Trained = flat.Segments.Count;
        _pieces = new Piece[Trained + flat.StateSegments.Count];
        for (var i = 0; i < _pieces.Length; i++)
        {
            var (segment, tensor) = i < Trained ? (flat.Segments[i], flat.Leaves[i]) : (flat.StateSegments[i - Trained], flat.States[i - Trained]);
            _pieces[i] = Cut(segment, network.LatentAxisOf(tensor), latent, network.Latent, Length);
            Length += _pieces[i].Own.Length;
            if (i < Trained) TrainedLength = Length;
        }
    }

    /// <summary>Floats of one trial in the buffer of weights: its parameters, then its state.</summary>
    public int Length { get; private set; }

    /// <summary>Floats of one trial in a buffer of the optimizer, which knows the parameters alone.</summary>
    public int TrainedLength { get; }

    /// <summary>How many of <see cref="Tensors"/> are parameters.</summary>
    public int Trained { get; }

    /// <summary>The trial's parameters, then its state.</summary>
    public IEnumerable<TrialTensor> Tensors => _pieces.Select(piece => piece.Own);

    /// <summary>Copies one slot's part of a pack's buffer out: the parameters, and the state where <paramref name="own"/> has room for it.</summary>
    public void Gather(ReadOnlySpan<float> pack, int slot, Span<float> own)
    {
        foreach (ref readonly var piece in Pieces(own.Length))
        {
            var source = pack.Slice(checked((int)(piece.Offset + (slot * piece.Stride))), (int)piece.Stride);
            var target = own.Slice(piece.Own.Start, piece.Own.Length);
            for (var run = 0; run < piece.Runs; run++) source.Slice(run * piece.Padded, piece.Run).CopyTo(target[(run * piece.Run)..]);
        }
    }

    /// <summary>Copies a trial's values into one slot of a pack's buffer; what is padding becomes 0.</summary>
    public void Scatter(ReadOnlySpan<float> own, Span<float> pack, int slot)
    {
        foreach (ref readonly var piece in Pieces(own.Length))
        {
            var source = own.Slice(piece.Own.Start, piece.Own.Length);
            var target = pack.Slice(checked((int)(piece.Offset + (slot * piece.Stride))), (int)piece.Stride);
            if (piece.Run < piece.Padded) target.Clear();
            for (var run = 0; run < piece.Runs; run++) source.Slice(run * piece.Run, piece.Run).CopyTo(target[(run * piece.Padded)..]);
        }
    }

    private ReadOnlySpan<Piece> Pieces(int floats) => floats == Length ? _pieces : _pieces.AsSpan(0, Trained);

    private static Piece Cut(FlatSegment segment, LatentAxis axis, int latent, int padded, int start)
    {
        var shape = segment.Shape.Skip(1).ToArray();
        var all = checked((int)segment.ReplicaLength);
        var (runs, run) = (1, all);
        switch (axis)
        {
            case LatentAxis.HalvesOfRows:
                shape[0] = 2L * latent;
                (runs, run) = (2, all / 2 / padded * latent);
                break;
            case LatentAxis.Columns:
                shape[1] = latent;
                (runs, run) = (all / padded, latent);
                break;
        }

        return new(new TrialTensor(segment.Name, shape, start, runs * run), segment.Offset, segment.ReplicaLength, runs, run, all / runs);
    }

    /// <summary><paramref name="Runs"/> runs of <paramref name="Run"/> floats, each at the start of <paramref name="Padded"/> floats; slots lie <paramref name="Stride"/> apart.</summary>
    private readonly record struct Piece(TrialTensor Own, long Offset, long Stride, int Runs, int Run, int Padded);
}
