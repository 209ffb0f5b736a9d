using Vae.Torch.Interop;

namespace Vae.Torch;

/// <summary>
/// Updates flat parameters from flat gradients in one native pass. Each replica has its own settings and count of steps; an inactive one
/// keeps weights and state. A step allocates nothing.
/// <para>The parameters may be cut into two groups, the model's and, from some segment on, auxiliary ones (a discriminator) with their own numbers: setters take the group,
/// 0 by default. Replicas rest, reset and count steps in both at once.</para>
/// </summary>
public abstract unsafe class Optimizer : IDisposable
{
    private readonly NativeOptim.ReplicaSettings[] _settings;
    private readonly (string Name, Tensor Buffer)[] _buffers;
    private readonly int[] _starts; // First segment of each group, then the end.
    private readonly Tensor?[] _tables;

    private protected Optimizer(FlatParameters flat, NativeOptim.ReplicaSettings settings, ReadOnlySpan<string> buffers, int? auxiliary)
    {
        Flat = flat;
        if (auxiliary is < 1 || auxiliary >= flat.Segments.Count)
            throw new ArgumentOutOfRangeException(nameof(auxiliary), auxiliary, $"Each group needs parameters: 1 to {flat.Segments.Count - 1}, or null.");
        _starts = auxiliary is { } second ? [0, second, flat.Segments.Count] : [0, flat.Segments.Count];
        settings.Active = 1;
        settings.Norm = double.NaN;
        _settings = new NativeOptim.ReplicaSettings[Groups * flat.Replicas];
        Array.Fill(_settings, settings);
        _buffers = new (string, Tensor)[buffers.Length];
        for (var i = 0; i < _buffers.Length; i++) _buffers[i] = (buffers[i], FlatParameters.NewBuffer(flat.Count, flat.Device));
        _tables = new Tensor?[Groups];
        if (flat.Device.type == DeviceType.CPU) return;
        for (var group = 0; group < Groups; group++) _tables[group] = torch.zeros([NativeOptim.TableRows, flat.Replicas], device: flat.Device).DetachFromDisposeScope();
    }

    /// <summary>What is updated.</summary>
    public FlatParameters Flat { get; }

    /// <summary>Groups of parameters with their own numbers: 1, or 2 where some are auxiliary.</summary>
    public int Groups => _starts.Length - 1;

    /// <summary>State as flat buffers laid out like <see cref="FlatParameters.Parameters"/>, under PyTorch's names (<c>exp_avg</c>, ...): what a joining peer needs.</summary>
    public IReadOnlyList<(string name, Tensor buffer)> state => _buffers;

    /// <summary>State per parameter, named <c>exp_avg.encoder.0.weight</c>, as views owned by the current scope: what a checkpoint holds, with <see cref="Steps"/>.</summary>
    public IEnumerable<(string name, Tensor tensor)> named_state()
    {
        foreach (var (name, buffer) in _buffers)
            for (var i = 0; i < Flat.Segments.Count; i++)
                yield return ($"{name}.{Flat.Segments[i].Name}", Flat.View(buffer, i));
    }

    /// <summary>Updates done per replica, [K]; set when a checkpoint is loaded.</summary>
    /// <exception cref="ArgumentException">Set with another number of replicas, or a negative count.</exception>
    public long[] Steps
    {
        get => [.. _settings.Take(Flat.Replicas).Select(static s => s.Step)];
        set
        {
            if (value.Length != Flat.Replicas || value.Any(static v => v < 0)) throw new ArgumentException($"{Flat.Replicas} counts of steps, 0 or more, are needed.", nameof(value));
            for (var k = 0; k < value.Length; k++) SetSteps(k, value[k]);
        }
    }

    /// <summary>Updates done by one replica.</summary>
    public long GetSteps(int replica) => _settings[replica].Step;

