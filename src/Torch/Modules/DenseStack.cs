using Vae.Torch.Interop;

namespace Vae.Torch;

/// <summary>
/// A run of linear layers, each with its activation, as one native call and one node of the graph. It owns nothing: the modules keep their
/// parameters and names. Inside a <see cref="torch.nn.training_step"/> on the host, bias and activation cost one pass each way and weight gradients
/// go straight into <c>grad</c>; elsewhere it computes what the modules would, one after the other.
/// </summary>
public sealed unsafe class DenseStack
{
    private readonly Linear[] _layers;
    private readonly int[] _kinds;
    private readonly double[] _slopes;

    /// <param name="modules">Linear layers, activations and sequences of them; it begins with a linear layer.</param>
    /// <exception cref="ArgumentException">A module is of another kind.</exception>
    public DenseStack(params ReadOnlySpan<Module<Tensor, Tensor>> modules)
    {
        var flat = new List<Module<Tensor, Tensor>>();
        Flatten(modules, flat);
        if (flat.Count == 0 || LengthOfRun([.. flat]) != flat.Count) throw new ArgumentException("Only linear layers, each with at most one activation behind it, make a stack.", nameof(modules));
        _layers = [.. flat.OfType<Linear>()];
        _kinds = new int[_layers.Length];
        _slopes = new double[_layers.Length];
        var layer = -1;
        foreach (var module in flat)
        {
            if (module is Linear) layer++;
            else if (module is Activation activation) (_kinds[layer], _slopes[layer]) = ((int)activation.Kind!, activation.Slope);
        }
    }

    /// <summary>[K,n,in], [1,n,in] for all replicas, or [n,in] for K = 1, to [K,n,out] or [n,out].</summary>
    public Tensor forward(Tensor input)
    {
        var parameters = stackalloc nint[2 * _layers.Length];
        for (var i = 0; i < _layers.Length; i++) (parameters[2 * i], parameters[2 * i + 1]) = (_layers[i].weight.Handle, _layers[i].bias?.Handle ?? 0);
        fixed (int* kinds = _kinds)
        fixed (double* slopes = _slopes)
            return Tensor.Wrap(NativeAutograd.vae_dense(input.Handle, parameters, kinds, slopes, _layers.Length));
    }

    /// <summary>How many modules from the first on make one stack; 0 when the first is no linear layer.</summary>
    internal static int LengthOfRun(ReadOnlySpan<Module<Tensor, Tensor>> modules)
    {
        var length = 0;
        while (length < modules.Length && modules[length] is Linear) length += length + 1 < modules.Length && modules[length + 1] is Activation { Kind: not null } ? 2 : 1;
        return length;
    }

    private static void Flatten(ReadOnlySpan<Module<Tensor, Tensor>> modules, List<Module<Tensor, Tensor>> flat)
    {
        foreach (var module in modules)
        {
            if (module is Sequential sequence) Flatten(sequence.Modules, flat);
            else flat.Add(module);
        }
    }
}

public static partial class torch
{
    public static partial class nn
    {
        /// <summary>
        /// Opens a training step on this thread: the layers of the forward pass may assume that one plain backward of first order follows, with
        /// the gradients added to each parameter's existing <c>grad</c>. So on the host they skip what only general graphs need, and the rows
        /// of the slots that do not count. Steps do not nest.
        /// </summary>
        /// <param name="rows">Int32 [K]: the rows of each slot that count, as for <see cref="Fused"/>; null: all.</param>
        /// <exception cref="TorchException">A step is open already.</exception>
        public static TrainingStep training_step(Tensor? rows = null)
        {
            Status.Check(NativeAutograd.vae_begin_training_step(rows?.Handle ?? 0));
            return default;
        }

        /// <summary>
        /// Inside a training step, lets the layers that run until the result is disposed compute other rows: several samples of each row, or rows that all slots
        /// have. Outside of a step nothing happens.
        /// </summary>
        /// <param name="rows">Int32 [K]: the rows of each slot that count in what the layers get; null: all.</param>
        public static unsafe StepRows step_rows(Tensor? rows)
        {
            nint before;
            Status.Check(NativeAutograd.vae_swap_step_rows(rows?.Handle ?? 0, &before));
            return new StepRows(before == 0 ? null : Tensor.Wrap(before));
        }

        /// <summary>Goes back to the rows before when disposed.</summary>
        public readonly unsafe ref struct StepRows(Tensor? before) : IDisposable
        {
            /// <inheritdoc/>
            public void Dispose()
            {
                nint own;
                Status.Check(NativeAutograd.vae_swap_step_rows(before?.Handle ?? 0, &own));
                if (own != 0) Tensor.Wrap(own).Dispose();
                before?.Dispose();
            }
        }

        /// <summary>Ends the step when disposed.</summary>
        public readonly ref struct TrainingStep : IDisposable
        {
            /// <inheritdoc/>
            public void Dispose() => NativeAutograd.vae_end_training_step();
        }
    }
}
