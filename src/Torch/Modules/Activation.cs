using System.Globalization;

namespace Vae.Torch;

/// <summary>Activations that a linear layer computes together with its bias. The numbers are those of <c>Act</c> in native/layers.h.</summary>
internal enum ActivationKind
{
    Identity = 0,
    Relu = 1,
    LeakyRelu = 2,
    Tanh = 3,
    Sigmoid = 4,
    Silu = 5,
    Gelu = 6,
    Elu = 7,
    Softplus = 8,
}

/// <summary>A module without parameters.</summary>
public sealed class Activation : Module<Tensor, Tensor>
{
    private readonly Func<Tensor, Tensor> _function;

    internal Activation(Func<Tensor, Tensor> function, ActivationKind? kind = null, double slope = 0) => (_function, Kind, Slope) = (function, kind, slope);

    /// <summary>Null where a linear layer cannot take it over.</summary>
    internal ActivationKind? Kind { get; }

    /// <summary>Of a leaky rectifier.</summary>
    internal double Slope { get; }

    /// <inheritdoc/>
    public override Tensor forward(Tensor input) => _function(input);

    /// <inheritdoc/>
    public override string ToString() => Kind switch
    {
        ActivationKind.Identity => "Identity()",
        ActivationKind.Relu => "ReLU()",
        ActivationKind.LeakyRelu => string.Create(CultureInfo.InvariantCulture, $"LeakyReLU({Slope})"),
        ActivationKind.Tanh => "Tanh()",
        ActivationKind.Sigmoid => "Sigmoid()",
        ActivationKind.Silu => "SiLU()",
        ActivationKind.Gelu => "GELU()",
        ActivationKind.Elu => "ELU()",
        ActivationKind.Softplus => "Softplus()",
        _ => base.ToString()!,
    };
}