    /// <summary>Sets the updates done by one replica, 0 or more: its state comes from a checkpoint.</summary>
    public void SetSteps(int replica, long steps)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(steps);
        for (var group = 0; group < Groups; group++) Settings(replica, group).Step = steps;
    }

    /// <summary>The settings that the next native pass gets.</summary>
    internal ReadOnlySpan<NativeOptim.ReplicaSettings> Replicas => _settings.AsSpan(0, Flat.Replicas);

    /// <summary>Learning rate of one replica.</summary>
    public double GetLearningRate(int replica = 0) => _settings[replica].LearningRate;

    /// <summary>Sets the learning rate of one replica from the next step on; finite and not negative.</summary>
    public void SetLearningRate(int replica, double rate, int group = 0) => Settings(replica, group).LearningRate = Checked(rate, nameof(rate));

    /// <summary>Sets the weight decay of one replica; finite and not negative.</summary>
    public void SetWeightDecay(int replica, double decay, int group = 0) => Settings(replica, group).WeightDecay = Checked(decay, nameof(decay));

    /// <summary>
    /// Scales one replica's gradient down to a Euclidean norm of at most <paramref name="max"/> in each step (Pascanu et al. 2013, algorithm 1);
    /// null ends it. The gradient buffer itself stays as it is. Only of the first group: auxiliary parameters are not clipped and do not count.
    /// </summary>
    public void SetGradientClip(int replica, double? max)
    {
        if (max is { } value && !(value > 0)) throw new ArgumentOutOfRangeException(nameof(max), max, "Above 0, or null.");
        _settings[replica].Clip = max is { } limit && double.IsFinite(limit) ? limit : 0;
        _settings[replica].Norm = double.NaN;
    }

    /// <summary>The norm of one replica's gradient before clipping, in the last step; NaN where it was not measured: without clipping, and on other devices than the host.</summary>
    public double GetGradientNorm(int replica) => _settings[replica].Norm;

    /// <summary>Whether some replica's gradient is clipped.</summary>
    public bool Clips
    {
        get
        {
            foreach (ref readonly var settings in _settings.AsSpan())
                if (settings.Clip > 0)
                    return true;
            return false;
        }
    }

    /// <summary>Whether a replica takes part in steps.</summary>
    public bool IsActive(int replica) => _settings[replica].Active != 0;

    /// <summary>Lets a replica rest or go on.</summary>
    public void SetActive(int replica, bool active)
    {
        for (var group = 0; group < Groups; group++) Settings(replica, group).Active = active ? 1 : 0;
    }

    /// <summary>Forgets one replica's state and steps: its slot gets a new trial.</summary>
    public void ResetReplica(int replica)
    {
        using var scope = torch.NewDisposeScope();
        foreach (var (_, buffer) in _buffers)
            for (var i = 0; i < Flat.Segments.Count; i++)
                Flat.View(buffer, i).select(0, replica).zero_();
        SetSteps(replica, 0);
    }

    /// <summary>One update from the gradients as they are.</summary>
    public void step()
    {
        prepare();
        apply();
    }

    /// <summary>
    /// The first half of <see cref="step"/>: counts the update and, on a device, writes the table of this step's factors there. A captured graph
    /// holds only <see cref="apply"/>; this comes before each replay.
    /// </summary>
    public void prepare()
    {
        foreach (ref var settings in _settings.AsSpan())
            if (settings.Active != 0)
                settings.Step++;
        fixed (NativeOptim.ReplicaSettings* settings = _settings)
            for (var group = 0; group < Groups; group++)
                if (_tables[group] is { } table)
                    Status.Check(NativeOptim.vae_optimizer_table(settings + (group * Flat.Replicas), Flat.Replicas, IsAdam ? 1 : 0, table.Handle));
    }

    /// <summary>The second half of <see cref="step"/>: updates weights and state.</summary>
    public void apply()
    {
        fixed (long* offsets = Flat.Offsets, lengths = Flat.Lengths)
        fixed (NativeOptim.ReplicaSettings* settings = _settings)
            for (var group = 0; group < Groups; group++)
            {
                var first = _starts[group];
                Status.Check(Apply(offsets + first, lengths + first, _starts[group + 1] - first, settings + (group * Flat.Replicas), _tables[group]?.Handle ?? 0));
            }
    }

    /// <summary>See <see cref="FlatParameters.zero_grad"/>.</summary>
    public void zero_grad() => Flat.zero_grad();

    /// <summary>Frees the state.</summary>
    public void Dispose()
    {
        foreach (var (_, buffer) in _buffers) buffer.Dispose();
        foreach (var table in _tables) table?.Dispose();
        GC.SuppressFinalize(this);
    }

    private protected abstract int Apply(long* offsets, long* lengths, int segments, NativeOptim.ReplicaSettings* settings, nint table);

    private protected abstract bool IsAdam { get; }

    private protected nint Buffer(int index) => _buffers[index].Buffer.Handle;

    private protected ref NativeOptim.ReplicaSettings Settings(int replica, int group = 0) => ref _settings[(group * Flat.Replicas) + replica];

    private protected static double Checked(double value, string name) =>
        double.IsFinite(value) && value >= 0 ? value : throw new ArgumentOutOfRangeException(name, value, "Finite and not negative.");

    private protected static double Fraction(double value, string name) =>
        value is >= 0 and < 1 ? value : throw new ArgumentOutOfRangeException(name, value, "At least 0 and below 1.");
}

