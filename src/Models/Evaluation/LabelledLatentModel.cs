using Vae.Models.Networks;
using Vae.Models.Objectives;
using Vae.Shared.Sweeps;
using Vae.Torch;

namespace Vae.Models.Evaluation;

/// <summary>
/// A model that takes labels, of the families <c>conditional</c> and <c>m2</c>, under one label for all rows or under one for each; without labels where none were chosen yet. The prior of z does not depend on the
/// label.
/// </summary>
internal sealed class LabelledLatentModel : LatentModel
{
    private readonly VaeNetwork _network;
    private readonly VaeLatentModel _inner;
    private readonly ClassBounds? _classes;
    private readonly int[] _labels; // None, one for all rows, or one for each.

    public LabelledLatentModel(VaeNetwork network, ModelSpec spec)
    {
        (_network, _inner, _labels) = (network, new VaeLatentModel(network, spec), []);
        if (network.Classifier is not null) _classes = new ClassBounds(network, spec);
    }

    private LabelledLatentModel(LabelledLatentModel model, int[] labels) => (_network, _inner, _classes, _labels) = (model._network, model._inner, model._classes, labels);

    public override ImageShape Image => _inner.Image;

    public override int Latent => _inner.Latent;

    public override bool IsDensity => _inner.IsDensity;

    public override torch.Device Device => _inner.Device;

    public override int Classes => _network.Classes;

    public override IReadOnlyList<int> Labels => _labels;

    public override bool InfersLabels => _classes is not null;

    public override LatentModel Under(params ReadOnlySpan<int> labels)
    {
        foreach (var label in labels)
            if (label < 0 || label >= Classes) throw new ArgumentOutOfRangeException(nameof(labels), label, $"There is no label {label}: the model has 0 to {Classes - 1}.");
        return new LabelledLatentModel(this, labels.ToArray());
    }

    public override LatentModel OfRows(Tensor x, ReadOnlySpan<int> labels)
    {
        if (!labels.IsEmpty) return Under(labels);
        if (_labels.Length == 1) return this; // One was chosen for all rows.
        return InfersLabels ? Under(Infer(x)) : throw Missing();
    }

    public override int[] Infer(Tensor x)
    {
        using var scope = torch.NewDisposeScope();
        return Array.ConvertAll(_network.Classify(x.unsqueeze(0)).argmax(2).cpu().ToArray<long>(), label => (int)label);
    }

    public override DiagonalPosterior Encode(Tensor x)
    {
        using var labels = _network.Under(LabelsOf(1, x.size(0)));
        return _inner.Encode(x);
    }

    public override Tensor Decode(Tensor z)
    {
        using var labels = _network.Under(LabelsOf(1, z.size(0)));
        return _inner.Decode(z);
    }

    public override Tensor LogLikelihood(Tensor x, Tensor z)
    {
        using var labels = _network.Under(LabelsOf(z.size(0), z.size(1)));
        return _inner.LogLikelihood(x, z);
    }

    public override RowBounds? BoundsOf(Tensor x, Tensor noise) => _classes?.OfHidden(x, noise);

    // [1, draws rows], draw by draw.
    private Tensor LabelsOf(long draws, long rows)
    {
        if (_labels.Length == 0) throw Missing();
        if (_labels.Length == 1) return torch.full([1, draws * rows], _labels[0], ScalarType.Int64, Device);
        if (_labels.Length != rows) throw new ArgumentException($"{rows} rows have {_labels.Length} labels.");
        return torch.tensor(Array.ConvertAll(_labels, label => (long)label), [1, 1, rows], Device).expand(1, draws, rows).reshape(1, draws * rows);
    }

    private static ArgumentException Missing() => new("The model takes the label of each row, and none are given.");
}
