using Vae.Torch;

namespace Vae.Models.Networks;

/// <summary>
/// Dense layers the first of which gets a label beside its input: act(W x + b + V onehot(y)). That is a one-hot vector concatenated to x, but x is not copied, and W x is there once however many
/// labels it is asked for. It owns nothing: the modules keep their parameters and names.
/// </summary>
internal sealed class LabelledStack
{
    private readonly Linear _input;
    private readonly Linear _label;
    private readonly Module<Tensor, Tensor>? _activation;
    private readonly DenseStack? _rest;

    /// <param name="label">V, without a bias: [K, width, classes].</param>
    /// <param name="layers">Linear layers, each with at most one activation behind it.</param>
    public LabelledStack(Linear label, params ReadOnlySpan<Module<Tensor, Tensor>> layers)
    {
        (_label, _input) = (label, (Linear)layers[0]);
        var next = 1;
        if (layers.Length > 1 && layers[1] is not Linear) _activation = layers[next++];
        if (layers.Length > next) _rest = new DenseStack(layers[next..]);
    }

    /// <summary>[K, n, in], or [1, n, in] for all replicas, to [K, n, out], each row under its label.</summary>
    /// <param name="x">The rows.</param>
    /// <param name="oneHot">[K, n, C], or [1, n, C] for all replicas; a row of zeros has no label.</param>
    public Tensor Forward(Tensor x, Tensor oneHot) => Rest(_input.forward(x) + _label.forward(oneHot));

    /// <summary>[K, n, in] to [K, n C, out]: each row under every label, those of a row one after the other.</summary>
    /// <param name="x">[K, n, in], or [1, n, in] for all replicas.</param>
    /// <param name="rows">Int32 [K]: rows of the result that count in a training step; null: all.</param>
    public Tensor ForEachClass(Tensor x, Tensor? rows)
    {
        var hidden = _input.forward(x).unsqueeze(2) + _label.weight.transpose(1, 2).unsqueeze(1);
        using var step = torch.nn.step_rows(rows);
        return Rest(hidden.flatten(1, 2));
    }

    /// <summary>[K, n C, in], one row for each row and label, to [K, n C, out].</summary>
    public Tensor OfEachClass(Tensor z)
    {
        var hidden = _input.forward(z);
        var (replicas, rows, width, classes) = (hidden.size(0), hidden.size(1), hidden.size(2), _label.in_features);
        return Rest((hidden.view(replicas, rows / classes, classes, width) + _label.weight.transpose(1, 2).unsqueeze(1)).view(replicas, rows, width));
    }

    private Tensor Rest(Tensor hidden)
    {
        if (_activation is not null) hidden = _activation.forward(hidden);
        return _rest is null ? hidden : _rest.forward(hidden);
    }
}
