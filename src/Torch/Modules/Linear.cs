using Vae.Torch.Interop;

namespace Vae.Torch;

/// <summary>
/// y = x W^T + b for K replicas: weight [K,out,in], bias [K,out], input [K,n,in], output [K,n,out]. An input [1,n,in] serves all replicas.
/// With K = 1 the input may also be [n,in], and the output is then [n,out].
/// </summary>
public sealed class Linear : Module<Tensor, Tensor>
{
    internal Linear(long inputs, long outputs, bool hasBias, int replicas, IReadOnlyList<torch.Generator>? generators)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(inputs);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(outputs);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(replicas);
        (in_features, out_features, this.replicas) = (inputs, outputs, replicas);
        weight = register_parameter("weight", torch.empty([replicas, outputs, inputs]));
        if (hasBias) bias = register_parameter("bias", torch.empty([replicas, outputs]));
        torch.nn.init.default_(weight, bias, inputs, generators);
    }

    /// <summary>[K,out,in].</summary>
    public Tensor weight { get; }

    /// <summary>[K,out], or null.</summary>
    public Tensor? bias { get; }

    /// <summary>Size of an input row.</summary>
    public long in_features { get; }

    /// <summary>Size of an output row.</summary>
    public long out_features { get; }

    /// <summary>K.</summary>
    public int replicas { get; }

    /// <inheritdoc/>
    public override Tensor forward(Tensor input) => torch.nn.functional.linear(input, weight, bias);

    /// <inheritdoc/>
    public override string ToString() => bias is null ? $"Linear({in_features}, {out_features}, bias=False)" : $"Linear({in_features}, {out_features})";
}

public static partial class torch
{
    public static partial class nn
    {
        public static partial class functional
        {
            /// <summary>See <see cref="Vae.Torch.Linear"/>. While a plain backward runs, weight gradients are added straight into an existing grad.</summary>
            public static unsafe Tensor linear(Tensor input, Tensor weight, Tensor? bias = null)
            {
                var parameters = stackalloc nint[] { weight.Handle, bias?.Handle ?? 0 };
                var identity = (int)ActivationKind.Identity;
                double slope = 0;
                return Tensor.Wrap(NativeAutograd.vae_dense(input.Handle, parameters, &identity, &slope, 1));
            }
        }
    }
}