/// <summary>
/// Adam (Kingma and Ba, 2015) and AdamW (Loshchilov and Hutter, 2019) by PyTorch's formulas:
/// p -= lr / (1 - b1^t) m / (sqrt(v) / sqrt(1 - b2^t) + eps).
/// </summary>
public sealed unsafe class Adam : Optimizer
{
    internal Adam(FlatParameters flat, double rate, double beta1, double beta2, double epsilon, double decay, bool decoupled, int? auxiliary) : base(flat, new()
    {
        LearningRate = Checked(rate, nameof(rate)),
        Beta1 = Fraction(beta1, nameof(beta1)),
        Beta2 = Fraction(beta2, nameof(beta2)),
        Epsilon = Checked(epsilon, nameof(epsilon)),
        WeightDecay = Checked(decay, nameof(decay)),
        Decoupled = decoupled ? 1 : 0,
    }, ["exp_avg", "exp_avg_sq"], auxiliary)
    {
    }

    /// <summary>Sets the decay rates of one replica's averages, in [0, 1).</summary>
    public void SetBetas(int replica, double beta1, double beta2, int group = 0) =>
        (Settings(replica, group).Beta1, Settings(replica, group).Beta2) = (Fraction(beta1, nameof(beta1)), Fraction(beta2, nameof(beta2)));

    /// <summary>Sets the number that keeps one replica's division from failing; finite and not negative.</summary>
    public void SetEpsilon(int replica, double epsilon, int group = 0) => Settings(replica, group).Epsilon = Checked(epsilon, nameof(epsilon));

    private protected override bool IsAdam => true;

    private protected override int Apply(long* offsets, long* lengths, int segments, NativeOptim.ReplicaSettings* settings, nint table) =>
        NativeOptim.vae_adam_step(Flat.Parameters.Handle, Flat.Gradients.Handle, Buffer(0), Buffer(1), offsets, lengths, segments, Flat.Replicas, settings, table);
}

/// <summary>Gradient descent with momentum, Nesterov's form and weight decay by PyTorch's formulas.</summary>
public sealed unsafe class SGD : Optimizer
{
    internal SGD(FlatParameters flat, double rate, double momentum, double dampening, double decay, bool nesterov) : base(flat, new()
    {
        LearningRate = Checked(rate, nameof(rate)),
        Momentum = Checked(momentum, nameof(momentum)),
        Dampening = Checked(dampening, nameof(dampening)),
        WeightDecay = Checked(decay, nameof(decay)),
        Nesterov = nesterov ? 1 : 0,
    }, ["momentum_buffer"], auxiliary: null)
    {
        if (nesterov && (momentum == 0 || dampening != 0)) throw new ArgumentException("Nesterov's form needs a momentum and no dampening.", nameof(nesterov));
    }

    /// <summary>Sets the momentum of one replica; finite and not negative.</summary>
    public void SetMomentum(int replica, double momentum) => Settings(replica).Momentum = Checked(momentum, nameof(momentum));

    private protected override bool IsAdam => false;

    private protected override int Apply(long* offsets, long* lengths, int segments, NativeOptim.ReplicaSettings* settings, nint table) =>
        NativeOptim.vae_sgd_step(Flat.Parameters.Handle, Flat.Gradients.Handle, Buffer(0), offsets, lengths, segments, Flat.Replicas, settings, table);
}

public static partial class torch
{
    /// <summary>Optimizers over flat parameters. The arguments' defaults are PyTorch's.</summary>
    public static class optim
    {
        /// <inheritdoc cref="Vae.Torch.Adam"/>
        /// <remarks>Parameters from segment <paramref name="auxiliary"/> on are the second group; null: there is none.</remarks>
        public static Adam Adam(
            FlatParameters parameters, double lr = 1e-3, double beta1 = 0.9, double beta2 = 0.999, double eps = 1e-8, double weight_decay = 0, int? auxiliary = null) =>
            new(parameters, lr, beta1, beta2, eps, weight_decay, decoupled: false, auxiliary);

        /// <inheritdoc cref="Adam(FlatParameters, double, double, double, double, double, int?)"/>
        public static Adam AdamW(
            FlatParameters parameters, double lr = 1e-3, double beta1 = 0.9, double beta2 = 0.999, double eps = 1e-8, double weight_decay = 1e-2, int? auxiliary = null) =>
            new(parameters, lr, beta1, beta2, eps, weight_decay, decoupled: true, auxiliary);

        /// <inheritdoc cref="Vae.Torch.SGD"/>
        public static SGD SGD(FlatParameters parameters, double learningRate, double momentum = 0, double dampening = 0, double weight_decay = 0, bool nesterov = false) =>
            new(parameters, learningRate, momentum, dampening, weight_decay, nesterov);
    }
}
