using System.Globalization;

namespace Vae.Torch;

/// <summary>
/// Modules applied one after the other, named by their position: <c>0</c>, <c>1</c>, ... Neighbouring linear layers and their activations are
/// computed as one <see cref="DenseStack"/>.
/// </summary>
public sealed class Sequential : Module<Tensor, Tensor>
{
    private readonly Module<Tensor, Tensor>[] _modules;
    private readonly object[] _parts; // A DenseStack or a module.

    internal Sequential(ReadOnlySpan<Module<Tensor, Tensor>> modules)
    {
        _modules = modules.ToArray();
        for (var i = 0; i < _modules.Length; i++) register_module(i.ToString(CultureInfo.InvariantCulture), _modules[i]);
        _parts = Cut(_modules);
    }

    /// <summary>The modules in order.</summary>
    internal ReadOnlySpan<Module<Tensor, Tensor>> Modules => _modules;

    /// <summary>Applies all of them. What lies between two modules is given up at once: if a gradient needs it, the graph has it, and else it would stay until the caller's scope ends.</summary>
    public override Tensor forward(Tensor input)
    {
        var current = input;
        for (var i = 0; i < _parts.Length; i++)
        {
            var result = _parts[i] switch
            {
                DenseStack stack => stack.forward(current),
                // A convolution applies the ReLU behind it while its result is still in registers.
                Convolution convolution when i + 1 < _parts.Length && _parts[i + 1] is Activation { Kind: ActivationKind.Relu } => Skip(convolution.forward_relu(current), ref i),
                var module => ((Module<Tensor, Tensor>)module).forward(current),
            };
            if (!ReferenceEquals(current, input) && !ReferenceEquals(current, result)) current.Dispose();
            current = result;
        }

        return current;

        static Tensor Skip(Tensor result, ref int i)
        {
            i++;
            return result;
        }
    }

    /// <inheritdoc/>
    public override string ToString() => $"Sequential({string.Join(", ", _modules.Select(static module => module.ToString()))})";

    private static object[] Cut(ReadOnlySpan<Module<Tensor, Tensor>> modules)
    {
        var parts = new List<object>();
        for (var i = 0; i < modules.Length;)
        {
            var length = DenseStack.LengthOfRun(modules[i..]);
            parts.Add(length == 0 ? modules[i] : new DenseStack(modules.Slice(i, length)));
            i += Math.Max(length, 1);
        }

        return [.. parts];
    }
}
